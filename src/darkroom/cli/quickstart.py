"""`quickstart`: every stage on scikit-learn's digits, in a scratch copy, in a few minutes.

The checkout is not changed. MLflow's database and the Bento are kept in their places, which git ignores,
so that `make ui` and `make serve` show the result.
"""

import os
import sys
import time
from pathlib import Path

import click

from darkroom import stopping
from darkroom.cli.context import ROOT
from darkroom.cli.folder_name import folder_problem
from darkroom.cli.stoppable import stoppable

SMALL = (
    "data.name=digits",
    "model.widths=[32,64,64]",
    "model.convolutions=2",
    "model.views=1",
    "augment.flip=none",
    "augment.translate=1",
    "train.epochs=12",
    "train.batch_size=64",
    "train.low_resolutions=[]",
    "train.hardest_share=1",
    "train.first_block_until=1",
    "tune.trials=4",
    "tune.epochs=4",
    "tune.images=0",
    "tune.resolution=0",
    "tune.startup_trials=2",
    "tune.space.train.batch_size.choices=[32,64,128]",
    "evaluate.duplicate_similarity=0.99",
)


@click.command()
def quickstart() -> None:
    """Run every stage on the digits.

    They run in a scratch copy of the checkout and take a few minutes.
    """
    from darkroom.cli.scratch_copy import save_experiment, scratch_copy, set_params

    if problem := folder_problem(str(ROOT)):
        raise SystemExit(problem)
    name = f"quickstart-{time.strftime('%Y%m%d-%H%M%S')}"
    environment = scratch_environment(ROOT, dict(os.environ))
    print("Running every stage on the digits; about two minutes.\n", flush=True)
    started = time.perf_counter()
    advice = "The checkout was not changed. `make quickstart` starts from the beginning."
    with stoppable(advice), scratch_copy(ROOT) as copy:
        set_params(copy / "params.yaml", SMALL)
        # --force: each stage really runs, also where DVC remembers its outputs from the last quickstart
        command = [sys.executable, "-m", "dvc", "repro", "--force"]
        if stopping.run_command(command, folder=copy, environment=environment):
            raise SystemExit("\nA stage failed: its message is above. The checkout was not changed.")
        not_kept = save_experiment(ROOT, copy, name, environment)
        print(summary(copy, seconds=time.perf_counter() - started))
    if not_kept:
        print(f"DVC keeps no experiment of this run: {not_kept}")
    else:
        print(f"  dvc exp show      the experiment {name}, with its parameters and metrics\n")


def scratch_environment(root: Path, environment: dict[str, str]) -> dict[str, str]:
    """Return the environment for a run in a scratch copy: stores in `root`, this Python, a git identity."""
    identity = {"GIT_AUTHOR_NAME": "Darkroom", "GIT_AUTHOR_EMAIL": "darkroom@localhost"}
    identity |= {"GIT_COMMITTER_NAME": "Darkroom", "GIT_COMMITTER_EMAIL": "darkroom@localhost"}
    stores = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{root / 'mlflow.db'}",
        "BENTOML_HOME": str(root / ".bentoml"),
    }
    python = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"}
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "BENTOML_DO_NOT_TRACK": "True", "DVC_NO_ANALYTICS": "1"}
    return {**identity, **stores, **quiet, **environment, **python}


def summary(copy: Path, *, seconds: float) -> str:
    """Return what the stages made, from the reports in the scratch copy."""
    from darkroom.files import read_json

    test = read_json(copy / "reports/metrics.json")["test"]
    model = read_json(copy / "reports/registered.json")
    bento = read_json(copy / "reports/bento.json")
    return (
        f"\nDone in {seconds:.0f} s.\n"
        f"  test accuracy     {test['accuracy']:.2%} (95 % interval {test['accuracy_low']:.2%} to "
        f"{test['accuracy_high']:.2%}, {test['images']} images)\n"
        f"  registered model  {model['name']} version {model['version']}; "
        f"champion: version {model['champion']}\n"
        f"  Bento             {bento['tag']}\n"
        "\nNext:\n"
        "  make serve        the page and the API, with this model\n"
        "  make ui           the runs and the registry, in MLflow\n"
        "  make repro        the same on CIFAR-10"
    )
