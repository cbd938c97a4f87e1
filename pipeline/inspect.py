"""Look at the data before training: a page that says what to mend, its numbers, and labels to review."""

from darkroom.data.splits import open_split, read_meta
from darkroom.files import read_json
from darkroom.reporting.data_report.inputs import read_data
from darkroom.reporting.data_report.report import NUMBERS, inspect, write
from darkroom.tracking.runs import log_files, log_metrics, open_run
from darkroom.training.preview import previews
from pipeline import DATA, REPORTS, read_params, tracking_uri
from pipeline.stage import stage


def main() -> None:
    """Run the stage."""
    params, meta = read_params(), read_meta(DATA / "meta.json")
    found = inspect(
        read_data(DATA, REPORTS / "left_out.csv", meta),
        previews(open_split(DATA / "train"), params, mean=meta.mean),
        similarity=params.evaluate.duplicate_similarity,
        mirror=params.augment.flip != "none",
    )
    written = write(REPORTS, found)
    with open_run(tracking_uri(), meta.name, name="inspect", tags={"stage": "inspect"}):
        log_metrics(read_json(REPORTS / NUMBERS)["strange"], prefix="strange.")
        log_files(*written)
    print("\n".join(found.verdict))
    print(f"{written[0]} shows it")


if __name__ == "__main__":
    stage(main)
