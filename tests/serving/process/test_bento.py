"""Building a Bento: what it holds, its version, and that it can be served."""

import ast
import json
import re
import shutil
import socket
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from darkroom.serving.process.bento import bento_files, bento_version, build_bento
from tests.helpers.serving import (
    DIGITS,
    PROJECT,
    bento_of,
    serve_bento,
    write_champion,
    write_project,
)

pytestmark = pytest.mark.timeout(180)


def test_the_archive_holds_the_service_and_the_model_and_can_be_served(tmp_path: Path) -> None:
    _, tag, archive = bento_of("digits")
    with tarfile.open(archive) as bento:
        names = set(bento.getnames())
        bento.extractall(tmp_path, filter="data")
    files = {name.removeprefix("./") for name in names}
    champion = "src/models/champion/"
    assert {name for name in files if name.startswith(champion) and "." in name} == {
        f"{champion}model.onnx",
        f"{champion}model.json",
    }
    assert "src/src/darkroom/serving/page/index.html" in files
    code = {name for name in files if name.endswith(".py") and name.startswith("src/")}
    rooms = ("src/src/darkroom/serving/", "src/src/darkroom/images/")
    alone = {"src/src/darkroom/__init__.py", "src/src/darkroom/machine.py"}
    assert alone <= code
    assert all(name.startswith(rooms) for name in code - alone)
    process = "src/src/darkroom/serving/process/"
    assert {name.removeprefix(process) for name in code if name.startswith(process)} == {
        "__init__.py", "notify.py", "service.py",
    }  # fmt: skip
    requirements = (tmp_path / "env/python/requirements.txt").read_text()
    assert "://" not in requirements
    assert not re.search(r"^(torch|mlflow)", requirements, re.MULTILINE)
    with serve_bento(tmp_path / "empty-store", ".", cwd=tmp_path) as url:
        assert requests.get(url + "/model", timeout=30).json()["name"] == "digits"
    assert tag.startswith("darkroom-digits:3-")


def test_the_version_of_a_bento_depends_on_the_model_card(tmp_path: Path) -> None:
    with tarfile.open(bento_of("cifar10")[2]) as bento:
        assert "src/models/champion/card.html" in {name.removeprefix("./") for name in bento.getnames()}
    write_project(tmp_path)
    champion = tmp_path / "models/champion"
    write_champion(champion, name="digits", classes=DIGITS, height=8, width=8, channels=1)
    versions = [bento_version(tmp_path, "3")]
    for text in ("one", "two"):
        (champion / "card.html").write_text(text)
        versions.append(bento_version(tmp_path, "3"))
    assert len(set(versions)) == 3


def test_the_service_imports_neither_torch_nor_mlflow(tmp_path: Path) -> None:
    with tarfile.open(bento_of("cifar10")[2]) as bento:
        bento.extractall(tmp_path, filter="data")
    script = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "mlflow", "optuna", "pandas"):
            raise AssertionError("imported " + name)
sys.meta_path.insert(0, Refuse())
from src.darkroom.serving.process.service import Darkroom
Darkroom()
print("served", "torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "src", capture_output=True, text=True
    )
    assert done.stdout.strip() == "served False", done.stderr


@pytest.mark.ci
def test_a_bento_of_the_same_name_and_version_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")  # BentoML prints more, and ended with an error
    project = tmp_path / ".hidden/project"  # as under .dvc/tmp, where `dvc exp run --temp` works
    write_project(project)
    champion = project / "models/champion"
    write_champion(champion, name="digits", classes=DIGITS, height=8, width=8, channels=1)
    first = bento_version(project, "3")
    assert first == bento_version(project, "3")
    options: dict[str, Any] = {"name": "darkroom-x", "version": "1", "archive": tmp_path / "x.bento"}
    build_bento(project, **options, home=tmp_path / "home")
    write_champion(
        champion, name="digits", classes=DIGITS, height=8, width=8, channels=1, architecture="other"
    )
    built = build_bento(project, **options, home=tmp_path / "home")
    assert built == {"tag": "darkroom-x:1", "bytes": (tmp_path / "x.bento").stat().st_size}
    with tarfile.open(tmp_path / "x.bento") as bento:
        name = next(name for name in bento.getnames() if name.endswith("champion/model.json"))
        content = bento.extractfile(name)
        assert content is not None
        assert json.load(content)["architecture"] == "other"
    assert bento_version(project, "3") != first
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "home", "x.bento"]


def test_a_failed_build_reports_the_reason_and_leaves_the_archive(tmp_path: Path) -> None:
    project, archive = tmp_path / "project", tmp_path / "x.bento"
    write_project(project)
    write_champion(project / "models/champion", name="digits", classes=DIGITS, height=8, width=8, channels=1)
    recipe = project / "bentofile.yaml"
    recipe.write_text(recipe.read_text().replace("service:Darkroom", "service:Lightroom"))
    archive.write_bytes(b"before")
    with pytest.raises(RuntimeError, match="Lightroom"):
        build_bento(project, name="darkroom-x", version="1", archive=archive, home=tmp_path / "home")
    assert archive.read_bytes() == b"before"


def test_the_package_stage_builds_a_bento_that_serving_finds(tmp_path: Path) -> None:
    write_project(tmp_path)
    shutil.copytree(PROJECT / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def module(*arguments: str, path: str = "src") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )

    nothing = module("darkroom.serving")
    assert nothing.returncode == 1
    assert "make quickstart" in nothing.stderr
    write_champion(tmp_path / "models/champion", name="digits", classes=DIGITS, height=8, width=8, channels=1)
    done = module("pipeline.package", path="")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "reports/bento.json").read_text())
    assert report["tag"] in done.stdout
    # no size: equal builds differ in it
    assert report == {"tag": report["tag"], "model_version": "3"}
    assert (tmp_path / "models/darkroom.bento").stat().st_size > 0
    assert (tmp_path / ".bentoml/bentos/darkroom-digits").is_dir()
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        busy = module("darkroom.serving", "--port", str(taken.getsockname()[1]))
    assert busy.returncode == 1
    assert "--port" in busy.stderr
    environment["DARKROOM_WORKERS"] = "none"
    wrong = module("darkroom.serving")
    assert wrong.returncode == 1
    assert "DARKROOM_WORKERS is 'none'" in wrong.stderr
    del environment["DARKROOM_WORKERS"]
    unknown = module("darkroom.serving", "--bento", "no:1")
    assert unknown.returncode == 1
    assert report["tag"] in unknown.stderr


def test_serve_requirements_are_the_locked_versions() -> None:
    pin = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?$", re.MULTILINE)
    lines = (PROJECT / "requirements/serve.txt").read_text()
    served = set(pin.findall(lines))
    locked = set(pin.findall((PROJECT / "requirements/dev.lock").read_text()))
    assert len(served) == sum(bool(line) and not line.startswith("#") for line in lines.splitlines())
    assert served - locked == set()


def test_a_bento_has_every_package_that_its_code_imports() -> None:
    imported: set[str] = set()
    for path in (file for file in bento_files(PROJECT) if file.suffix == ".py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported.add(node.module.partition(".")[0])
    names = imported - set(sys.stdlib_module_names) - {"uvicorn", "circus", "bentoml_cli"}  # of BentoML
    needed = {{"PIL": "pillow"}.get(name, name.replace("_", "-")) for name in names}
    listed = set(re.findall(r"^[a-z0-9-]+", (PROJECT / "requirements/serve.txt").read_text(), re.MULTILINE))
    assert "pillow-heif" in needed
    assert needed <= listed
