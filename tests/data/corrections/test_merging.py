"""Reviewed images join the training images; a test or validation image never does."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image, ImageOps

from darkroom.data.corrections.merging import CorrectionError, TakenIn, read_corrections, take_in
from darkroom.data.splits import Split, open_split
from darkroom.files import read_json, sha256_file
from tests.helpers.checkouts import Checkout, Quickstart, new_checkout
from tests.helpers.serving import encoded, random_image

CLASSES = ("cat", "dog")
SHAPE = {"height": 32, "width": 32, "channels": 3}


def noise(seed: int, size: int = 32) -> NDArray[np.uint8]:
    """Return blocks of chance: like no other image, and still itself after resizing."""
    small = np.random.default_rng(seed).integers(0, 256, (size // 4, size // 4, 3), dtype=np.uint8)
    return small.repeat(4, axis=0).repeat(4, axis=1)


def splits() -> dict[str, Split]:
    """Return six images of each part, no two alike."""
    return {
        name: Split(np.stack([noise(10 * part + n) for n in range(6)]), np.arange(6) % 2)
        for part, name in enumerate(("train", "validation", "test"), 1)
    }


def put(folder: Path, content: bytes, label: str = "cat", suffix: str = ".png") -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / label / (sha256 + suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return sha256


def taken(folder: Path, *, mirror: bool = True, similarity: float = 0.9) -> TakenIn:
    found = read_corrections(folder, CLASSES, **SHAPE)
    return take_in(found, splits(), CLASSES, similarity=similarity, mirror=mirror)


def outcomes(done: TakenIn) -> dict[str, str]:
    return dict(zip(done.outcomes["sha256"], done.outcomes["outcome"], strict=True))


def large(pixels: NDArray[np.uint8], kind: str = "PNG", side: int = 200, **options: Any) -> bytes:
    return encoded(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC), kind, **options)


def test_images_come_as_the_service_sees_them_and_last(tmp_path: Path) -> None:
    exact, photo = (
        put(tmp_path, encoded(noise(1)), "dog"),
        put(tmp_path, encoded(random_image(90, 160), "JPEG")),
    )
    done = taken(tmp_path)
    assert outcomes(done) == {exact: "taken", photo: "taken"}
    before = splits()["train"]
    np.testing.assert_array_equal(done.train.images[:6], before.images)
    np.testing.assert_array_equal(done.train.labels[:6], before.labels)
    assert list(done.files) == ["", "", "", "", "", "", *sorted((exact, photo))]
    place = list(done.files).index(exact)
    np.testing.assert_array_equal(done.train.images[place], noise(1))
    assert done.train.labels[place] == 1
    assert (done.summary["found"], done.summary["taken"], done.summary["refused"]) == (2, 2, 0)
    assert len(done.summary["sha256"]) == 64


def test_nothing_in_the_folder_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*")
    for folder in (tmp_path, tmp_path / "none"):
        done = taken(folder)
        assert done.summary == {}
        assert len(done.outcomes) == 0
        assert done.train.images.tobytes() == splits()["train"].images.tobytes()
        assert set(done.files) == {""}


@pytest.mark.parametrize("part", ["test", "validation"])
def test_no_held_out_image_gets_in_whatever_became_of_it(tmp_path: Path, part: str) -> None:
    held = splits()[part].images[3]
    image = Image.fromarray(held)
    brighter = np.clip(held * 0.6 + 60, 0, 255).astype(np.uint8)
    for number, content in enumerate(
        (
            encoded(held),
            encoded(held, "BMP"),
            encoded(held, "JPEG", quality=60),
            large(held),
            large(held, "JPEG", 640, quality=40),
            encoded(held[:, ::-1].copy()),
            encoded(brighter),
            encoded(image.resize((24, 24), Image.Resampling.BICUBIC)),
            encoded(image.resize((256, 256), Image.Resampling.NEAREST).crop((26, 26, 230, 230))),
            encoded(ImageOps.expand(image.resize((256, 256)), 20, "white"), "JPEG"),
            encoded(image.resize((256, 256)).rotate(9, Image.Resampling.BICUBIC)),
        )
    ):
        put(tmp_path, content, CLASSES[number % 2], f".{number}")
    done = taken(tmp_path)
    assert set(outcomes(done).values()) == {"refused"}
    assert done.outcomes["reason"].str.contains(f"{part} image").all()
    assert len(done.train) == 6
    assert done.summary["sha256"] is None


def test_a_held_out_image_is_refused_to_the_bit_whatever_the_similarity(tmp_path: Path) -> None:
    plain = np.full((32, 32, 3), 7, dtype=np.uint8)
    parts = splits()
    parts["test"] = Split(np.concatenate([parts["test"].images, plain[None]]), np.zeros(7, dtype=np.int64))
    put(tmp_path, encoded(plain))
    found = read_corrections(tmp_path, CLASSES, **SHAPE)
    done = take_in(found, parts, CLASSES, similarity=1.0, mirror=False)
    (row,) = done.outcomes.to_dict("records")
    assert (row["reason"], row["split"], row["index"], row["similarity"]) == (
        "is a test image",
        "test",
        6,
        1,
    )


def test_a_training_image_keeps_or_changes_its_class(tmp_path: Path) -> None:
    train = splits()["train"].images
    same, other = put(tmp_path, encoded(train[2]), "cat"), put(tmp_path, encoded(train[4]), "dog")
    done = taken(tmp_path)
    assert outcomes(done) == {same: "refused", other: "relabels"}
    assert list(done.train.labels) == [0, 1, 0, 1, 1, 1]
    assert [number for number, file in enumerate(done.files) if file] == [4]
    assert "which was cat" in str(done.outcomes.set_index("sha256").loc[other, "reason"])


def test_the_same_image_twice_is_taken_once_and_not_at_all_where_its_classes_differ(tmp_path: Path) -> None:
    twins = [put(tmp_path, encoded(noise(1), kind), "cat", f".{kind}") for kind in ("PNG", "BMP")]
    rivals = [
        put(tmp_path, encoded(noise(2), kind), name, f".{kind}")
        for kind, name in (("PNG", "cat"), ("BMP", "dog"))
    ]
    done = taken(tmp_path)
    assert outcomes(done) == {
        min(twins): "taken",
        max(twins): "refused",
        **dict.fromkeys(rivals, "refused"),
    }
    reasons = done.outcomes.set_index("sha256")["reason"]
    assert f"the same image as correction {rivals[1][:12]}, of dog" == reasons[rivals[0]]


def test_what_cannot_be_a_correction_is_named(tmp_path: Path) -> None:
    put(tmp_path, encoded(noise(1)), "bird")
    put(tmp_path, encoded(noise(2)), "cat")
    put(tmp_path, encoded(noise(2)), "dog")
    (tmp_path / "loose.png").write_bytes(b"x")
    with pytest.raises(CorrectionError) as caught:
        taken(tmp_path)
    said = str(caught.value)
    for told in (
        "'bird' is no class",
        "loose.png: it lies in no class",
        "is in cat too",
        "there are the classes cat, dog",
    ):
        assert told in said


def test_a_broken_image_is_refused_with_the_reason(tmp_path: Path) -> None:
    cut = put(tmp_path, encoded(noise(1))[:60])
    done = taken(tmp_path)
    assert outcomes(done) == {cut: "refused"}
    assert "cannot be read: " in done.outcomes["reason"].iloc[0]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return a checkout with the digits downloaded, not split yet."""
    checkout = new_checkout(tmp_path_factory.mktemp("digits") / "checkout")
    params = checkout.root / "params.yaml"
    tree = yaml.safe_load(params.read_text(encoding="utf-8"))
    tree["data"]["name"] = "digits"
    tree["evaluate"]["duplicate_similarity"] = 0.99
    params.write_text(yaml.safe_dump(tree), encoding="utf-8")
    checkout.stage("download")
    return checkout


def test_the_stage_takes_them_in_and_says_so(digits: Checkout, quickstart: Quickstart) -> None:
    root, before = digits.root, quickstart.checkout.root
    (root / "corrections/cifar10/dog").mkdir(parents=True)
    (root / "corrections/cifar10/dog/other data.png").write_bytes(b"not looked at")
    test, train = open_split(before / "data/test"), open_split(before / "data/train")
    seen = np.array(train.images[5][::-1])  # upside down: new
    new = put(root / "corrections/digits", encoded(Image.fromarray(seen[..., 0]).resize((80, 80))), "7")
    known = put(root / "corrections/digits", encoded(np.array(test.images[0])), "7")
    said = digits.stage("preprocess")
    assert "2 corrections: 1 taken, 0 relabels, 1 refused" in said
    after = open_split(root / "data/train")
    assert len(after) == len(train) + 1
    np.testing.assert_array_equal(after.images[:-1], train.images)
    assert after.labels[-1] == 7
    for part in ("test", "validation"):
        for name in ("images.npy", "labels.npy", "manifest.parquet"):
            assert sha256_file(root / "data" / part / name) == sha256_file(before / "data" / part / name)
    rows = pd.read_parquet(root / "data/train/manifest.parquet")
    assert rows.iloc[-1][["source", "correction", "source_index"]].tolist() == ["correction", new, -1]
    assert set(rows["source"].iloc[:-1]) == {"data"}
    meta, report = read_json(root / "data/meta.json"), read_json(root / "reports/data.json")
    assert meta["corrections"] == 1
    assert meta["corrections_sha256"] == report["corrections"]["sha256"]
    assert meta["train"] == len(after)
    listed = pd.read_csv(root / "reports/corrections.csv").set_index("sha256")
    assert (listed.loc[known, "outcome"], listed.loc[known, "split"]) == ("refused", "test")


def test_an_unknown_class_stops_the_stage_with_a_message(digits: Checkout) -> None:
    wrong = digits.root / "corrections/digits/eleven"
    put(wrong.parent, encoded(random_image()), "eleven")
    try:
        done = digits.run("python", "-m", "pipeline.preprocess", check=False)
    finally:
        for path in (*wrong.iterdir(), wrong):
            path.unlink() if path.is_file() else path.rmdir()
    assert done.returncode == 1
    assert "'eleven' is no class" in done.stderr
    assert "Traceback" not in done.stderr
