"""Raw files to splits: pictures as arrays, a seeded stratified split, statistics and a data report."""

import numpy as np

from darkroom.datasets import channel_statistics, data_report, manifest, read_raw, split_indices
from darkroom.files import read_json, write_json
from darkroom.splits import Split, split_sha256, write_split
from darkroom.tracking import log_files, log_metrics, open_run
from pipeline import DATA, REPORTS, read_params, tracking_uri


def main() -> None:
    """Run the stage."""
    params = read_params()
    raw = read_raw(params.data.name, DATA / "raw")
    train, validation = split_indices(
        raw.learning.labels, validation_fraction=params.data.validation_fraction, seed=params.seed
    )
    splits = {
        "train": Split(raw.learning.images[train], raw.learning.labels[train]),
        "validation": Split(raw.learning.images[validation], raw.learning.labels[validation]),
        "test": raw.test,
    }
    indices = {"train": train, "validation": validation, "test": np.arange(len(raw.test))}
    manifests = {name: manifest(split, indices[name], raw.classes) for name, split in splits.items()}
    for name, split in splits.items():
        write_split(DATA / name, split, manifests[name])
    mean, std = channel_statistics(splits["train"].images)
    height, width, channels = raw.learning.images.shape[1:]
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
        },
    )
    source = read_json(DATA / "source.json")
    report = {"source": source, "sha256": hashes, **data_report(splits, manifests, raw.classes)}
    write_json(REPORTS / "data.json", report)
    tags = {"stage": "preprocess", "data.source": source["source"], "data.official": source["official"]}
    with open_run(tracking_uri(), params.data.name, name="preprocess", tags=tags):
        log_metrics({name: len(split) for name, split in splits.items()}, prefix="pictures.")
        log_files(REPORTS / "data.json", DATA / "meta.json", DATA / "source.json")
    counts = ", ".join(f"{len(split):,} {name}" for name, split in splits.items())
    print(f"{params.data.name}: {counts} pictures of {height}x{width}x{channels}, {len(raw.classes)} classes")


if __name__ == "__main__":
    main()
