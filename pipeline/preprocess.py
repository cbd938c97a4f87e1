"""Raw files to splits: images as arrays, a seeded stratified split, statistics and a data report."""

import numpy as np

from darkroom.config import Params
from darkroom.data.corrections import CorrectionError, TakenIn, read_corrections, take_in
from darkroom.data.report import channel_statistics, data_report
from darkroom.data.sources import read_raw
from darkroom.data.splits import Split, split_sha256, write_split
from darkroom.data.splitting import manifest, split_indices
from darkroom.files import read_json, write_json, write_table
from darkroom.text import class_folder
from darkroom.tracking.runs import log_files, log_metrics, open_run
from pipeline import DATA, REPORTS, ROOT, read_params, tracking_uri


def main() -> None:
    """Run the stage."""
    params = read_params()
    raw = read_raw(params.data.name, DATA / "raw")
    train, validation = split_indices(
        raw.train.labels, validation_fraction=params.data.validation_fraction, seed=params.seed
    )
    splits = {
        "train": Split(raw.train.images[train], raw.train.labels[train]),
        "validation": Split(raw.train.images[validation], raw.train.labels[validation]),
        "test": raw.test,
    }
    taken = add_corrections(params, splits, raw.classes)
    splits["train"] = taken.train
    # corrections have no place in the published part
    train = np.pad(train, (0, len(taken.train) - len(train)), constant_values=-1)
    indices = {"train": train, "validation": validation, "test": np.arange(len(raw.test))}
    manifests = {name: manifest(split, indices[name], raw.classes) for name, split in splits.items()}
    if (taken.files != "").any():
        manifests["train"]["source"] = np.where(taken.files != "", "correction", "data")
        manifests["train"]["correction"] = taken.files
    for name, split in splits.items():
        write_split(DATA / name, split, manifests[name])
    mean, std = channel_statistics(splits["train"].images)
    height, width, channels = raw.train.images.shape[1:]
    hashes = {name: split_sha256(DATA / name) for name in splits}
    write_json(
        DATA / "meta.json",
        {
            "name": params.data.name,
            "classes": list(raw.classes),
            "height": height,
            "width": width,
            "channels": channels,
            "mean": mean,
            "std": std,
            **{name: len(split) for name, split in splits.items()},
            "test_sha256": hashes["test"],
            **in_meta(taken),
        },
    )
    source = read_json(DATA / "source.json")
    report = {"source": source, "sha256": hashes, **data_report(splits, manifests, raw.classes)}
    if taken.summary:
        report["corrections"] = taken.summary
    write_json(REPORTS / "data.json", report)
    tags = {"stage": "preprocess", "data.source": source["source"], "data.official": source["official"]}
    with open_run(tracking_uri(), params.data.name, name="preprocess", tags=tags):
        log_metrics({name: len(split) for name, split in splits.items()}, prefix="images.")
        log_files(
            REPORTS / "data.json", REPORTS / "corrections.csv", DATA / "meta.json", DATA / "source.json"
        )
    counts = ", ".join(f"{len(split):,} {name}" for name, split in splits.items())
    print(f"{params.data.name}: {counts} images of {height}x{width}x{channels}, {len(raw.classes)} classes")


def add_corrections(params: Params, splits: dict[str, Split], classes: tuple[str, ...]) -> TakenIn:
    """Return the training images with the corrections; write and say what came of each."""
    height, width, channels = splits["train"].images.shape[1:]
    folder = ROOT / "corrections" / class_folder(params.data.name)
    try:
        found = read_corrections(folder, classes, height=height, width=width, channels=channels)
    except CorrectionError as error:
        raise SystemExit(str(error)) from error
    taken = take_in(
        found,
        splits,
        classes,
        similarity=params.evaluate.duplicate_similarity,
        mirror=params.augment.flip != "none",
    )
    write_table(REPORTS / "corrections.csv", taken.outcomes)
    if found:
        told = ", ".join(
            f"{taken.summary[outcome]:,} {outcome}" for outcome in ("taken", "relabels", "refused")
        )
        print(f"{len(found):,} corrections: {told} (reports/corrections.csv)")
    return taken


def in_meta(taken: TakenIn) -> dict[str, object]:
    """Return what data/meta.json tells of the corrections: nothing where none went in."""
    used = int((taken.files != "").sum())
    return {"corrections": used, "corrections_sha256": taken.summary["sha256"]} if used else {}


if __name__ == "__main__":
    main()
