"""The scan of images with several labels: copies, rare labels, and splits with a share of every label."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom.data.preparation import meta, prepare, write_splits
from darkroom.data.scan.label_sets import counts_of, leave_out_rare_labels, merge_copies, sets_of
from darkroom.data.scan.parts import assign_sets
from darkroom.data.scan.stratification import stratify, with_pairs
from darkroom.data.sources.raw import Raw
from darkroom.data.splits import Split, open_split, read_meta
from darkroom.files import write_json
from tests.helpers.own_images import photo, write_files
from tests.helpers.scans import scan_source


def rows(*labels: str, sha256: str = "", unknown: tuple[str, ...] = ()) -> pd.DataFrame:
    hashes = list(sha256 or "".join(map(str, range(len(labels)))))
    paths = [f"{place}.jpg" for place in range(len(labels))]
    more = [*unknown, *[""] * (len(labels) - len(unknown))]
    return pd.DataFrame({"path": paths, "label": labels, "unknown": more, "sha256": hashes, "reason": ""})


def test_an_image_in_two_folders_has_both_labels_once() -> None:
    table = rows('["car"]', '["tree"]', '["sea"]', sha256="aab")
    (note,) = merge_copies(table)
    assert table["label"].tolist()[0] == '["car", "tree"]'
    assert table["reason"].tolist() == ["", "the same file as 0.jpg, which has its labels too", ""]
    assert "1 image" in note


def test_copies_that_disagree_are_unknown_where_they_do() -> None:
    table = rows('["car", "tree"]', '["car", "sea"]', sha256="aa")
    merge_copies(table)
    assert table["label"].tolist() == ['["car"]'] * 2
    assert table["unknown"].tolist() == ['["sea", "tree"]'] * 2
    assert (table["reason"] == "").all()


def test_rare_labels_are_taken_out_and_their_images_stay() -> None:
    table = rows('["car"]', '["car", "sea"]', '["car"]', unknown=("", "", '["sea"]'))
    (note,) = leave_out_rare_labels(table, 2)
    assert counts_of(sets_of(table)) == {"car": 3}
    assert table["unknown"].tolist() == ["", "", ""]
    assert note.startswith("The label sea was taken out: 1 image with it")


def made(units: int, *, seed: int = 0) -> np.ndarray:
    """Return labels of units, int64 [units,4]: frequent, rare, and a pair that goes together."""
    random = np.random.default_rng(seed)
    yes = random.random((units, 4)) < [0.6, 0.05, 0.2, 0.0]
    yes[:, 3] = yes[:, 2] & (random.random(units) < 0.8)
    return yes.astype(np.int64)


@pytest.mark.parametrize("seed", range(3))
def test_every_split_gets_its_share_of_every_label(seed: int) -> None:
    counts = made(400, seed=seed)
    split = stratify(with_pairs(counts), np.ones(400, np.int64), [0.2, 0.1, 0.7], seed=seed)
    for part, share in enumerate((0.2, 0.1, 0.7)):
        assert (split == part).mean() == pytest.approx(share, abs=0.01)
        found = counts[split == part].sum(axis=0)
        assert (np.abs(found - share * counts.sum(axis=0)) <= 1.5).all()


def test_it_is_closer_than_chance_and_pairs_are_closer_with_pairs() -> None:
    off: dict[str, float] = {"chance": 0.0, "labels": 0.0, "pairs": 0.0}
    for seed in range(5):
        counts = made(300, seed=seed)
        both = counts[:, 2] & (1 - counts[:, 3])
        size = np.ones(300, np.int64)
        drawn = {
            "chance": np.random.default_rng(seed).choice(2, 300, p=[0.25, 0.75]),
            "labels": stratify(counts, size, [0.25, 0.75], seed=seed),
            "pairs": stratify(
                with_pairs(np.column_stack([counts, 1 - counts])), size, [0.25, 0.75], seed=seed
            ),
        }
        for name, split in drawn.items():
            off[name] += abs(both[split == 0].sum() - both.sum() / 4)
    assert off["labels"] < off["chance"]
    assert off["pairs"] <= off["labels"]


def test_it_depends_on_the_seed_alone_and_shares_must_sum_to_one() -> None:
    counts = made(50)
    one, same, other = (stratify(counts, np.ones(50, np.int64), [0.5, 0.5], seed=seed) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()
    with pytest.raises(ValueError, match="a sum of 1"):
        stratify(counts, np.ones(50, np.int64), [0.5, 0.4], seed=0)


def test_groups_stay_together_and_given_splits_are_kept() -> None:
    random = np.random.default_rng(0)
    table = rows(*[f'["{"car" if random.random() < 0.5 else "tree"}"]' for _ in range(120)], sha256="x" * 120)
    images = pd.DataFrame(
        {"split": "", "unit": np.arange(120) // 3, "key": [f"g{n // 3:03}" for n in range(120)]}
    )
    how: dict[str, Any] = {"test_fraction": 0.25, "validation_fraction": 0.2, "seed": 0}
    split, _ = assign_sets(images, sets_of(table), **how)
    assert (split.groupby(images["unit"]).nunique() == 1).all()
    assert set(split) == {"train", "validation", "test"}
    images.loc[:2, "split"] = "test"
    given, _ = assign_sets(images, sets_of(table), **how)
    assert (given[:3] == "test").all()
    assert (given == "test").sum() == 3
    assert set(given) == {"train", "validation", "test"}


def test_the_order_of_the_files_changes_no_split() -> None:
    table = rows(*['["car"]', '["tree", "car"]', "[]"] * 20, sha256="x" * 60)
    images = pd.DataFrame({"split": "", "unit": np.arange(60), "key": [f"k{n:02}" for n in range(60)]})
    how: dict[str, Any] = {"test_fraction": 0.25, "validation_fraction": 0.2, "seed": 0}
    one, _ = assign_sets(images, sets_of(table), **how)
    order = np.random.default_rng(0).permutation(60)
    shuffled = images.iloc[order].reset_index(drop=True).assign(unit=np.arange(60))
    other, _ = assign_sets(shuffled, [sets_of(table)[place] for place in order], **how)
    assert dict(zip(images["key"], one, strict=True)) == dict(zip(shuffled["key"], other, strict=True))


def test_a_scan_keeps_images_without_labels_and_unknown_ones(tmp_path: Path) -> None:
    files = {f"{number}.png": photo(number) for number in range(30)}
    cells = ["car|tree", "car", "", "tree"]
    text = "path,labels\n" + "".join(f"{number}.png,{cells[number % 4]}\n" for number in range(30))
    folder = write_files(tmp_path / "mine", {**files, "labels.csv": text.encode()})
    found = scan_source(folder, tmp_path, labels="several", table="labels.csv")
    assert found.classes == ("car", "tree")
    assert len(found.used) == 30
    assert found.summary()["classes"] == {"car": 16, "tree": 15}


def test_splits_are_written_and_read_back_as_sets(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.array([[1, 0], [0, -1], [1, 1], [0, 0]], dtype=np.int8)
    part = Split(random.integers(0, 255, (4, 8, 8, 3), dtype=np.uint8), labels)
    raw = Raw(part, part, ("car", "tree"), part)
    how: dict[str, Any] = {
        "name": "mine",
        "validation_fraction": 0.2,
        "seed": 0,
        "similarity": 0.99,
        "mirror": False,
    }
    prepared = prepare(raw, tmp_path / "none", **how)
    hashes = write_splits(prepared, tmp_path)
    write_json(tmp_path / "meta.json", meta(prepared, hashes))
    assert read_meta(tmp_path / "meta.json").several
    opened = open_split(tmp_path / "train")
    assert opened.several
    assert opened.labels.tolist() == labels.tolist()
    manifest = pd.read_parquet(tmp_path / "train/manifest.parquet")
    assert manifest["class"].tolist() == ['["car"]', "[]", '["car", "tree"]', "[]"]
    assert manifest["unknown"].tolist() == ["", '["tree"]', "", ""]
