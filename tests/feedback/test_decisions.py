"""Feedback is reviewed in a table or by command, and exported so that nothing decided is ever lost."""

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from darkroom.cli.main import main as darkroom
from darkroom.feedback import gallery, store
from darkroom.feedback.corrections import export
from darkroom.feedback.decisions import decide, read_table
from darkroom.feedback.store import NONE, ReviewError, keep, read_decisions, read_items
from darkroom.files import sha256_file
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from tests.helpers.checkouts import PROJECT
from tests.helpers.serving import encoded, random_image

CLASSES = ["cat", "dog", "a/b: c"]
KILLS = 12


def say(folder: Path, seed: int, *said: str | None, kind: str = "PNG", predicted: str = "dog") -> str:
    """Send feedback on an image as the service keeps it; return its SHA-256."""
    about: dict[str, Any] = {"time": f"2026-01-01T00:00:{seed % 60:02}+00:00", "predicted": predicted}
    about |= {"probability": 0.5, "model": {"name": "animals", "version": "3"}}
    content = encoded(random_image(seed=seed), kind)
    store = FeedbackStore(folder, limit=10**9)
    for one in said:
        assert store.keep(content, kind=kind, said=one, about=about)
    return next(item.sha256 for item in read_items(folder) if item.file.read_bytes() == content)


def settle(folder: Path, sha256: str, action: str, label: str | None = None) -> int:
    decision = decide(read_items(folder), sha256, action, label, classes=CLASSES, who="me")
    return keep(folder, [decision])


def corrections(folder: Path) -> dict[str, str]:
    """Return the folder of each exported image by its SHA-256, which is checked."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len({path.stem for path in files}) == len(files), "an image is there twice"
    assert all(sha256_file(path) == path.stem for path in files)
    return {path.stem: str(path.parent.relative_to(folder)) for path in files}


def command(*arguments: str | Path, check: bool = True) -> str:
    """Run `python -m darkroom feedback` in this process; return what it says."""
    words = ["feedback", *map(str, arguments)]
    if not check:
        with pytest.raises(SystemExit) as caught:
            darkroom(words)
        return str(caught.value)
    said = StringIO()
    with redirect_stdout(said):
        darkroom(words)
    return said.getvalue()


def test_a_row_an_image_with_all_that_was_said(tmp_path: Path) -> None:
    one, other = say(tmp_path, 1, "cat", None, "dog"), say(tmp_path, 2, "cat", kind="JPEG")
    with open(tmp_path / "feedback.jsonl", "ab") as file:
        file.write(b'{"sha256": "12')  # a crash
    rows = store.table(read_items(tmp_path)).set_index("sha256")
    assert list(rows.index) == [other, one]
    assert rows.loc[one, "said"] == f"cat / {NONE} / dog"
    assert rows.loc[other].to_dict() | {"file": ""} == {
        **{"said": "cat", "predicted": "dog", "probability": 0.5, "decision": "", "class": ""},
        **{"decided_by": "", "decided_at": "", "model": "animals", "version": "3"},
        **{"last_said_at": "2026-01-01T00:00:02+00:00", "file": ""},
    }
    with pytest.raises(ReviewError, match=r"feedback\.jsonl is not there: name the folder"):
        read_items(tmp_path / "none")


def test_what_cannot_be_decided_is_said(tmp_path: Path) -> None:
    both, none, one = say(tmp_path, 1, "cat", "dog"), say(tmp_path, 2, None), say(tmp_path, 3, "cat")
    for sha256, action, label, said in (
        (both, "confirm", None, r"people said cat / dog, which cannot be confirmed"),
        (none, "confirm", None, r"people said \(none of these\), which cannot be confirmed"),
        (one, "confirm", "dog", r"people said cat, not 'dog'; `correct` is for another class"),
        (one, "correct", None, r"to correct needs the class that is right"),
        (one, "correct", "bird", r"'bird' is no class; there are cat, dog, a/b: c"),
        (one, "reject", "cat", r"it is rejected and has the class 'cat'"),
        (one, "yes", None, r"the decision is 'yes'; there are confirm, correct, reject"),
        ("", "reject", None, r"'' is the beginning of 0 images"),
        ("f" * 64, "reject", None, r"is the beginning of 0 images"),
    ):
        with pytest.raises(ReviewError, match=said):
            settle(tmp_path, sha256, action, label)
    assert read_decisions(tmp_path) == {}
    assert settle(tmp_path, both[:10], "confirm", "dog") == 1


def test_the_last_decision_counts_and_each_stays_on_record(tmp_path: Path) -> None:
    one = say(tmp_path, 1, "cat")
    assert [settle(tmp_path, one, "confirm"), settle(tmp_path, one, "confirm")] == [1, 0]
    with open(tmp_path / "decisions.jsonl", "ab") as file:
        file.write(b'{"sha256": "' + one.encode())  # a crash
    assert settle(tmp_path, one, "reject") == 1
    assert read_decisions(tmp_path)[one].action == "reject"
    lines = (tmp_path / "decisions.jsonl").read_bytes().splitlines()
    assert json.loads(lines[0])["label"] == "cat"
    assert json.loads(lines[2])["who"] == "me"


def test_a_table_that_went_through_a_spreadsheet_is_taken_in_whole_or_not_at_all(tmp_path: Path) -> None:
    names = [say(tmp_path, seed, "cat") for seed in range(4)]
    path = tmp_path / "review.csv"
    command("list", "--folder", tmp_path, "--table", path)
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("sha256")
    rows.loc[names[0], "decision"] = "Confirm "
    rows.loc[names[1], ["decision", "class"]] = ["correct", "dog"]
    rows.loc[names[2], ["decision", "class"]] = ["correct", "bird"]
    rows.to_csv(path, sep=";", encoding="utf-8-sig", quoting=csv.QUOTE_ALL)  # as some save it
    said = command("review", "--folder", tmp_path, "--table", path, "--by", "Ada", check=False)
    assert re.search(rf"nothing was changed:\n  image {names[2][:12]}: 'bird' is no class", said)
    assert not (tmp_path / "decisions.jsonl").exists()
    rows.loc[names[2], ["decision", "class"]] = ["reject", ""]
    rows.to_csv(path)
    assert "3 decisions kept, 0 stood" in command(
        "review", "--folder", tmp_path, "--table", path, "--by", "Ada"
    )
    decided = read_decisions(tmp_path)
    assert {name: (decided[name].action, decided[name].label, decided[name].who) for name in names[:3]} == {
        names[0]: ("confirm", "cat", "Ada"),
        names[1]: ("correct", "dog", "Ada"),
        names[2]: ("reject", None, "Ada"),
    }
    assert "0 decisions kept, 3 stood" in command("review", "--folder", tmp_path, "--table", path)
    listed = command("list", "--folder", tmp_path, "--open")
    assert "4 images, 1 not decided yet" in listed
    assert names[3][:12] in listed
    assert names[0][:12] not in listed
    items = read_items(tmp_path)
    path.write_text("sha256,class\n", encoding="utf-8")
    with pytest.raises(ReviewError, match="lacks the column decision; it has sha256, class"):
        read_table(path, items, classes=CLASSES, who="me")
    path.write_text(f"sha256,decision,class\n{names[3]},,dog\n", encoding="utf-8")
    with pytest.raises(ReviewError, match="has the class 'dog' and no decision"):
        read_table(path, items, classes=CLASSES, who="me")


def test_the_export_follows_the_decisions_and_repeats_nothing(tmp_path: Path) -> None:
    folder, into = tmp_path / "feedback", tmp_path / "corrections"
    one, two, three = say(folder, 1, "cat"), say(folder, 2, "cat", kind="JPEG"), say(folder, 3, "cat")
    settle(folder, one, "confirm")
    settle(folder, two, "correct", "a/b: c")
    settle(folder, three, "reject")
    said = command("export", "--folder", folder, "--into", into)
    assert "2 new, 0 moved to another class, 0 withdrawn, 0 as they were" in said
    before = {one: "animals/cat", two: "animals/a%2Fb%3A c"}
    assert corrections(into) == before
    assert vars(export(folder, into)) == {**_counts(unchanged=2), "missing": ()}
    settle(folder, one, "correct", "dog")
    settle(folder, two, "reject")
    settle(folder, three, "confirm")
    assert vars(export(folder, into)) == {**_counts(new=1, moved=1, withdrawn=1), "missing": ()}
    assert corrections(into) == {one: "animals/dog", three: "animals/cat"}
    (folder / "feedback.jsonl").write_bytes(b"")  # the operator made room
    assert vars(export(folder, into)) == {**_counts(), "missing": ()}
    assert set(corrections(into)) == {one, three}


def _counts(**counts: int) -> dict[str, int]:
    return {"new": 0, "moved": 0, "withdrawn": 0, "unchanged": 0, **counts}


def test_a_confirmed_image_that_is_gone_or_damaged_is_named(tmp_path: Path) -> None:
    folder, into = tmp_path / "feedback", tmp_path / "corrections"
    names = [say(folder, seed, "cat") for seed in range(3)]
    for name in names:
        settle(folder, name, "confirm")
    (folder / "images" / f"{names[0]}.png").write_bytes(b"rotten")
    (folder / "images" / f"{names[1]}.png").unlink()
    said = command("export", "--folder", folder, "--into", into, check=False)
    assert "1 new" in said
    assert "2 confirmed images are gone" in said
    assert names[0][:12] in said
    assert corrections(into) == {names[2]: "animals/cat"}


# What is killed is a process of its own, forked from one that has imported what it takes.
REVIEW = """
import os, signal, sys, time
from pathlib import Path
from darkroom.files import sha256_file
from darkroom.feedback.corrections import export
from darkroom.feedback.decisions import decide
from darkroom.feedback.store import keep, read_items
folder, into = map(Path, sys.argv[1:])
longest = 0.5  # seconds of one that was not killed, as soon as there was one
for line in sys.stdin:
    share, flip = line.split()
    child = os.fork()
    if not child:
        items = read_items(folder)
        for item in items:
            label = "cat" if (int(item.sha256[:8], 16) + int(flip)) % 2 else "dog"
            keep(folder, [decide(items, item.sha256, "correct", label, classes=["cat", "dog"], who="me")])
            os.write(1, f"{item.sha256} {label}\\n".encode())  # whole or not at all
        export(folder, into)
        os._exit(0)
    began = time.monotonic()
    done = 0
    while not done and time.monotonic() < began + float(share) * longest:
        time.sleep(0.001)
        done, status = os.waitpid(child, os.WNOHANG)
    if done:
        longest = time.monotonic() - began
    else:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    print("status", os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.mark.timeout(120)
def test_killed_at_any_moment_no_decision_and_no_image_is_lost(tmp_path: Path) -> None:
    folder, into = tmp_path / "feedback", tmp_path / "corrections"
    names = {say(folder, seed, "cat") for seed in range(60)}
    process = subprocess.Popen(
        [sys.executable, "-c", REVIEW, str(folder), str(into)],
        env=os.environ | {"PYTHONPATH": str(PROJECT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    promised: dict[str, str] = {}
    killed = exported = 0
    shares = random.Random(0)
    for attempt in range(KILLS):
        process.stdin.write(f"{shares.uniform(0.05, 1)} {attempt}\n")
        process.stdin.flush()
        while not (line := process.stdout.readline()).startswith("status"):
            sha256, label = line.split()
            promised[sha256] = label
        status = int(line.split()[1])
        assert status in (0, -signal.SIGKILL), "it failed by itself"
        killed += status != 0
        decided = read_decisions(folder)
        for sha256, label in promised.items():
            assert decided[sha256].label in (label, _other(label)), "a decision is lost"
        if into.is_dir():
            there = corrections_whole(into)
            assert there >= exported, "a correction that was exported is gone"
            exported = there
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    assert killed >= KILLS // 3, "hardly an attempt was killed in the midst"
    for name in names - read_decisions(folder).keys():
        settle(folder, name, "confirm")
    assert export(folder, into).missing == ()
    decided = read_decisions(folder)
    assert corrections(into) == {name: f"animals/{decided[name].label}" for name in names}
    assert not list(into.rglob(".*"))


def _other(label: str) -> str:
    return "dog" if label == "cat" else "cat"


def corrections_whole(into: Path) -> int:
    """Return how many images are exported; each is whole."""
    files = [path for path in into.rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert all(sha256_file(path) == path.stem for path in files)
    return len({path.stem for path in files})


def test_images_are_decided_by_command(tmp_path: Path) -> None:
    one, two = say(tmp_path, 1, "cat"), say(tmp_path, 2, "cat", "dog")
    assert "1 decisions kept" in command("review", "--folder", tmp_path, one[:12], "--confirm")
    assert "1 decisions kept" in command("review", "--folder", tmp_path, two, "--class", "dog", "--by", "Ada")
    listed = command("list", "--folder", tmp_path)
    assert re.search(rf"{two[:12]} +cat / dog +dog \(50%\) +animals 3 +correct dog", listed)
    assert "give either --table, or the images" in command("review", "--folder", tmp_path, check=False)
    assert "say what is decided" in command("review", "--folder", tmp_path, one, check=False)
    assert "name the folder" in command("list", check=False)


def test_the_gallery_shows_the_images_and_runs_nothing_of_theirs(tmp_path: Path) -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    say(tmp_path, 1, hostile, predicted=hostile)
    broken = say(tmp_path, 2, "cat")
    (tmp_path / "images" / f"{broken}.png").write_bytes(b"no image")
    page = gallery.gallery(read_items(tmp_path), [hostile, "cat"])
    assert hostile not in page
    assert page.count('src="data:image/png;base64,') == 1
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
