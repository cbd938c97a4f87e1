"""The export follows the decisions and loses nothing, even if it is killed."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.feedback.corrections import export
from darkroom.feedback.store import read_decisions
from darkroom.files import sha256_file
from tests.helpers.checkouts import PROJECT
from tests.helpers.feedback import command, decide_and_save, exported, report

KILLS = 12


def test_the_export_follows_the_decisions_and_is_idempotent(tmp_path: Path) -> None:
    folder, into = tmp_path / "feedback", tmp_path / "corrections"
    one, three = report(folder, 1, "cat"), report(folder, 3, "cat")
    two = report(folder, 2, "cat", kind="JPEG")
    decide_and_save(folder, one, "confirm")
    decide_and_save(folder, two, "correct", "a/b: c")
    decide_and_save(folder, three, "reject")
    printed = command("export", "--folder", folder, "--into", into)
    assert "2 new, 0 moved to another class, 0 withdrawn, 0 unchanged" in printed
    before = {one: "animals/cat", two: "animals/a%2Fb%3A c"}
    assert exported(into) == before
    assert vars(export(folder, into)) == {**_counts(unchanged=2), "missing": ()}
    decide_and_save(folder, one, "correct", "dog")
    decide_and_save(folder, two, "reject")
    decide_and_save(folder, three, "confirm")
    assert vars(export(folder, into)) == {**_counts(new=1, moved=1, withdrawn=1), "missing": ()}
    assert exported(into) == {one: "animals/dog", three: "animals/cat"}
    (folder / "feedback.jsonl").write_bytes(b"")  # the operator moved it away
    assert vars(export(folder, into)) == {**_counts(), "missing": ()}
    assert set(exported(into)) == {one, three}


def _counts(**counts: int) -> dict[str, int]:
    return {"new": 0, "moved": 0, "withdrawn": 0, "unchanged": 0, **counts}


def test_a_confirmed_image_that_is_missing_or_damaged_is_reported(tmp_path: Path) -> None:
    folder, into = tmp_path / "feedback", tmp_path / "corrections"
    names = [report(folder, seed, "cat") for seed in range(3)]
    for name in names:
        decide_and_save(folder, name, "confirm")
    (folder / "images" / f"{names[0]}.png").write_bytes(b"rotten")
    (folder / "images" / f"{names[1]}.png").unlink()
    message = command("export", "--folder", folder, "--into", into, check=False)
    assert "1 new" in message
    assert f"2 confirmed images in {folder} are missing or damaged" in message
    assert names[0][:12] in message
    assert exported(into) == {names[2]: "animals/cat"}


# The killed process is forked from one that has already imported what it needs, so that it starts quickly.
REVIEW = """
import math, os, shutil, signal, sys, time
from pathlib import Path
from darkroom.feedback.corrections import export
from darkroom.feedback.decisions import Review, decide
from darkroom.feedback.store import read_items, save_decisions
folder, into = map(Path, sys.argv[1:])

def review(folder, into, flip):
    asked = Review(items=read_items(folder), classes=["cat", "dog"], reviewer="me")
    for item in asked.items:
        label = "cat" if (int(item.sha256[:8], 16) + flip) % 2 else "dog"
        save_decisions(folder, [decide(asked, item.sha256, "correct", label)])
        os.write(1, f"{item.sha256} {label}\\n".encode())  # one write: complete or missing
    export(folder, into)

def attempt(share, *arguments):  # returns the exit code; an infinite share is not killed
    global longest
    began = time.monotonic()
    child = os.fork()
    if not child:
        review(*arguments)
        os._exit(0)
    done = 0
    while not done and time.monotonic() < began + share * longest:
        time.sleep(0.001)
        done, status = os.waitpid(child, os.WNOHANG)
    if done:
        longest = time.monotonic() - began
    else:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)

longest = math.inf  # seconds: those of the last run that was not killed, at first of one on a copy
copy = folder.with_name("copy")
shutil.copytree(folder, copy)
assert attempt(1, copy, folder.with_name("exported copy"), 0) == 0
print("measured", flush=True)
for line in sys.stdin:
    share, flip = line.split()
    print("status", attempt(float(share), folder, into, int(flip)), flush=True)
"""


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_a_review_killed_at_any_moment_loses_no_decision_and_no_image(tmp_path: Path) -> None:
    folder, into = tmp_path / "feedback", tmp_path / "corrections"
    names = {report(folder, seed, "cat") for seed in range(60)}
    process = subprocess.Popen(
        [sys.executable, "-c", REVIEW, str(folder), str(into)],
        env=os.environ | {"PYTHONPATH": str(PROJECT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    while process.stdout.readline() != "measured\n":
        assert process.poll() is None, "the run on a copy failed"
    saved: dict[str, str] = {}
    killed = written = 0
    shares = random.Random(0)
    for attempt in range(KILLS):
        process.stdin.write(f"{shares.uniform(0.05, 1.5)} {attempt}\n")
        process.stdin.flush()
        while not (line := process.stdout.readline()).startswith("status"):
            sha256, label = line.split()
            saved[sha256] = label
        status = int(line.split()[1])
        assert status in (0, -signal.SIGKILL), "it failed without being killed"
        killed += status != 0
        decided = read_decisions(folder)
        for sha256, label in saved.items():
            assert decided[sha256].label in (label, _other(label)), "a decision was lost"
        if into.is_dir():
            now = count_whole_files(into)
            assert now >= written, "an exported correction is gone"
            written = now
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    assert killed >= KILLS // 3, "too few attempts were killed"
    for name in names - read_decisions(folder).keys():
        decide_and_save(folder, name, "confirm")
    assert export(folder, into).missing == ()
    decided = read_decisions(folder)
    assert exported(into) == {name: f"animals/{decided[name].label}" for name in names}
    assert not list(into.rglob(".*"))


def _other(label: str) -> str:
    return "dog" if label == "cat" else "cat"


def count_whole_files(into: Path) -> int:
    """Return the number of exported images; check that each file is whole."""
    files = [path for path in into.rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert all(sha256_file(path) == path.stem for path in files)
    return len({path.stem for path in files})
