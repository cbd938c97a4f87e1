"""Which model a name means, and what is imported for it."""

import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

import darkroom
from darkroom.prediction.loading import load
from darkroom.registry.store import RegistryError, registered_name
from tests.helpers.checkouts import PROJECT
from tests.helpers.gate import correct_but
from tests.helpers.prediction import colour_model
from tests.helpers.registry import by_mlflow, direct, new_store, register_model

NAME = registered_name("digits")
pytestmark = pytest.mark.integration


@pytest.fixture
def root(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with a registry of two versions, of which the first is champion."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return checkout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("checkout")
    uri = new_store(tmp_path / "mlflow.db")
    for number in range(2):
        register_model(uri, NAME, tmp_path / f"made-{number}", correct_but(0, 100 - number), seed=number)
    MlflowClient(uri).set_registered_model_alias(NAME, "Staging", "2")
    text = (PROJECT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text.replace("name: cifar10", "name: digits", 1), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        *(("", "1"), ("champion", "1"), ("2", "2"), ("v2", "2")),
        *(("digits", "1"), ("digits@champion", "1"), ("digits/2", "2"), (f"models:/{NAME}/2", "2")),
        *((f"{NAME}@Staging", "2"), ("digits@latest", "2")),
    ],
)
def test_names_of_versions(root: Path, reference: str, version: str) -> None:
    model = load(reference, root=root, threads=1)
    assert (model.name, model.version) == ("digits", version)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("digits/7", "no version '7'; there are: 2, 1; aliases: Staging, champion"),
        ("digits@nothing", "no version 'nothing'"),
        ("cats", "cats has no versions"),
        ("digits:1-0123abcd", "has no Bento"),
        ("./nowhere", "there is no model at nowhere"),
        ("/nowhere/model.onnx", "there is no model at"),
    ],
)
def test_what_there_is_not(root: Path, reference: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        load(reference, root=root)


def test_a_missing_registry_is_not_made(tmp_path: Path) -> None:
    colour_model(tmp_path / "models/champion")
    with pytest.raises(
        RegistryError, match=r"mlflow.db does not exist .*models/champion can be named instead"
    ):
        load("digits", root=tmp_path, uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert not (tmp_path / "mlflow.db").exists()


def test_a_folder_of_images_named_as_the_model(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "digits").mkdir()
    monkeypatch.chdir(root)
    assert load("digits", root=root, threads=1).version == "1"
    with pytest.raises(RegistryError, match=r"model\.onnx is missing"):
        load("./digits", root=root)


def test_an_exported_folder_and_its_graph(tmp_path: Path) -> None:
    folder = colour_model(tmp_path / "exported")
    for place in (folder, str(folder), folder / "model.onnx"):
        model = darkroom.load(place, threads=1)
        assert repr(model) == "<Model colours: 2 classes, 16x16x3>"
    (folder / "model.json").unlink()
    with pytest.raises(RegistryError, match=r"model\.json is missing"):
        darkroom.load(folder)
    (folder / "notes.bento").write_bytes(b"no archive")
    with pytest.raises(RegistryError, match="no whole exported Bento"):
        load(folder / "notes.bento", root=tmp_path)


def test_files_that_only_mlflow_can_fetch_are_fetched_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.registry.sqlite_store.artifact_places", lambda *_: [])
    assert load("digits/2", root=root, threads=1).version == "2"
    (kept,) = (root / ".checkpoints/served").iterdir()
    assert sorted(path.name for path in kept.iterdir()) == ["model.json", "model.onnx"]
    monkeypatch.setattr("darkroom.registry.served_files._download", None)  # is not called again
    assert load("digits/2", root=root, threads=1).version == "2"


def test_all_stores_know_the_same_files(root: Path) -> None:
    uri = f"sqlite:///{root / 'mlflow.db'}"
    one, other = direct(uri), by_mlflow(uri)
    assert one.kept_files(NAME, "1").sha256 == other.kept_files(NAME, "1").sha256 != ""
    read, other_read = one.read(NAME), other.read(NAME)
    assert read is not None
    assert read == other_read
    assert read.aliases == {"champion": "1", "Staging": "2"}


def test_import_is_light_and_prediction_needs_neither_torch_nor_mlflow(root: Path) -> None:
    code = (
        "import sys, darkroom\n"
        "heavy = {'numpy', 'pandas', 'PIL', 'pydantic', 'pyarrow', 'requests', 'openvino', 'mlflow'}\n"
        "assert not heavy & {*sys.modules}, heavy & {*sys.modules}\n"
        "assert 'load' in dir(darkroom) and not hasattr(darkroom, 'nothing')\n"
        "import numpy as np\n"
        "print(darkroom.load('digits@champion', uri=sys.argv[1]).predict(np.zeros((9, 9), np.uint8)).shape)\n"
        "never = {'torch', 'mlflow', 'optuna', 'ray', 'bentoml', 'dvc', 'sklearn', 'matplotlib'}\n"
        "assert not never & {*sys.modules}, never & {*sys.modules}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{root / 'mlflow.db'}"],
        env={"PYTHONPATH": str(PROJECT / "src"), "PATH": ""},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "(1, 15)\n", done.stderr


def test_it_is_typed() -> None:
    assert (PROJECT / "src/darkroom/py.typed").is_file()
