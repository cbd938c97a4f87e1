"""Train the classifier with params.yaml and what the tuner found: from scratch, or on a backbone."""

import shutil
import time
from contextlib import nullcontext
from typing import Any

from darkroom import stopping
from darkroom.config import Params
from darkroom.data.splits import split_sha256
from darkroom.models import processes
from darkroom.models.hardware import choose_hardware
from darkroom.models.label_vectors import kept_label_vectors
from darkroom.tracking import runs
from darkroom.tracking.training_run import TrainingRun, open_training_run
from darkroom.training import head, outputs
from darkroom.training.fingerprint import fingerprint
from darkroom.training.history import Epoch
from darkroom.training.start import backbone_weights, begin
from darkroom.training.trained import train_classifier
from pipeline import CHECKPOINTS, DATA, MODELS, REPORTS, ROOT, TRAINING, TUNED, read_params, tracking_uri
from pipeline.stage import stage


def main() -> None:
    """Run the stage, in as many processes as params.yaml sets."""
    params = read_params(tuned=True)
    if params.train.processes > 1 and not processes.launched():
        processes.launch(params.train.processes, "pipeline.train")
        return
    with processes.joined():
        try:
            train(params)
        except stopping.Stopped as stopped:
            raise stopping.Stopped(stopped.signal, stopped.done, told=processes.rank() > 0) from None


def train(params: Params) -> None:
    """Train; of several processes the first writes the outputs."""
    if processes.launched():
        stopping.leave_end_to_parent()
    first, began = processes.rank() == 0, time.perf_counter()
    weights = backbone_weights(params, folder=MODELS / "backbone")
    asked, share = params.train, processes.on_this_machine()
    hardware = choose_hardware(asked.device, asked.precision, asked.threads, processes=share)
    if weights and asked.precision == "auto":
        hardware = head.in_fp32(hardware)
    if first:
        print(*outputs.opening_lines(hardware, weights, processes=processes.count()), sep="\n", flush=True)
    settings = params.model_dump(mode="json", include=TRAINING)
    data = [split_sha256(DATA / part) for part in ("train", "validation")]
    of_weights = [weights.sha256] if weights else []
    # outside DVC's outs, which it deletes before the stage runs
    folder = CHECKPOINTS / f"train-{fingerprint(settings, data + of_weights)}"
    start = begin(params, DATA, weights, folder=folder)
    vectors = kept_label_vectors(params.model.label_vectors, start.config["classes"], MODELS / "backbone")
    tags = {**hardware.reasons, "data.train_sha256": data[0], "data.validation_sha256": data[1]}
    tags |= {f"backbone.{key}": str(value) for key, value in start.config.get("backbone", {}).items()}
    run = TrainingRun(tracking_uri(), params.data.name, folder, ROOT, settings, tags)

    def show(epoch: Epoch) -> None:
        if first:
            before = isinstance(epoch, head.Head) and params.model.tune_backbone != "none"
            prefix = "linear_layer." if before else ""  # epochs of fine-tuning have the same numbers
            runs.log_metrics(outputs.epoch_metrics(epoch), step=epoch.epoch, prefix=prefix)
            print(outputs.progress_line(epoch, params.train.epochs), flush=True)

    how: dict[str, Any] = {"features": CHECKPOINTS / "features", "checkpoints": folder, "began": began}
    with open_training_run(run) if first else nullcontext("") as run_id:
        how |= {"on_epoch": show, "label_vectors": vectors}
        trained = train_classifier(start, params, hardware, sha256=data, **how)
        if first:
            summary = outputs.write_outputs(trained, start, params, hardware, MODELS, REPORTS, run_id=run_id)
            runs.log_metrics({key: summary[key] for key in ("best_epoch", "validation")})
            reports = [REPORTS / name for name in ("curve.csv", "train.json", "train_timing.json")]
            runs.log_files(*reports, TUNED, DATA / "source.json")
            runs.log_files(MODELS / "model.safetensors", MODELS / "model_config.json", folder="weights")
    if first:
        shutil.rmtree(folder)


if __name__ == "__main__":
    stage(main)
