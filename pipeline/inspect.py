"""Look at the data before training: a page that says what to mend, its numbers, and labels to review."""

from typing import Any

from darkroom.data.splits import open_split, read_meta
from darkroom.files import read_json
from darkroom.reporting.data_report.inputs import Inspection, read_data
from darkroom.reporting.data_report.label_page import label_page
from darkroom.reporting.data_report.label_sets import LabelInspection, inspect_sets, write_sets
from darkroom.reporting.data_report.report import NUMBERS, inspect, write
from darkroom.tracking.runs import log_files, log_metrics, open_run
from darkroom.training.preview import previews
from pipeline import DATA, REPORTS, read_params, tracking_uri
from pipeline.stage import stage


def main() -> None:
    """Run the stage."""
    params, meta = read_params(), read_meta(DATA / "meta.json")
    data = read_data(DATA, REPORTS / "left_out.csv", meta)
    how: dict[str, Any] = {
        "similarity": params.evaluate.duplicate_similarity,
        "mirror": params.augment.flip != "none",
    }
    found: Inspection | LabelInspection
    if meta.several:
        found = inspect_sets(data, **how)
        written = write_sets(REPORTS, found, label_page(found))
    else:
        found = inspect(data, previews(open_split(DATA / "train"), params, mean=meta.mean), **how)
        written = write(REPORTS, found)
    with open_run(tracking_uri(), meta.name, name="inspect", tags={"stage": "inspect"}):
        log_metrics(read_json(REPORTS / NUMBERS)["strange"], prefix="strange.")
        log_files(*written)
    print("\n".join(found.verdict))
    print(f"{written[0]} shows it")


if __name__ == "__main__":
    stage(main)
