"""Search params.yaml's space on training and validation images; the best values go to models/tuned.json.

The stage begins the study, or continues it, and runs `tune.workers` workers. More of them can be started with
`python -m pipeline.tune --worker`, on any machine with the same checkout, data and OPTUNA_STORAGE.
"""

import argparse
import os
import sys

from darkroom.files import write_json, write_table
from darkroom.tuning.errors import StudyError
from darkroom.tuning.results import SearchResult, nothing_searched
from darkroom.tuning.run_search import run_search
from darkroom.tuning.search import Places, prepare_search
from darkroom.tuning.supervision import WorkerError
from darkroom.tuning.worker import run_worker
from darkroom.tuning.worker_processes import end_with_parent
from pipeline import CHECKPOINTS, DATA, REPORTS, ROOT, STUDY, TUNED, read_params, tracking_uri
from pipeline.stage import stage

WORKER = [sys.executable, "-m", "pipeline.tune", "--worker", "--owned"]


def main() -> None:
    """Run the stage, or a worker of it."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.tune", description=__doc__)
    parser.add_argument("--worker", action="store_true", help="run trials of the study begun elsewhere")
    parser.add_argument("--owned", action="store_true", help=argparse.SUPPRESS)  # started by the stage
    arguments = parser.parse_args()
    if arguments.owned:
        end_with_parent()
    params = read_params()
    storage = os.environ.get("OPTUNA_STORAGE") or f"sqlite:///{CHECKPOINTS / 'studies.db'}"
    places = Places(ROOT, DATA, CHECKPOINTS, storage, tracking_uri())
    with_backbone = params.model.backbone != "none"
    try:
        if arguments.worker and with_backbone:
            raise StudyError(f"there is no study to work on: {no_trials(params.model.backbone)}")
        if arguments.worker:
            run_worker(prepare_search(params, places), refuse_finished=not arguments.owned)
        elif with_backbone:
            write_outputs(nothing_searched(params.data.name, no_trials(params.model.backbone)))
        elif params.tune.trials == 0:
            write_outputs(nothing_searched(params.data.name))
        else:
            write_outputs(run_search(prepare_search(params, places), WORKER))
    except (StudyError, WorkerError) as error:
        raise SystemExit(str(error)) from error


def no_trials(backbone: str) -> str:
    """Return why a training with a backbone is not searched for."""
    return (
        f"model.backbone is {backbone}, so there are no trials (the stage train tries every strength of the "
        "linear layer itself, in seconds)"
    )


def write_outputs(result: SearchResult) -> None:
    """Write what the search found, and print its summary."""
    write_json(TUNED, result.best_values)
    write_json(STUDY, result.record)
    write_json(REPORTS / "tune.json", result.summary)
    # without the seconds, in which equal searches differ; study.json and MLflow have them
    write_table(REPORTS / "trials.csv", result.trials.drop(columns="seconds"))
    print(result.text)


if __name__ == "__main__":
    stage(main)
