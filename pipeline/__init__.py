"""The stages of dvc.yaml, one script each. Here is what all of them share: places and parameters."""

import importlib.util
import logging
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if "PYTHONSAFEPATH" in os.environ and (Path.cwd() / "pipeline").is_dir() and Path.cwd() != ROOT:
    raise SystemExit(
        f"PYTHONSAFEPATH is set, so Python took the stages in {ROOT} and not those of this folder, "
        f"{Path.cwd()}: `unset PYTHONSAFEPATH`"
    )

# The library beside these scripts is the one to run: in a scratch copy, that copy's.
sys.path.insert(0, str(ROOT / "src"))

from darkroom.environment import prepare_process  # noqa: E402  needs the path set above

prepare_process(ROOT, stage=True)

if importlib.util.find_spec("torch") is None:
    raise SystemExit(
        f"{sys.executable} has no torch: activate the environment first (`. .venv/bin/activate`), "
        "which `make install` makes"
    )

# until the stage can stop in order, Ctrl-C ends it without a traceback out of the imports, which take seconds
if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
logging.getLogger("darkroom").setLevel(logging.INFO)

from darkroom.machine import limit_libraries  # noqa: E402

limit_libraries()  # before anything imports numpy or torch, which start their threads then

from darkroom.config import Params, ParamsError, load_params, load_tuned  # noqa: E402

DATA = ROOT / "data"
MODELS = ROOT / "models"
REPORTS = ROOT / "reports"
CHECKPOINTS = ROOT / ".checkpoints"
TUNED = MODELS / "tuned.json"
STUDY = MODELS / "study.json"
CALIBRATION = MODELS / "calibration.json"
TRAINING = {"seed", "data", "model", "augment", "train"}  # the parameters a trained model depends on


def read_params(*, tuned: bool = False) -> Params:
    """Read params.yaml, with what the tuner found laid over it if `tuned`; ends the stage on an error."""
    try:
        return load_params(ROOT / "params.yaml", load_tuned(TUNED) if tuned else None)
    except ParamsError as error:
        raise SystemExit(str(error)) from error


def tracking_uri() -> str:
    """Return where runs are logged: MLFLOW_TRACKING_URI, else sqlite in the project's folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{ROOT / 'mlflow.db'}"
