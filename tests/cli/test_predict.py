"""`darkroom predict`: what people name, what is written, and going on after a kill."""

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from darkroom.cli.main import main
from tests.helpers.checkouts import PROJECT
from tests.helpers.own_images import colours, photo, write_files
from tests.helpers.prediction import colour_model
from tests.helpers.site import site

RED, BLUE = photo(1, colour=0), photo(2, colour=2)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, beside one with a model."""
    colour_model(tmp_path / "model")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path / "here"


def predict(*arguments: str, to: str = "out.csv") -> pd.DataFrame:
    main(["predict", *arguments, "--to", to, "--model", "../model", "--threads", "1"])
    if to.endswith(".jsonl"):
        return pd.read_json(to, lines=True)
    return pd.read_csv(to) if to.endswith(".csv") else pd.read_parquet(to)


def found(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["path"], frame["prediction"].fillna("-"), strict=True))


def test_a_folder_with_all_that_lies_in_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = 'a "quoted", name\nof two lines 🎞.png'
    files = {"red/1.png": RED, "blue/2.PNG": BLUE, odd: RED, "noname": BLUE, "broken.jpg": b"\xff\xd8\xff"}
    junk = {
        ".hidden.png": RED,
        "__MACOSX/._1.png": b"x",
        "notes.txt": b"x",
        "Thumbs.db": b"x",
        "empty.png": b"",
    }
    write_files(here / "new", files | junk)
    before = {path: path.stat().st_mtime_ns for path in (here / "new").rglob("*")}
    frame = predict("new")
    assert found(frame) == {
        "new/red/1.png": "red",
        "new/blue/2.PNG": "blue",
        f"new/{odd}": "red",
        "new/noname": "blue",
        "new/broken.jpg": "-",
        "new/empty.png": "-",
    }
    reasons = frame.set_index("path")["reason"]
    assert "damaged" in reasons["new/broken.jpg"]
    assert "empty" in reasons["new/empty.png"]
    assert reasons.isna().sum() == 4
    told = capsys.readouterr().err
    assert "1 files are no images by their names (1 .txt)" in told
    assert "6 images by colours" in told
    assert "2 could not be used" in told
    assert {path: path.stat().st_mtime_ns for path in (here / "new").rglob("*")} == before
    assert sorted(path.name for path in here.iterdir()) == ["new", "out.csv"]


def test_files_globs_and_lists(here: Path) -> None:
    write_files(here, {"a/1.png": RED, "a/2.png": BLUE, "a[1].png": RED, "@odd.png": BLUE, "b c.png": RED})
    (here / "list.txt").write_bytes("\ufeffa/1.png\r\nb c.png\n\n./a/2.png\nnone.png\n".encode())
    (here / "a/beside.lst").write_text("1.png\n2.png\n")
    (here / "zero").write_bytes(b"a/1.png\0b c.png\0")
    frame = predict("a[1].png", "@odd.png", "a/*.png", "missing.png", "@list.txt", "a/beside.lst", "@zero")
    assert [*zip(frame["path"], frame["prediction"].fillna("-"), strict=True)] == [
        *(("a[1].png", "red"), ("@odd.png", "blue"), ("a/1.png", "red"), ("a/2.png", "blue")),
        *(("missing.png", "-"), ("a/1.png", "red"), ("b c.png", "red"), ("./a/2.png", "blue")),
        *(("none.png", "-"), (str(here / "a/1.png"), "red"), (str(here / "a/2.png"), "blue")),
        *(("a/1.png", "red"), ("b c.png", "red")),
    ]


def test_a_list_on_standard_input(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(here, {"1.png": RED})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1.png\n")))
    assert found(predict("-")) == {"1.png": "red"}


@pytest.mark.parametrize(
    ("name", "content", "arguments"),
    [
        ("t.csv", "file_name,label\nimg/1.png,cat\nimg/2.png,\nimg/gone.png,dog\n", []),
        ("t.csv", "id;note\n1;img/1.png\n2;img/2.png\n3;img/gone.png\n", ["--image", "note"]),
        ("t.tsv", "photo\timg/x\nimg/1.png\t1\nimg/2.png\t2\nimg/gone.png\t3\n", ["--image", "photo"]),
        ("t.csv", "img/1.png\nimg/2.png\nimg/gone.png\n", []),
        ("t.csv", "path\nimg\\1.png\nimg\\2.png\nimg\\gone.png\n", []),
        ("t.jsonl", '{"image": "img/1.png"}\n{"image": "img/2.png"}\n{"image": "img/gone.png"}\n', []),
        ("t.json", '["img/1.png", "img/2.png", "img/gone.png"]', []),
    ],
)
def test_tables(here: Path, name: str, content: str, arguments: list[str]) -> None:
    write_files(here, {"d/img/1.png": RED, "d/img/2.png": BLUE, f"d/{name}": content.encode()})
    frame = predict(f"d/{name}", *arguments)
    assert [path.replace("\\", "/") for path in frame["path"]] == ["img/1.png", "img/2.png", "img/gone.png"]
    assert frame["prediction"].fillna("-").tolist() == ["red", "blue", "-"]
    assert frame["reason"].tolist()[2] == "there is no such file"


def test_a_table_with_ids_for_files_in_a_folder(here: Path) -> None:
    write_files(here, {"img/x1.png": RED, "img/x2.png": BLUE, "test.csv": b"id,size\nx1,3\nx2,4\n"})
    assert found(predict("test.csv")) == {"x1": "red", "x2": "blue"}


def test_an_archive_and_images_in_parquet(here: Path) -> None:
    with zipfile.ZipFile("new.zip", "w") as archive:
        archive.writestr("red/1.png", RED)
        archive.writestr("red/broken.png", b"x")
    pd.DataFrame({"image": [{"bytes": RED, "path": "1.png"}, {"bytes": BLUE, "path": "2.png"}]}).to_parquet(
        "images.parquet"
    )
    frame = predict("new.zip", "images.parquet")
    assert frame["prediction"].fillna("-").tolist() == ["red", "-", "red", "blue"]
    assert frame["path"].iloc[0] == "new.zip/red/1.png"


def test_a_web_server(here: Path) -> None:
    write_files(here / "site", {"p/1.png": RED, "p/2.png": BLUE, "p/3.png": RED})
    with site(here / "site") as server:
        (here / "site/t.csv").write_text(f"url\n{server.url}/p/1.png\n{server.url}/p/none.png\n")
        server.failing["3.png"] = 404
        frame = predict(f"{server.url}/p/2.png", f"{server.url}/p", f"{server.url}/t.csv")
    assert frame["prediction"].fillna("-").tolist() == ["blue", "red", "blue", "-", "red", "-"]
    assert "404" in frame["reason"].tolist()[5]


def test_all_formats_have_the_same_rows(here: Path) -> None:
    colours(here / "new", count=8)
    write_files(here / "new", {"red/broken.png": b"x"})
    whole = predict("new", "--top", "2", to="out.parquet")
    assert len(whole) == 17
    for to in ("out.csv", "out.jsonl"):
        frame = predict("new", "--top", "2", to=to)
        assert list(frame.columns) == list(whole.columns)
        assert found(frame) == found(whole)
        for name in ("probability", "p_red"):
            pd.testing.assert_series_equal(frame[name].astype("float32"), whole[name], rtol=1e-7, atol=1e-9)
        assert frame["unsure"].tolist()[:5] == whole["unsure"].tolist()[:5]


def test_standard_output_and_json(here: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_files(here, {"1.png": RED})
    main(["predict", "1.png", "--model", "../model"])
    printed = capfdbinary.readouterr().out.decode()
    assert printed.startswith("path,prediction,probability,unsure,p_blue,p_red,reason\n1.png,red,")
    predict("1.png", "--json")
    done = json.loads(capfdbinary.readouterr().out)
    assert (done["images"], done["unusable"], done["model"]) == (1, 0, "colours")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["typo"], "typo: there is neither a file nor a folder of that name"),
        (["*.gif"], "no file has a name like that"),
        (["@none.txt"], "the list none.txt cannot be read"),
        (["empty"], "there are no images in empty"),
        (["t.csv"], "no column names images: name one of 'a', 'b' after --image"),
        (["t.csv", "--image", "c"], "it has no column 'c' .*there are 'a', 'b'"),
        (["1.png", "--to", "out.xlsx"], "does not end as a table"),
        (["1.png", "--to", "empty"], "does not end as a table"),
        (["1.png", "--to", "empty", "--format", "csv"], "is a folder"),
        (["t.csv", "--to", "t.csv"], "is read: name another file"),
    ],
)
def test_mistakes_are_told_and_write_nothing(here: Path, arguments: list[str], message: str) -> None:
    (here / "empty").mkdir()
    write_files(here, {"1.png": RED, "t.csv": b"a,b\n1,2\n"})
    before = sorted(here.rglob("*"))
    with pytest.raises(SystemExit, match=message):
        main(["predict", "--to", "out.csv", "--model", "../model", *arguments])
    assert sorted(here.rglob("*")) == before
    assert (here / "t.csv").read_bytes() == b"a,b\n1,2\n"


def test_nothing_usable_is_a_failure_with_a_table(here: Path) -> None:
    write_files(here, {"1.png": b"x"})
    with pytest.raises(SystemExit, match="none of the images could be used"):
        predict("1.png")
    assert "are text" in pd.read_csv("out.csv")["reason"].tolist()[0]


# Predicts, writes each batch as a part, and after a number of parts waits for a line before it goes on.
WAITING = """
import sys
from darkroom.cli.main import main
from darkroom.prediction import output
output.PART_SECONDS = -1
add, left = output.Parts.add, int(sys.argv[1])
def waiting(self, rows):
    global left
    add(self, rows)
    left -= 1
    if not left:
        print("waits", flush=True)
        sys.stdin.readline()
output.Parts.add = waiting
main(["predict", "new", "--to", "out.csv", "--model", "../model", "--threads", "1"])
"""


def predict_until_part(number: int) -> "subprocess.Popen[str]":
    """Start `darkroom predict` on `new`; return when it has written so many parts and waits for a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, str(number)],
        env=os.environ | {"PYTHONPATH": str(PROJECT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    return process


def test_a_killed_run_goes_on_and_gives_the_same(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    colours(here / "new", count=200)
    expected = predict("new", to="whole.csv")
    process = predict_until_part(4)
    parts = here / ".out.csv.parts"
    assert len([*parts.glob("*.rows")]) == 4
    process.kill()
    process.communicate()
    assert not (here / "out.csv").exists()
    (parts / ".000000048-16-torn.rows.x.tmp").write_bytes(b"half")
    # an image that changed is predicted again
    changed = expected["path"].tolist()[20]
    write_files(here, {changed: BLUE})
    capsys.readouterr()
    frame = predict("new")
    assert "16 of 400 images were predicted before: goes on" in capsys.readouterr().err
    assert list(frame["path"]) == list(expected["path"])
    assert found(frame) == found(expected) | {changed: "blue"}
    assert not parts.exists()


def test_a_signal_keeps_what_is_done(here: Path) -> None:
    colours(here / "new", count=200)
    process = predict_until_part(1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate("go on\n", timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert "The same command goes on from there" in errors
    assert "Traceback" not in errors
    assert len([*(here / ".out.csv.parts").glob("*.rows")]) == 1
    assert not (here / "out.csv").exists()
    assert len(predict("new")) == 400


def test_a_place_that_goes_away_ends_the_run_and_is_tried_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.data.storage.reading.WAITS_S", (0, 0, 0))
    colours(here / "site/p", count=30)
    with site(here / "site") as server:
        server.failing.update({f"red/{number}.png": 503 for number in range(30)})  # after those of blue
        with pytest.raises(SystemExit, match=r"of 60 images are predicted. The same command goes on"):
            predict(f"{server.url}/p")
        assert not (here / "out.csv").exists()
        server.failing.clear()
        before = len(server.asked)
        frame = predict(f"{server.url}/p")
    assert frame["reason"].isna().all()
    assert frame["prediction"].value_counts().to_dict() == {"blue": 30, "red": 30}
    images = [path for path in server.asked[before:] if path.endswith(".png")]
    assert sum("blue" in path for path in images) < 30 <= sum("red" in path for path in images)


def test_one_file_that_a_server_cannot_send_is_a_row(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom.data.storage.reading.WAITS_S", (0, 0, 0))
    colours(here / "site/p", count=3)
    with site(here / "site") as server:
        server.failing["red/1.png"] = 500
        frame = predict(f"{server.url}/p")
    assert frame["reason"].notna().sum() == 1
