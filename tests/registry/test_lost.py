"""What people delete, rename and edit, tried with every command: it goes on, or ends with a sentence.

No case ends with a traceback, loses another version or leaves a champion that the history does not know.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from darkroom.tracking.artifact_places import relocate_artifacts
from tests.helpers.answers_to_losses import EXPECTED, check_commands, write_bentos
from tests.helpers.gate import correct_but
from tests.helpers.losses import NAME, ON_A_FILE, ON_ANY_STORE, Lossy
from tests.helpers.registry import new_store, register_model
from tests.helpers.servers import mlflow_server


def fill(uri: str, folder: Path) -> None:
    """Register three models: 1 becomes champion, then 2; 3 is worse."""
    for model, wrong in (("a", 100), ("b", 50), ("c", 60)):
        register_model(uri, NAME, folder / model, correct_but(0, wrong))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a store with three versions, moved, so that a copy uses its own files."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "original").mkdir()
    fill(new_store(folder / "original/mlflow.db"), folder)
    return (folder / "original").rename(folder / "moved")


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Lossy:
    """Return a copy of the store."""
    shutil.copytree(template, tmp_path / "store")
    copied = Lossy(f"sqlite:///{tmp_path / 'store/mlflow.db'}")
    relocate_artifacts(copied.uri)
    return copied


@pytest.fixture(autouse=True)
def bentos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `deploy` find Bentos and a service that does not respond."""
    write_bentos(tmp_path / "home")
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("lose", [*ON_ANY_STORE, *ON_A_FILE], ids=lambda lose: lose.__name__)
def test_every_command_goes_on_or_says_what_to_do(
    store: Lossy, lose: Callable[[Lossy], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_commands(store, lose, tmp_path, capsys)


def test_each_loss_with_an_answer_is_tried() -> None:
    assert set(EXPECTED) <= {*ON_ANY_STORE, *ON_A_FILE}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """Run MLflow's server on a store with three versions; yield its address, its database and a copy."""
    folder = tmp_path_factory.mktemp("served")
    file = folder / "mlflow.db"
    new_store(file)
    with mlflow_server(folder, file) as uri:
        fill(uri, folder)
        copy = folder / "copy.db"
        restore(file, copy)
        yield uri, file, copy


def restore(source: Path, target: Path) -> None:
    """Give a database, which a server may have open, the content of another."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


@pytest.mark.servers
@pytest.mark.parametrize("lose", ON_ANY_STORE, ids=lambda lose: lose.__name__)
def test_every_command_answers_the_same_through_a_server(
    served: tuple[str, Path, Path],
    lose: Callable[[Lossy], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    uri, file, copy = served
    restore(copy, file)
    check_commands(Lossy(uri), lose, tmp_path, capsys)
