"""Draw the figures and the page of the study that `tune` searched, and log them to its run."""

from darkroom.files import read_json
from darkroom.reporting.study_report import write_study
from darkroom.reporting.study_view import read_study
from darkroom.tracking import runs
from pipeline import REPORTS, STUDY, tracking_uri
from pipeline.stage import stage


def main() -> None:
    """Run the stage."""
    record = read_json(STUDY)
    title = f"study {record['study'] or record['experiment']}"
    written = write_study(REPORTS, read_study(record) if record["trials"] else None, title=title)
    run_id = record["run_id"]  # None if nothing was searched; a fresh clone's store may lack the run
    if run_id and runs.has_run(tracking_uri(), run_id):
        with runs.open_run(tracking_uri(), record["experiment"], name="tune", run_id=run_id):
            runs.log_files(REPORTS / "trials.csv", *written)


if __name__ == "__main__":
    stage(main)
