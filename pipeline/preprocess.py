"""Raw files to splits: images as arrays, a seeded stratified split, statistics and a data report."""

from darkroom.data import preparation
from darkroom.data.corrections.reading import CorrectionError
from darkroom.data.sources import read_raw
from darkroom.files import read_json, write_json, write_table
from darkroom.text import class_folder
from darkroom.tracking.runs import log_files, log_metrics, open_run
from pipeline import DATA, REPORTS, ROOT, read_params, tracking_uri
from pipeline.stage import stage


def main() -> None:
    """Run the stage."""
    params = read_params()
    try:
        prepared = preparation.prepare(
            read_raw(params.data.name, DATA / "raw"),
            ROOT / "corrections" / class_folder(params.data.name),
            name=params.data.name,
            validation_fraction=params.data.validation_fraction,
            seed=params.seed,
            similarity=params.evaluate.duplicate_similarity,
            mirror=params.augment.flip != "none",
        )
    except CorrectionError as error:
        raise SystemExit(str(error)) from error
    hashes = preparation.write_splits(prepared, DATA)
    meta = preparation.meta(prepared, hashes)
    source = read_json(DATA / "source.json")
    write_json(DATA / "meta.json", meta)
    write_json(REPORTS / "data.json", preparation.report(prepared, hashes, source))
    write_table(REPORTS / "corrections.csv", prepared.corrections.outcomes)
    sizes = {name: len(split) for name, split in prepared.splits.items()}
    tags = {"stage": "preprocess", "data.source": source["source"], "data.official": source["official"]}
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


if __name__ == "__main__":
    stage(main)
