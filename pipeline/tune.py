"""Search params.yaml's space on training and validation pictures; the best values go to models/tuned.json."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from tqdm import tqdm

from darkroom import tracking
from darkroom.checkpoints import fingerprint
from darkroom.files import atomic_write, write_json, write_table
from darkroom.inference import choose_device, choose_precision, set_threads
from darkroom.params import Params, override
from darkroom.splits import Meta, Split, open_split, read_meta, split_sha256
from darkroom.training import Epoch, fit, model_config, new_classifier, shrink_split
from darkroom.tuning import best_values, finished_trials, open_study, run_study, trials_table
from pipeline import CHECKPOINTS, DATA, REPORTS, TRAINING, TUNED, read_params, tracking_uri


def main() -> None:
    """Run the stage."""
    params = read_params()
    if params.tune.trials == 0:
        write_json(TUNED, {})
        write_json(REPORTS / "tune.json", {"trials": 0})
        with atomic_write(REPORTS / "trials.csv") as file:
            file.write(b"trial,state,validation_accuracy,epochs,seconds\n")
        print("tune.trials is 0: training takes params.yaml as it is")
        return
    set_threads(params.train.threads)
    device, device_reason = choose_device(params.train.device)
    precision, precision_reason = choose_precision(params.train.precision, device)
    print(f"device {device_reason}; precision {precision_reason}")
    meta = read_meta(DATA / "meta.json")
    train = open_split(DATA / "train").first(params.tune.pictures)
    validation = open_split(DATA / "validation")
    if params.tune.resolution:
        train, validation = (shrink_split(split, params.tune.resolution) for split in (train, validation))
    settings = params.model_dump(mode="json", include=TRAINING | {"tune"})
    del settings["tune"]["trials"]  # a study goes on to another total
    name = fingerprint(settings, [split_sha256(DATA / part) for part in ("train", "validation")])
    study = open_study(
        CHECKPOINTS / f"tune-{name}" / "study.db", seed=params.seed, startup_trials=params.tune.startup_trials
    )
    if study.trials:
        print(f"going on with a study of {finished_trials(study)} finished trials")
    uri = tracking_uri()
    with tracking.open_run(uri, params.data.name, name="tune", tags={"stage": "tune", "study": name}):
        tracking.log_params(settings["tune"])
        with tqdm(
            total=params.tune.trials, initial=finished_trials(study), unit="trial", disable=None
        ) as bar:
            run_study(
                study,
                params=params,
                trials=params.tune.trials,
                objective=partial(
                    train_trial,
                    train=train,
                    validation=validation,
                    meta=meta,
                    device=device,
                    precision=precision,
                ),
                open_trial=partial(open_trial, uri=uri, experiment=params.data.name, bar=bar),
                on_pruned=lambda: tracking.set_tags({"pruned": True}),
            )
        table = trials_table(study)
        write_table(REPORTS / "trials.csv", table)
        best = best_values(study)
        write_json(
            REPORTS / "tune.json",
            {
                "study": name,
                "trials": len(table),
                "pruned": int((table["state"] == "pruned").sum()),
                "failed": int((table["state"] == "fail").sum()),
                "best_trial": study.best_trial.number,
                "best_validation_accuracy": study.best_value,
            },
        )
        tracking.log_metrics({"best_validation_accuracy": study.best_value})
        tracking.log_files(REPORTS / "trials.csv")
    write_json(TUNED, best)
    print(f"best of {len(table)} trials: {study.best_value:.2%} validation accuracy with {study.best_params}")


@contextmanager
def open_trial(number: int, values: dict[str, Any], *, uri: str, experiment: str, bar: Any) -> Iterator[None]:
    """Show a trial as a run below the study's, and on the progress bar."""
    tags = {"stage": "trial", "trial": str(number)}
    with tracking.open_run(uri, experiment, name=f"trial {number}", nested=True, tags=tags):
        tracking.log_params(values)
        yield
    bar.update()


def train_trial(
    params: Params,
    report: Callable[[Epoch], None],
    *,
    train: Split,
    validation: Split,
    meta: Meta,
    device: torch.device,
    precision: torch.dtype,
) -> float:
    """Train a trial's net on small pictures and return its best validation accuracy."""
    budget = {
        "epochs": params.tune.epochs,
        "patience": params.tune.epochs,
        "low_resolutions": (),
        "hardest_share": 1.0,
        "use_validation": False,
        "processes": 1,
    }
    params = override(params, {"train": budget})
    config = model_config(params, meta) | {"height": train.images.shape[1], "width": train.images.shape[2]}

    def on_epoch(epoch: Epoch) -> None:
        tracking.log_metrics({"validation_accuracy": epoch.validation_accuracy}, step=epoch.epoch)
        report(epoch)

    classifier = new_classifier(config, train, seed=params.seed)
    result = fit(
        classifier, train, validation, params=params, device=device, precision=precision, on_epoch=on_epoch
    )
    assert result.best.validation_accuracy is not None, "there is a validation split"
    return result.best.validation_accuracy


if __name__ == "__main__":
    main()
