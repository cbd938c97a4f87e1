"""The download stage, run as DVC runs it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from darkroom.data.download.errors import DownloadError
from darkroom.data.download.transfer import TransferSettings
from darkroom.data.sources import cifar10
from darkroom.data.sources.cifar10 import obtain as obtain_cifar10
from darkroom.files import sha256_file
from tests.helpers.downloads import (
    closed_port,
    leftovers,
    pack,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def black_cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of CIFAR-10's shape, every image black: it packs to 200 kB."""
    path = tmp_path_factory.mktemp("mirror") / "black.tar.gz"
    files = {f"{cifar10.FOLDER}/batches.meta.txt": b"airplane\nautomobile\n"}
    members = []
    for name, size in cifar10.MEMBERS.items():
        if size is not None:
            member = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
            member.size = size
            members.append(member)
    return pack(path, files, *members)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A copy of what the stage runs on."""
    for folder in ("src", "pipeline"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def run_stage(scratch: Path, data: str, mirror: str = "") -> subprocess.CompletedProcess[str]:
    params = (scratch / "params.yaml").read_text()
    (scratch / "params.yaml").write_text(params.replace("  name: cifar10 ", f"  name: {data} ", 1))
    return subprocess.run(
        [sys.executable, "-m", "pipeline.download"],
        cwd=scratch,
        env={**os.environ, "DARKROOM_MIRROR": mirror},
        capture_output=True,
        text=True,
    )


def test_the_stage_copies_digits_from_scikit_learn(scratch: Path) -> None:
    for _ in range(2):  # again over what is there
        done = run_stage(scratch, "digits", mirror="nonsense://")
        assert done.returncode == 0, done.stderr
    used = json.loads((scratch / "data/source.json").read_text())
    assert used["data"] == "digits"
    assert used["official"] is True
    assert used["source"].startswith("scikit-learn 1.")
    assert leftovers(scratch / "data") == ["raw", "source.json"]
    assert leftovers(scratch / "data/raw") == ["digits.csv.gz"]
    assert used["sha256"] == sha256_file(scratch / "data/raw/digits.csv.gz")
    assert used["sha256"] in done.stdout


def test_the_stage_unpacks_cifar10_from_a_mirror(scratch: Path, black_cifar10: Path) -> None:
    digest = sha256_file(black_cifar10)
    done = run_stage(scratch, "cifar10", mirror=f"{black_cifar10}#sha256={digest}")
    assert done.returncode == 0, done.stderr
    assert json.loads((scratch / "data/source.json").read_text()) == {
        "data": "cifar10",
        "source": "black.tar.gz",
        "official": False,
        "sha256": digest,
        "md5": hashlib.md5(black_cifar10.read_bytes(), usedforsecurity=False).hexdigest(),
        "bytes": black_cifar10.stat().st_size,
    }
    assert leftovers(scratch / "data/raw") == sorted(cifar10.MEMBERS)
    assert (scratch / "data/raw/test_batch.bin").stat().st_size == 30_730_000
    assert "not the official file" in done.stdout
    assert f"sha256 {digest}" in done.stderr  # logged, too


def test_the_stage_refuses_a_malformed_mirror(scratch: Path) -> None:
    done = run_stage(scratch, "cifar10", mirror="/data/a#sha256=12")
    assert done.returncode == 1
    assert "64 hexadecimal digits" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (scratch / "data").exists()


def test_the_error_of_cifar10_explains_how_to_use_a_local_file(tmp_path: Path, black_cifar10: Path) -> None:
    closed = closed_port()
    raw, downloads = tmp_path / "data/raw", tmp_path / ".downloads"
    with pytest.raises(DownloadError) as caught:
        obtain_cifar10(
            raw=raw,
            downloads=downloads,
            mirror=str(black_cifar10),
            urls=[closed],
            settings=TransferSettings(retries=1, backoff_s=0),
        )
    first, mirror, official, *advice = str(caught.value).splitlines()
    assert first == "no source gave cifar-10-binary.tar.gz:"
    assert mirror.startswith(f"  {black_cifar10}: holds ")
    assert mirror.endswith(f"not {cifar10.MD5}")
    assert official == f"  {closed}: no connection: Connection refused (2 tries)"
    assert '  export DARKROOM_MIRROR="/path/to/cifar-10-binary.tar.gz"' in advice
    assert (
        '  export DARKROOM_MIRROR="/path/to/cifar-10-binary.tar.gz#sha256=<64 hexadecimal digits>"' in advice
    )
    assert not raw.exists()
    assert leftovers(downloads) == []
