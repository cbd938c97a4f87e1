"""How fast `darkroom predict` is beside its parts alone: decoding on all cores, and the bare runtime.

`python -m benchmarks.predict MODEL FOLDER` measures on your own images, with the model that
`darkroom predict --model` takes. Rounds take turns, and the medians are printed, since the machine may be
busy. Decoding and computing share the cores, so at most 1 / (1/decoding + 1/runtime) images a second are
possible.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from darkroom.machine import cores
from darkroom.prediction.flow import model_input
from darkroom.prediction.items import Item
from darkroom.prediction.loading import load
from darkroom.prediction.places import find


def main() -> None:
    """Measure and print images a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("images", help="a folder, an archive, a table or a list")
    parser.add_argument("--most", type=int, default=2000, help="images (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    model = load(options.model)
    items = list(find(options.images, Path.cwd()))[: options.most]

    def decode(item: Item) -> None:
        try:
            model_input(item, model.classifier)
        except Exception:  # what is no image costs the whole command the same
            return

    def decode_all() -> None:
        with ThreadPoolExecutor(cores().count) as pool:
            list(pool.map(decode, items))

    pixels = np.random.default_rng(0).integers(0, 256, (len(items), *model.shape), dtype=np.uint8)
    tasks: dict[str, Callable[[], object]] = {
        "decoding alone": decode_all,
        "the bare runtime": lambda: model.classifier.predict(pixels),
        "darkroom predict": lambda: list(model.classified(items)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(options.rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    rates = {name: len(items) / statistics.median(values) for name, values in seconds.items()}
    decoding, runtime, whole = rates.values()
    limit = 1 / (1 / decoding + 1 / runtime)
    print(f"{len(items):,} images, {model}, {cores()}")
    for name, rate in rates.items():
        print(f"{name:18} {rate:8,.0f} images a second")
    print(f"{'possible':18} {limit:8,.0f} images a second: darkroom predict has {whole / limit:.0%} of it")


if __name__ == "__main__":
    main()
