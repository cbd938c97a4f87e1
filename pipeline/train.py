"""Train the classifier with params.yaml and what the tuner found; keep the best epoch."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save

from darkroom.config import Params
from darkroom.data.splits import join_splits, open_split, read_meta, split_sha256
from darkroom.files import atomic_write, read_json, write_json, write_table
from darkroom.models import processes
from darkroom.models.hardware import choose_device, choose_precision, set_threads
from darkroom.models.inference import predict
from darkroom.tracking import lineage, runs
from darkroom.training.fingerprint import fingerprint
from darkroom.training.history import Epoch, Fit
from darkroom.training.loop import fit
from darkroom.training.start import model_config, new_classifier
from pipeline import CHECKPOINTS, DATA, MODELS, REPORTS, ROOT, TRAINING, TUNED, read_params, tracking_uri


def main() -> None:
    """Run the stage, in as many processes as params.yaml says."""
    params = read_params(tuned=True)
    if params.train.processes > 1 and not processes.launched():
        processes.launch(params.train.processes, "pipeline.train")
        return
    with processes.joined():
        train(params)


def train(params: Params) -> None:
    """Train; of several processes the first writes the outputs."""
    set_threads(params.train.threads, processes=processes.on_this_machine())
    device, device_reason = choose_device(params.train.device)
    precision, precision_reason = choose_precision(params.train.precision, device)
    first = processes.rank() == 0
    if first:
        print(f"device {device_reason}; precision {precision_reason}; {processes.count()} process(es)")
    settings = params.model_dump(mode="json", include=TRAINING)
    data = [split_sha256(DATA / part) for part in ("train", "validation")]
    # outside DVC's outs, which it deletes before the stage runs
    folder = CHECKPOINTS / f"train-{fingerprint(settings, data)}"
    tags = {
        "stage": "train",
        "commit": lineage.commit(ROOT) or "none",
        "data.train_sha256": data[0],
        "data.validation_sha256": data[1],
        "device": device_reason,
        "precision": precision_reason,
    }
    learning = open_split(DATA / "train").first(params.train.images)
    validation = open_split(DATA / "validation")
    config = model_config(params, read_meta(DATA / "meta.json"))
    if params.train.use_validation:
        if first:
            join_splits(folder / "joined", [learning, validation])
        processes.wait()
        learning = open_split(folder / "joined")
    classifier = new_classifier(config, learning, seed=params.seed)
    with open_run(folder, params, settings, tags) if first else nullcontext("") as run_id:
        result = fit(
            classifier,
            learning,
            None if params.train.use_validation else validation,
            params=params,
            device=device,
            precision=precision,
            checkpoints=folder,
            on_epoch=(lambda epoch: show(epoch, params.train.epochs)) if first else lambda epoch: None,
        )
        if not first:
            return
        with_views = None
        if not params.train.use_validation:
            probabilities = predict(classifier, validation, device=device)
            with_views = float(np.mean(probabilities.argmax(1) == validation.labels))
        write_outputs(classifier, config, run_id)
        report(result, classifier, device=device, precision=precision, with_views=with_views)
    shutil.rmtree(folder)
    accuracy = result.best.validation_accuracy
    print(
        f"best epoch {result.best.epoch} of {len(result.history)}: {accuracy:.2%} validation accuracy, "
        f"{with_views:.2%} with {params.model.views} views"
        if accuracy is not None
        else f"trained on validation images too: the last of {len(result.history)} epochs is kept"
    )


@contextmanager
def open_run(folder: Path, params: Params, settings: dict[str, Any], tags: dict[str, str]) -> Iterator[str]:
    """Open the run of this training in MLflow: the one its checkpoints belong to, or a new one."""
    known = read_json(folder / "run.json")["run_id"] if (folder / "run.json").is_file() else None
    with runs.open_run(tracking_uri(), params.data.name, name="train", run_id=known, tags=tags) as run_id:
        write_json(folder / "run.json", {"run_id": run_id})
        runs.log_params(settings)
        runs.log_text(lineage.uncommitted_diff(ROOT).decode(errors="replace"), "uncommitted.diff")
        yield run_id


def report(
    result: Fit,
    classifier: torch.nn.Module,
    *,
    device: torch.device,
    precision: torch.dtype,
    with_views: float | None,
) -> None:
    """Write what training came to into reports/, and log it."""
    history = pd.DataFrame([asdict(epoch) for epoch in result.history])
    write_table(REPORTS / "curve.csv", history)
    summary = {
        "best_epoch": result.best.epoch,
        "epochs": len(result.history),
        "stopped_early": result.stopped_early,
        "validation": {
            "loss": result.best.validation_loss,
            "accuracy": result.best.validation_accuracy,
            "accuracy_with_views": with_views,
        },
        "seconds": float(history["seconds"].sum()),
        "parameters": sum(weight.numel() for weight in classifier.parameters()),
        "device": device.type,
        "precision": str(precision).removeprefix("torch."),
    }
    write_json(REPORTS / "train.json", summary)
    runs.log_metrics({"best_epoch": summary["best_epoch"], "validation": summary["validation"]})
    runs.log_files(REPORTS / "curve.csv", REPORTS / "train.json", TUNED, DATA / "source.json")
    runs.log_files(MODELS / "model.safetensors", MODELS / "model_config.json", folder="weights")


def show(epoch: Epoch, epochs: int) -> None:
    """Log an epoch, and print it with the time that is left."""
    values = asdict(epoch)
    runs.log_metrics({key: value for key, value in values.items() if key != "epoch"}, step=epoch.epoch)
    left = (epochs - epoch.epoch) * epoch.seconds
    validation = "" if epoch.validation_accuracy is None else f"validation {epoch.validation_accuracy:.2%}  "
    print(
        f"epoch {epoch.epoch:2d}/{epochs}  loss {epoch.train_loss:.3f}  train {epoch.train_accuracy:.2%}  "
        f"{validation}"
        f"{epoch.images_per_second:.0f} images/s  {epoch.seconds:.0f} s, about {left:.0f} s left",
        flush=True,
    )


def write_outputs(classifier: torch.nn.Module, config: dict[str, object], run_id: str) -> None:
    """Write the weights, what they belong to, and the run that made them."""
    weights = {key: value.detach().cpu().contiguous() for key, value in classifier.state_dict().items()}
    with atomic_write(MODELS / "model.safetensors") as file:
        file.write(save(weights))
    write_json(MODELS / "model_config.json", config)
    write_json(MODELS / "run.json", {"run_id": run_id})


if __name__ == "__main__":
    main()
