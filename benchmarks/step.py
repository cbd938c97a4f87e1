"""The speed of a training step: variants of one setting each, beside the default, in turn.

`python -m benchmarks.step` prints a table; it takes a few minutes. The images are noise, because only speed
is measured. Each round runs all variants, so that a slow minute of the machine affects all of them.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.recipe import read_recipe
from darkroom.models.hardware import choose_device, choose_precision
from darkroom.models.memory import keep_freed_memory
from darkroom.models.networks import build_net
from darkroom.training.optimizers import OptimizerSettings, build_optimizers
from pipeline import ROOT


@dataclass(frozen=True)
class Variant:
    """The settings of a step of airbench94's net."""

    batch: int = 500
    side: int = 22  # of the images, in pixels
    precision: str = "auto"  # as in training; or "bf16" by autocast, "fp32", "bf16 weights" with fp32 masters
    muon: str = ""  # the precision in which Muon's steps are orthogonalised, where it is another
    stem: bool = False  # whether the biases of the whitening stem are trained
    first_block: bool = True  # whether the first block is
    channels_last: bool = True
    compiled: bool = False
    activation: str = "gelu"


VARIANTS = {
    "22 pixels, batch 500, channels-last": Variant(),
    "bf16": Variant(precision="bf16"),
    "fp32": Variant(precision="fp32"),
    "bf16 weights, fp32 masters": Variant(precision="bf16 weights"),
    "Muon in bf16": Variant(muon="bf16"),
    "Muon in fp32": Variant(muon="fp32"),
    "channels first": Variant(channels_last=False),
    "stem's biases trained": Variant(stem=True),
    "torch.compile": Variant(compiled=True),
    "hard swish": Variant(activation="hardswish"),
    "batch 250": Variant(batch=250),
    "batch 1000": Variant(batch=1000),
    "batch 2000": Variant(batch=2000),
    "16 pixels": Variant(side=16),
    "20 pixels": Variant(side=20),
    "24 pixels": Variant(side=24),
    "28 pixels": Variant(side=28),
    "32 pixels": Variant(side=32),
    "32 pixels, hard swish": Variant(side=32, activation="hardswish"),
    "32 pixels, first block frozen": Variant(side=32, first_block=False),
    "32 pixels, batch 2000, stem's biases trained": Variant(side=32, batch=2000, stem=True),
}


def prepare(variant: Variant, device: torch.device) -> Callable[[], None]:
    """Return a function that trains for one step."""
    torch.manual_seed(0)
    config = {**read_recipe("airbench94")["model"], "channels": 3, "classes": [str(n) for n in range(10)]}
    config["activation"] = variant.activation
    net = build_net(config)
    net.get_parameter("whitening.bias").requires_grad_(variant.stem)
    net.get_submodule("blocks.0").requires_grad_(variant.first_block)
    layout = torch.channels_last if variant.channels_last else torch.contiguous_format
    net.to(device).to(memory_format=layout).train()
    named = variant.precision.removesuffix(" weights")
    precision, _ = choose_precision(named, device)
    autocast = precision == torch.bfloat16 and variant.precision == named
    settings = OptimizerSettings(
        learning_rate=0.1,
        weight_decay=2e-6,
        batch_size=variant.batch,
        precision=choose_precision(variant.muon, device)[0] if variant.muon else precision,
    )
    optimizers = build_optimizers(net, "muon", settings)
    x = torch.randn(variant.batch, 3, variant.side, variant.side, device=device).to(memory_format=layout)
    labels = torch.randint(0, 10, (variant.batch,), device=device)
    narrow = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    masters: list[tuple[nn.Parameter, Tensor]] = []
    if variant.precision == "bf16 weights":
        masters = [(weight, weight.data) for module in narrow for weight in module.parameters()]
        x = x.bfloat16()
    forward: Callable[[Tensor], Tensor] = torch.compile(net) if variant.compiled else net

    def step() -> None:
        for weight, master in masters:  # forward and backward use the bf16 copy
            weight.data = master.bfloat16()
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast):
            logits = forward(x)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        for weight, master in masters:
            gradient = weight.grad
            weight.data, weight.grad = master, None
            weight.grad = None if gradient is None else gradient.float()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def main() -> None:
    """Time all variants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="*", help="words that a variant's name holds")
    parser.add_argument(
        "--keep-memory",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="freed memory is kept for the next tensors, as in training",
    )
    arguments = parser.parse_args()
    if arguments.keep_memory:
        keep_freed_memory()
    device, _ = choose_device("auto")
    chosen = {
        name: variant
        for name, variant in VARIANTS.items()
        if variant == Variant() or not arguments.only or any(word in name for word in arguments.only)
    }
    steps = {name: prepare(variant, device) for name, variant in chosen.items()}
    seconds: dict[str, list[float]] = {name: [] for name in chosen}
    for step in tqdm(steps.values(), desc="warm up", disable=None):
        for _ in range(2):
            step()
    for _ in tqdm(range(arguments.rounds), desc="rounds", disable=None):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - started)
    rates = {name: [chosen[name].batch / took for took in times] for name, times in seconds.items()}
    first = next(iter(rates.values()))
    print(f"{ROOT.name}: torch {torch.__version__}, {device}, {torch.get_num_threads()} threads")
    print(f"the default's precision is {choose_precision('auto', device)[1]}\n")
    print("| variant | images/s | of the default |\n| --- | --- | --- |")
    for name, values in rates.items():
        ratio = statistics.median(value / base for value, base in zip(values, first, strict=True))
        print(f"| {name} | {statistics.median(values):.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
