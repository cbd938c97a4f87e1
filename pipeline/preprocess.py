"""Raw files to splits: images as arrays, a seeded stratified split, statistics and a data report."""

from darkroom.config.data import Data
from darkroom.data import preparation
from darkroom.data.corrections.reading import CorrectionError
from darkroom.data.sources import own, read_raw
from darkroom.data.sources.raw import Raw
from darkroom.data.storage import SourceError
from darkroom.files import read_json, write_json, write_table
from darkroom.machine import cores
from darkroom.text import class_folder
from darkroom.tracking.runs import log_files, log_metrics, open_run
from pipeline import CHECKPOINTS, DATA, REPORTS, ROOT, read_params, tracking_uri
from pipeline.stage import stage


def main() -> None:
    """Run the stage."""
    params = read_params()
    try:
        prepared = preparation.prepare(
            read_images(params.data),
            ROOT / "corrections" / class_folder(params.data.name),
            name=params.data.name,
            validation_fraction=params.data.validation_fraction,
            seed=params.seed,
            similarity=params.evaluate.duplicate_similarity,
            mirror=params.augment.flip != "none",
            fit=params.data.fit,
        )
    except (CorrectionError, SourceError) as error:
        raise SystemExit(str(error)) from error
    hashes = preparation.write_splits(prepared, DATA)
    meta = preparation.meta(prepared, hashes)
    source = read_json(DATA / "source.json")
    write_json(DATA / "meta.json", meta)
    write_json(REPORTS / "data.json", preparation.report(prepared, hashes, source))
    write_table(REPORTS / "corrections.csv", prepared.corrections.outcomes)
    write_table(REPORTS / "left_out.csv", own.left_out(DATA / "raw"))
    sizes = {name: len(split) for name, split in prepared.splits.items()}
    tags = {"stage": "preprocess", "data.source": source["source"]}
    if "official" in source:  # one's own images have no official release
        tags["data.official"] = source["official"]
    with open_run(tracking_uri(), params.data.name, name="preprocess", tags=tags):
        log_metrics(sizes, prefix="images.")
        log_files(
            REPORTS / "data.json", REPORTS / "corrections.csv", DATA / "meta.json", DATA / "source.json"
        )
    if summary := prepared.corrections.summary:
        outcomes = ", ".join(
            f"{summary[outcome]:,} {outcome}" for outcome in ("taken", "relabels", "refused")
        )
        print(f"{len(prepared.corrections.outcomes):,} corrections: {outcomes} (reports/corrections.csv)")
    print(
        f"{params.data.name}: {', '.join(f'{size:,} {name}' for name, size in sizes.items())} images of "
        f"{meta['height']}x{meta['width']}x{meta['channels']}, {len(meta['classes'])} classes"
    )


def read_images(settings: Data) -> Raw:
    """Read the images of the published data set, or of the scan."""
    if not settings.source:
        return read_raw(settings.name, DATA / "raw")
    return own.read(
        settings,
        DATA / "raw",
        root=ROOT,
        work=CHECKPOINTS / "images",
        workers=cores().count,
    )


if __name__ == "__main__":
    stage(main)
