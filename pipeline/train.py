"""Train the classifier with params.yaml and what the tuner found, or a linear layer on a backbone."""

import shutil
from contextlib import nullcontext
from typing import Any

from darkroom import stopping
from darkroom.config import Params
from darkroom.data.splits import open_split, read_meta, split_sha256
from darkroom.files import write_json
from darkroom.models import processes
from darkroom.models.backbones.licences import licence_warning
from darkroom.models.hardware import choose_device, choose_precision, set_threads
from darkroom.models.inference import accuracy
from darkroom.tracking import runs
from darkroom.tracking.training_run import TrainingRun, open_training_run
from darkroom.training import head, outputs
from darkroom.training.fingerprint import fingerprint
from darkroom.training.history import Epoch, Fit
from darkroom.training.loop import fit
from darkroom.training.start import (
    backbone_weights,
    feature_precision,
    join_for_final_fit,
    model_config,
    new_classifier,
)
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
    threads = set_threads(params.train.threads, processes=processes.on_this_machine())
    device, device_reason = choose_device(params.train.device)
    weights = backbone_weights(params, folder=MODELS / "backbone")
    precision, precision_reason = choose_precision(params.train.precision, device)
    if weights:
        precision, precision_reason = feature_precision(params, device)
    first = processes.rank() == 0
    if first:
        print(f"device {device_reason}; precision {precision_reason}")
        print(f"{processes.count()} process(es), each with {threads}")
    if weights:
        print(f"backbone {weights.backbone.name}, licence {weights.licence}", flush=True)
        if warning := licence_warning(weights.licence):
            print(warning, flush=True)
    settings = params.model_dump(mode="json", include=TRAINING)
    data = [split_sha256(DATA / part) for part in ("train", "validation")]
    # outside DVC's outs, which it deletes before the stage runs
    of_weights = [weights.sha256] if weights else []
    folder = CHECKPOINTS / f"train-{fingerprint(settings, data + of_weights)}"
    images = open_split(DATA / "train").first(params.train.images)
    validation = open_split(DATA / "validation")
    final = params.train.use_validation
    if final and not weights:
        images = join_for_final_fit(images, validation, folder / "joined")
    config = model_config(params, read_meta(DATA / "meta.json"), weights)
    classifier = new_classifier(config, images, seed=params.seed, weights=weights)
    tags = {"device": device_reason, "precision": precision_reason, "threads": threads}
    tags |= {"data.train_sha256": data[0], "data.validation_sha256": data[1]}
    tags |= {f"backbone.{key}": str(value) for key, value in config.get("backbone", {}).items()}
    run = TrainingRun(tracking_uri(), params.data.name, folder, ROOT, settings, tags)

    def show(epoch: Epoch) -> None:
        if first:
            runs.log_metrics(outputs.epoch_metrics(epoch), step=epoch.epoch)
            of_head = head.progress_line(epoch) if isinstance(epoch, head.Head) else None
            print(of_head or outputs.progress_line(epoch, params.train.epochs), flush=True)

    how: dict[str, Any] = {"params": params, "device": device, "precision": precision, "on_epoch": show}
    with open_training_run(run) if first else nullcontext("") as run_id:
        if weights:
            kept: dict[str, Any] = {"sha256": data, "config": config, "folder": CHECKPOINTS / "features"}
            fitted: Fit = head.train_head(classifier, images, validation, **kept, **how)
        else:
            fitted = fit(classifier, images, None if final else validation, checkpoints=folder, **how)
        if not first:
            return
        with_views = None if final else accuracy(classifier, validation, device=device)
        summary = outputs.summary(fitted, classifier, accuracy_with_views=with_views)
        timing = outputs.timing(fitted, device=device, precision=precision)
        line = outputs.result_line(fitted, views=params.model.views, accuracy_with_views=with_views)
        if isinstance(fitted, head.HeadFit):
            summary |= head.summary(fitted)
            timing |= {"feature_seconds": fitted.feature_seconds}
            line = head.result_line(fitted, views=params.model.views, accuracy_with_views=with_views)
        outputs.write_model(classifier, config, MODELS)
        outputs.write_reports(fitted, summary, timing, REPORTS)
        write_json(MODELS / "run.json", {"run_id": run_id})
        runs.log_metrics({key: summary[key] for key in ("best_epoch", "validation")})
        reports = [REPORTS / name for name in ("curve.csv", "train.json", "train_timing.json")]
        runs.log_files(*reports, TUNED, DATA / "source.json")
        runs.log_files(MODELS / "model.safetensors", MODELS / "model_config.json", folder="weights")
    shutil.rmtree(folder)
    print(line)


if __name__ == "__main__":
    stage(main)
