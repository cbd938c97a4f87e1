"""Decoders write nothing to stdout or stderr, whatever a file's sender puts into it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.images import native_messages
from tests.serving.http.hostile.images import originals

PROJECT = Path(__file__).resolve().parents[2]
DAMAGE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from darkroom.images import decoding, native_messages
from darkroom.images.errors import ImageError

folder = Path(sys.argv[1])

def damaged(original, seed):
    random = np.random.default_rng(seed)
    data = bytearray(original)
    for place in random.integers(0, len(data), 6):
        data[place] = random.integers(0, 256)
    return bytes(data[: random.integers(len(data) // 2, len(data) + 1)])

def decode(data):
    try:
        decoding.decode(data)
    except ImageError:
        pass

originals = [path.read_bytes() for path in sorted(folder.glob("*.image"))]
files = [damaged(file, seed) for file in originals for seed in range(40)]
with ThreadPoolExecutor(2) as pool:
    list(pool.map(decode, files))
(folder / "count").write_text(str(native_messages.messages()))
"""
MANY_TAGS = """
import io, struct, sys
from PIL import Image
from darkroom.images.decoding import decode

tags = b"".join(struct.pack("<HHII", 1000 + number, 7, 2_000_000, 100) for number in range(400))
exif = b"Exif\\0\\0II*\\0" + struct.pack("<IH", 8, 400) + tags + bytes(4)
file = io.BytesIO()
Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
assert decode(file.getvalue()).size == (8, 8)
"""


def run(script: str, *arguments: str) -> str:
    """Run a script in another process and return all that it wrote."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.integration
def test_no_decoder_writes_of_damaged_files(tmp_path: Path) -> None:
    for number, data in enumerate(originals()):
        (tmp_path / f"{number}.image").write_bytes(data)
    assert run(DAMAGE, str(tmp_path)) == ""
    assert int((tmp_path / "count").read_text()) > 20  # libtiff had something to say, and was counted


@pytest.mark.integration
def test_pillow_warns_of_no_tag() -> None:
    assert run(MANY_TAGS) == ""


def test_silencing_twice_does_no_harm() -> None:
    native_messages.silence()
    assert native_messages.messages() >= 0
