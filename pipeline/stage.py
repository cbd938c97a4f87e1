"""What every stage's script ends with: run the stage, and tell people what went wrong with the machine."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from darkroom.disk import disk_errors_told
from darkroom.environment import bento_home
from pipeline import CHECKPOINTS, DATA, MODELS, REPORTS, ROOT, tracking_uri


def stage(main: Callable[[], None]) -> None:
    """Run a stage's `main`."""
    with disk_errors_told(written_places(), again="run `dvc repro` again"):
        main()


def written_places() -> list[Path]:
    """Return the files and folders that stages write to; each may be on a disk of its own."""
    places = [ROOT, DATA, MODELS, REPORTS, CHECKPOINTS, bento_home(ROOT)]
    if tracking_uri().startswith("sqlite:///"):
        places.append(Path(tracking_uri().removeprefix("sqlite:///")))
    with suppress(FileNotFoundError):  # there is none, which the stage will notice
        places.append(Path(tempfile.gettempdir()))
    return places
