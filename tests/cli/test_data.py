"""`darkroom data use`: from a folder to parameters."""

import json
from pathlib import Path

import pytest

from darkroom.cli import data as command
from darkroom.cli.main import main
from darkroom.config import load_params
from darkroom.models.backbones import weights
from tests.helpers.checkouts import PROJECT
from tests.helpers.own_images import colours, photo, write_files
from tests.helpers.warm_stages import set_params


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a params.yaml that the command takes for the checkout."""
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "params.yaml").write_bytes((PROJECT / "params.yaml").read_bytes())
    monkeypatch.setattr(command, "ROOT", root)
    return root


def test_a_folder_is_shown_and_used(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_files(colours(tmp_path / "My Photos"), {"notes.txt": b"x"})
    before = sorted(folder.rglob("*"))
    main(["data", "use", str(folder)])
    printed = capsys.readouterr().out
    for words in ("60 images of 2 classes", "red    30", "left out: 1 file", "data.side", "next: dvc repro"):
        assert words.lower() in printed.lower()
    data = load_params(root / "params.yaml").data
    assert (data.name, data.source, data.size) == ("my-photos", str(folder), (20, 20))
    assert sorted(folder.rglob("*")) == before
    assert (root / ".checkpoints/images/sample.png").stat().st_size > 1000


def test_what_was_taken_out_of_the_search_stays_out(root: Path, tmp_path: Path) -> None:
    set_params(root / "params.yaml", ["tune.space={}"])
    main(["data", "use", str(colours(tmp_path / "mine", count=5))])
    assert not load_params(root / "params.yaml").tune.space


def test_a_dry_run_writes_nothing(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (root / "params.yaml").read_bytes()
    main(["data", "use", str(colours(tmp_path / "mine", count=3)), "--dry-run"])
    assert (root / "params.yaml").read_bytes() == before
    assert "Nothing was written" in capsys.readouterr().out


def test_a_folder_in_the_project_has_a_relative_path(root: Path) -> None:
    colours(root / "photos", count=3)
    main(["data", "use", str(root / "photos"), "--name", "mine"])
    data = load_params(root / "params.yaml").data
    assert (data.name, data.source) == ("mine", "photos")


def test_a_table_with_named_columns_and_then_a_folder(root: Path, tmp_path: Path) -> None:
    folder = colours(tmp_path / "mine", count=4)
    rows = [f"{path.relative_to(folder)},{path.parent.name},{path.stem}" for path in folder.rglob("*.png")]
    (tmp_path / "parts.csv").write_text("\n".join(["photo,kind,day", *rows]))
    options = ["--table", str(tmp_path / "parts.csv"), "--label", "kind", "--group", "day"]
    main(["data", "use", str(folder), *options])
    data = load_params(root / "params.yaml").data
    assert (data.table, data.label, data.group) == (str(tmp_path / "parts.csv"), "kind", "day")
    main(["data", "use", str(folder)])
    data = load_params(root / "params.yaml").data
    assert (data.table, data.label, data.group) == ("", "", "")


@pytest.mark.parametrize("another", ["digits", "photos"])
def test_what_was_set_for_several_labels_is_taken_back(root: Path, tmp_path: Path, another: str) -> None:
    folder = colours(tmp_path / "mine", count=12)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    rows = [f"{name},{'warm|bright' if number % 2 else 'warm'}" for number, name in enumerate(names)]
    (folder / "labels.csv").write_text("\n".join(["file_name,labels", *rows]))
    set_params(root / "params.yaml", ["calibrate.views=auto"])
    main(["data", "use", str(folder), "--table", "labels.csv"])
    several = load_params(root / "params.yaml")
    assert (several.data.labels, several.calibrate.views) == ("several", "all")
    set_params(root / "params.yaml", ["model.structure=crf", "train.unknown_labels=complete"])
    main(["data", "use", str(colours(tmp_path / "photos", count=3)) if another == "photos" else another])
    params = load_params(root / "params.yaml")
    assert (params.data.name, params.data.labels, params.model.structure) == (another, "one", "none")
    assert (params.train.loss, params.train.best_by) == ("cross_entropy", "accuracy")
    assert params.train.unknown_labels == "ignore"


def test_back_to_a_published_data_set(root: Path, tmp_path: Path) -> None:
    main(["data", "use", str(colours(tmp_path / "mine", count=3))])
    main(["data", "use", "digits"])
    data = load_params(root / "params.yaml").data
    assert (data.name, data.source) == ("digits", "")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "0 files, but no images"),
        ({"a.txt": b"x"}, "1 files, but no images"),
        ({"cat/1.png": b"x"}, "1 class (cat); at least 2"),
        ({"cat/1.png": b"x", "dog/1.png": b"x"}, "none of 2 images that were tried can be read"),
    ],
)
def test_what_cannot_be_used_is_said(
    root: Path, tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    before = (root / "params.yaml").read_bytes()
    (tmp_path / "mine").mkdir()
    with pytest.raises(SystemExit) as end:
        main(["data", "use", str(write_files(tmp_path / "mine", files))])
    assert message in str(end.value)
    assert (root / "params.yaml").read_bytes() == before


def test_no_such_folder(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is neither a folder nor a file of that name"):
        main(["data", "use", str(tmp_path / "nothing")])


def test_the_result_as_json(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", "use", str(colours(tmp_path / "mine", count=3)), "--dry-run", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["classes"] == {"red": 3, "blue": 3}
    assert found["written"] is False
    assert found["parameters"]["data.name"] == "mine"


def photographs(folder: Path) -> Path:
    """Write six photographs in colour of each of two classes."""
    return write_files(
        folder,
        {
            f"{name}/{number}.jpg": photo(number + shift, size=(200, 150), kind="JPEG")
            for name, shift in (("forest", 0), ("harbor", 100))
            for number in range(6)
        },
    )


@pytest.mark.parametrize("cached", [False, True])
def test_a_backbone_is_proposed_for_photographs_where_its_weights_are(
    root: Path,
    tmp_path: Path,
    cached: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DARKROOM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "wheel_file", lambda backbone: (None, "not installed"))
    if cached:
        write_files(tmp_path / "cache", {"backbones/efficientnet_lite0.safetensors": b"x"})
    main(["data", "use", str(photographs(tmp_path / "mine"))])
    params, printed = load_params(root / "params.yaml"), capsys.readouterr().out
    if cached:
        assert (params.model.backbone, params.data.size) == ("efficientnet_lite0", (224, 224))
        assert "photographs in colour" in printed
    else:
        assert (params.model.backbone, params.data.size) == ("none", (48, 48))
    assert ("make install-backbone" in printed) is not cached
