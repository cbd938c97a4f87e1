"""`make serve` finds the whole Bentos of a store, and takes the exported one where none is left."""

import os
import subprocess
import sys
from pathlib import Path

from tests.helpers.checkouts import PROJECT
from tests.helpers.serving import bento_of

SCRIPT = """
import os, shutil, sys
from pathlib import Path

import darkroom.serving.__main__ as command

home, archive = Path(os.environ["BENTOML_HOME"]), Path(sys.argv[1])
command.PROJECT = archive.parent  # where models/darkroom.bento is

def find(wanted=None):
    try:
        print("->", command._find_bento(home, wanted), flush=True)
    except SystemExit as end:
        print("->", end.code, flush=True)

home.mkdir()
find()                                         # nothing anywhere
(archive.parent / "models").mkdir()
shutil.copyfile(archive, archive.parent / "models/darkroom.bento")
find()                                         # the store is empty: the exported one
(folder,) = [path for path in (home / "bentos").glob("*/*") if path.is_dir()]
newer = folder.parent / "9-00000000"
for damage in (lambda: (newer / "bento.yaml").unlink(),
               lambda: (newer / "bento.yaml").write_text("name: [", encoding="utf-8"),
               lambda: (newer / "src/models/champion/model.onnx").unlink()):
    shutil.rmtree(newer, ignore_errors=True)
    shutil.copytree(folder, newer)
    damage()
    find()                                     # a damaged one beside a whole one
find("darkroom-digits:9-00000000")
shutil.rmtree(home / "bentos")
(archive.parent / "models/darkroom.bento").write_bytes(b"no archive")
find()                                         # the exported one is damaged
shutil.rmtree(home)
(archive.parent / "models/darkroom.bento").unlink()
home.mkdir()
find()                                         # models/ is empty too
"""


def test_a_damaged_or_emptied_store_still_serves_what_is_whole(tmp_path: Path) -> None:
    _, tag, archive = bento_of("digits")
    (tmp_path / archive.name).write_bytes(archive.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / archive.name)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": "src", "BENTOML_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [line.removeprefix("-> ") for line in done.stdout.splitlines() if line.startswith("-> ")]
    assert found[1:5] == [tag] * 4
    assert "There is no Bento in" in found[0]
    assert "run `make quickstart` or `dvc repro`" in found[0]
    assert found[5].startswith("There is no Bento darkroom-digits:9-00000000")
    assert "models/darkroom.bento is damaged" in found[6]
    assert "`dvc repro -s -f package` builds it again" in found[6]
    assert found[7] == found[0]
    assert f"{tag} was not in the store any more: it is there again, from" in done.stderr
    left_out = "The Bento darkroom-digits:9-00000000 in"
    assert done.stderr.count(left_out) == 4
    assert "(bento.yaml is missing)" in done.stderr
    assert "(src/models/champion/model.onnx is missing)" in done.stderr
