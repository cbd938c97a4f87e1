"""Train the classifier with params.yaml and what the tuner found, or a linear layer on a backbone."""

import shutil
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from darkroom import stopping
from darkroom.config import Params
from darkroom.data.splits import Split, split_sha256
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.files import write_json
from darkroom.models import processes
from darkroom.models.backbones.licences import licence_warning
from darkroom.models.classifier import Classifier
from darkroom.models.hardware import Hardware, choose_hardware
from darkroom.models.inference import accuracy, predict_logits
from darkroom.tracking import runs
from darkroom.tracking.training_run import TrainingRun, open_training_run
from darkroom.training import fine_tuning, head, label_head, minutes, outputs
from darkroom.training.fingerprint import fingerprint
from darkroom.training.history import Epoch, Fit
from darkroom.training.loop import fit
from darkroom.training.start import Start, backbone_weights, begin
from darkroom.training.step_times import measured_ways
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
        print(f"device {hardware.reasons['device']}; precision {hardware.reasons['precision']}")
        print(f"{processes.count()} process(es), each with {hardware.reasons['threads']}")
    if weights:
        print(f"backbone {weights.backbone.name}, licence {weights.licence}", flush=True)
        if warning := licence_warning(weights.licence):
            print(warning, flush=True)
    settings = params.model_dump(mode="json", include=TRAINING)
    data = [split_sha256(DATA / part) for part in ("train", "validation")]
    # outside DVC's outs, which it deletes before the stage runs
    of_weights = [weights.sha256] if weights else []
    folder = CHECKPOINTS / f"train-{fingerprint(settings, data + of_weights)}"
    start = begin(params, DATA, weights, folder=folder)
    tags = {**hardware.reasons, "data.train_sha256": data[0], "data.validation_sha256": data[1]}
    tags |= {f"backbone.{key}": str(value) for key, value in start.config.get("backbone", {}).items()}
    run = TrainingRun(tracking_uri(), params.data.name, folder, ROOT, settings, tags)

    def show(epoch: Epoch) -> None:
        if first:
            before = isinstance(epoch, head.Head) and params.model.tune_backbone != "none"
            prefix = "linear_layer." if before else ""  # epochs of fine-tuning have the same numbers
            runs.log_metrics(outputs.epoch_metrics(epoch), step=epoch.epoch, prefix=prefix)
            print(outputs.progress_line(epoch, params.train.epochs), flush=True)

    how: dict[str, Any] = {"device": hardware.device, "precision": hardware.precision, "on_epoch": show}
    tuned: fine_tuning.Tuned | None = None
    plan: minutes.Plan | None = None
    with open_training_run(run) if first else nullcontext("") as run_id:
        if weights:
            how |= {"sha256": data, "config": start.config, "folder": CHECKPOINTS / "features"}
            fit_head = label_head.train_label_head if start.images.several else head.train_head
            splits = start.classifier, start.images, start.validation
            fitted: Fit = fit_head(*splits, params=params, **how)
            if params.train.minutes:
                plan, until = planned(params, start, hardware, folder, began)
                params = minutes.planned(params, plan)
                how |= {"enough": minutes.out_of_time(until)}
            if params.model.tune_backbone != "none":
                tuned = fine_tuning.fine_tune(*splits, params=params, checkpoints=folder, **how)
                print(fine_tuning.verdict_line(tuned), flush=True)
                fitted = tuned.fitted if tuned.kept else fitted
        else:
            held_out = None if params.train.use_validation else start.validation
            fitted = fit(start.classifier, start.images, held_out, params=params, checkpoints=folder, **how)
        if first:
            write(fitted, start, params, hardware, run_id, tuned, plan)
    if first:
        shutil.rmtree(folder)


def planned(
    params: Params, start: Start, hardware: Hardware, folder: Path, began: float
) -> tuple[minutes.Plan, float]:
    """Return what is fine-tuned within train.minutes, and when it has to end by the performance counter."""
    where: dict[str, Any] = {"device": hardware.device, "precision": hardware.precision}
    ways, after = measured_ways(start.classifier, start.images, start.validation, params=params, **where)
    until = began + 60 * params.train.minutes - after

    def make() -> minutes.Plan:
        left = until - time.perf_counter()
        return minutes.plan_minutes(ways, seconds=left, epochs=params.train.epochs)

    plan = minutes.kept_plan(folder, make)
    what = f"{plan.epochs} epochs of {plan.name}" if plan.epochs else "the linear layer alone"
    print(f"train.minutes is {params.train.minutes:g}: {what}", *plan.reasons, sep="\n  ", flush=True)
    return plan, until


def write(
    fitted: Fit,
    start: Start,
    params: Params,
    hardware: Hardware,
    run_id: str,
    tuned: fine_tuning.Tuned | None = None,
    plan: minutes.Plan | None = None,
) -> None:
    """Write and log the classifier and the reports, and print the result."""
    with_views = None
    if not params.train.use_validation:
        with_views = measured(start.classifier, start.validation, device=hardware.device)
    summary = outputs.summary(fitted, start.classifier, accuracy_with_views=with_views)
    if isinstance(fitted, label_head.LabelHeadFit):
        summary |= label_head.summary(fitted, start.config["classes"])
    if plan:
        summary |= minutes.summary(plan)
    if tuned:
        summary |= fine_tuning.summary(tuned)
        start.config["tune_backbone"] = params.model.tune_backbone if tuned.kept else "none"
    timing = outputs.timing(fitted, device=hardware.device, precision=hardware.precision)
    outputs.write_model(start.classifier, start.config, MODELS)
    outputs.write_reports(fitted, summary, timing, REPORTS)
    write_json(MODELS / "run.json", {"run_id": run_id})
    runs.log_metrics({key: summary[key] for key in ("best_epoch", "validation")})
    reports = [REPORTS / name for name in ("curve.csv", "train.json", "train_timing.json")]
    runs.log_files(*reports, TUNED, DATA / "source.json")
    runs.log_files(MODELS / "model.safetensors", MODELS / "model_config.json", folder="weights")
    print(outputs.result_line(fitted, views=params.model.views, accuracy_with_views=with_views))


def measured(classifier: Classifier, split: Split, *, device: torch.device) -> float:
    """Return the accuracy of a split with all views; of several labels their mAP."""
    if split.several:
        return mean_average_precision(predict_logits(classifier, split, device=device), split.labels)
    return accuracy(classifier, split, device=device)


if __name__ == "__main__":
    stage(main)
