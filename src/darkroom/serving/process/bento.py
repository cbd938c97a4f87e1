"""Building a Bento: the service and its model in one archive."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ...files import sha256_files


def bento_version(project: Path, model_version: str) -> str:
    """Return the version for a Bento: the model's, and 8 digits of the hash of all files in it.

    The same model and serving code give the same version, on every machine.
    """
    return f"{model_version}-{sha256_files(bento_files(project), project)[:8]}"


def bento_files(project: Path) -> list[Path]:
    """Return all files that a Bento is built from."""
    code = [
        path
        for room in ("images", "serving")
        for path in (project / "src/darkroom" / room).rglob("*")
        if path.suffix not in (".pyc", "")
    ]
    champion = [project / "models/champion" / name for name in ("model.onnx", "model.json")]
    # versions registered before these existed have none
    optional = [project / "models/champion" / name for name in ("card.html", "reference.json")]
    recipe = (
        project / "bentofile.yaml",
        project / "requirements/serve.txt",
        project / "src/darkroom/__init__.py",
        project / "src/darkroom/machine.py",
    )
    return [*code, *champion, *(path for path in optional if path.is_file()), *recipe]


def build_bento(
    project: Path, *, name: str, version: str, archive: Path, home: Path | None = None
) -> dict[str, Any]:
    """Build the Bento `name:version` into BentoML's store and export it to `archive`.

    A Bento of the same name and version is replaced.

    Args:
        project: the folder with bentofile.yaml.
        name: of the Bento, lower case.
        version: of the Bento.
        archive: where the exported Bento is written, whole or not at all.
        home: BentoML's home; None takes BENTOML_HOME from the environment.

    Returns:
        `{"tag", "bytes"}`: the Bento's tag and the archive's size.

    Raises:
        RuntimeError: BentoML failed; its output is in the message.
    """
    # BentoML reads its home once per process, so it runs in a process of its own.
    # It prints more than ASCII, whatever the terminal can show.
    environment = {**os.environ, "BENTOML_DO_NOT_TRACK": "True", "PYTHONIOENCODING": "utf-8"}
    # `bentoml build` needs uv on the PATH, also when the virtual environment is not activated
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    if home is not None:
        environment["BENTOML_HOME"] = str(home.resolve())
    tag = f"{name}:{version}"

    def bentoml(*arguments: str, folder: Path = project) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bentoml", *arguments]
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )

    def checked(*arguments: str, folder: Path = project) -> None:
        done = bentoml(*arguments, folder=folder)
        if done.returncode:
            raise RuntimeError(f"`bentoml {' '.join(arguments)}` failed in {project}:\n{done.stdout.strip()}")

    if bentoml("get", tag).returncode == 0:
        checked("delete", "--yes", tag)
    # BentoML refuses to read below a hidden folder, which is where `dvc exp run --temp` works (.dvc/tmp)
    with tempfile.TemporaryDirectory(prefix="bento-") as context:
        for path in bento_files(project):
            copy = Path(context) / path.relative_to(project)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        checked("build", "--name", name, "--version", version, ".", folder=Path(context))
    archive = archive.resolve()
    exported = archive.with_name(f".{archive.stem}-{os.getpid()}.bento")
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        checked("export", tag, str(exported))
        exported.replace(archive)
    finally:
        exported.unlink(missing_ok=True)
    return {"tag": tag, "bytes": archive.stat().st_size}
