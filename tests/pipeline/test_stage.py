"""A stage ends with a message where a person has something to do, and with a traceback otherwise."""

from collections.abc import Callable

import pytest

from darkroom.registry.store import RegistryError
from darkroom.tracking.store_errors import TrackingError
from pipeline import DATA
from pipeline.stage import stage


def failing(error: Exception) -> Callable[[], None]:
    """Return a stage that raises the error."""

    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize("error", [TrackingError("no store"), RegistryError("no store")])
def test_an_error_for_people_is_told(error: Exception) -> None:
    with pytest.raises(SystemExit, match="no store"):
        stage(failing(error))


def test_a_missing_file_of_the_project_is_named_with_what_makes_it() -> None:
    def main() -> None:
        (DATA / "none/meta.json").read_text()

    with pytest.raises(SystemExit, match=r"^data/none/meta\.json is missing: `dvc repro` makes it"):
        stage(main)


@pytest.mark.parametrize("error", [ValueError("a mistake"), FileNotFoundError(2, "none", "/nowhere/file")])
def test_other_errors_keep_their_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        stage(failing(error))
