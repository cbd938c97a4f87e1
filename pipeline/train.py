"""Train the classifier with params.yaml and what the tuner found, or a linear layer on a backbone."""

import shutil
from contextlib import nullcontext
from typing import Any

import torch

from darkroom import stopping
from darkroom.config import Params
from darkroom.data.splits import Split, open_split, read_meta, split_sha256
from darkroom.environment import user_cache
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.files import write_json
from darkroom.models import processes
from darkroom.models.classifier import Classifier
from darkroom.models.hardware import choose_device, choose_precision, set_threads
from darkroom.models.inference import accuracy, predict_logits
from darkroom.tracking import runs
from darkroom.tracking.training_run import TrainingRun, open_training_run
from darkroom.training import head, label_head, outputs
from darkroom.training.fingerprint import fingerprint
from darkroom.training.history import Epoch, Fit
from darkroom.training.loop import fit
from darkroom.training.start import backbone_weights, join_for_final_fit, model_config, new_classifier
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
    weights = backbone_weights(params, root=ROOT, cache=user_cache())
    precision, precision_reason = choose_precision(params.train.precision, device)
    if weights and params.train.precision == "auto":
        precision, precision_reason = torch.float32, "fp32: auto computes a backbone's features in it"
    first = processes.rank() == 0
    if first:
        print(f"device {device_reason}; precision {precision_reason}")
        print(f"{processes.count()} process(es), each with {threads}")
    if weights:
        print(f"backbone {weights.backbone.name}, licence {weights.licence}, of {weights.place}", flush=True)
    settings = params.model_dump(mode="json", include=TRAINING)
    data = [split_sha256(DATA / part) for part in ("train", "validation")]
    # outside DVC's outs, which it deletes before the stage runs
    folder = CHECKPOINTS / f"train-{fingerprint(settings, data)}"
    images = open_split(DATA / "train").first(params.train.images)
    validation = open_split(DATA / "validation")
    final = params.train.use_validation
    if final:
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
            print(line_on(epoch, params.train.epochs), flush=True)

    how: dict[str, Any] = {"params": params, "device": device, "precision": precision, "on_epoch": show}
    with open_training_run(run) if first else nullcontext("") as run_id:
        if weights:
            kept: dict[str, Any] = {"sha256": data, "config": config, "folder": CHECKPOINTS / "features"}
            fit_head = label_head.train_label_head if images.several else head.train_head
            fitted: Fit = fit_head(classifier, images, validation, **kept, **how)
        else:
            fitted = fit(classifier, images, None if final else validation, checkpoints=folder, **how)
        if not first:
            return
        with_views = None if final else measured(classifier, validation, device=device)
        summary = outputs.summary(fitted, classifier, accuracy_with_views=with_views)
        timing = outputs.timing(fitted, device=device, precision=precision)
        line = outputs.result_line(fitted, views=params.model.views, accuracy_with_views=with_views)
        if isinstance(fitted, label_head.LabelHeadFit):
            assert with_views is not None
            summary |= label_head.summary(fitted, config["classes"])
            timing |= {"feature_seconds": fitted.feature_seconds}
            line = label_head.result_line(fitted, views=params.model.views, precision_with_views=with_views)
        elif isinstance(fitted, head.HeadFit):
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


def line_on(epoch: Epoch, epochs: int) -> str:
    """Return a line on an epoch, or on the fit of one strength of a linear layer."""
    if isinstance(epoch, label_head.LabelHead):
        return label_head.progress_line(epoch)
    return head.progress_line(epoch) if isinstance(epoch, head.Head) else outputs.progress_line(epoch, epochs)


def measured(classifier: Classifier, split: Split, *, device: torch.device) -> float:
    """Return the accuracy of a split with all views; of several labels their mAP."""
    if split.several:
        return mean_average_precision(predict_logits(classifier, split, device=device), split.labels)
    return accuracy(classifier, split, device=device)


if __name__ == "__main__":
    stage(main)
