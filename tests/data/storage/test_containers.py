"""Images inside tables and shards: Hugging Face's Parquet and Arrow files, WebDataset's tars."""

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from darkroom.data.storage import SourceError, open_storage
from tests.helpers.own_images import photo
from tests.helpers.scans import reasons, scan_source


def table(count: int, *, start: int = 0) -> pa.Table:
    """Return what datasets writes: image files with their paths, and numbers of classes with their names."""
    numbers = range(start, start + count)
    image = pa.array(
        [{"bytes": photo(n, colour=2 * (n % 2)), "path": f"{n}.png"} for n in numbers],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["red", "blue"]}}
    return pa.table({"image": image, "label": pa.array([n % 2 for n in numbers])}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_hugging_face(tmp_path: Path, kind: str) -> None:
    for split, shard, count in (("train", 0, 8), ("train", 1, 8), ("test", 0, 6)):
        rows = table(count, start=100 * len(split) + 20 * shard)
        if kind == "parquet":
            path = tmp_path / f"set/data/{split}-{shard:05d}-of-00002.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, path, row_group_size=3)
        else:
            path = tmp_path / f"set/{split}/data-{shard:05d}-of-00002.arrow"
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / "dataset_info.json").write_text("{}")
            (path.parent / "state.json").write_text('{"_data_files": []}')
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, rows.schema) as writer:
                writer.write_table(rows)
    found = scan_source(tmp_path / "set", tmp_path)
    assert found.classes == ("blue", "red")
    assert found.used["split"].value_counts()["test"] == 6
    assert len(found.used) == 22
    assert (found.used["size"] > 0).all()


def test_one_parquet_file_with_images(tmp_path: Path) -> None:
    rows = table(8)
    without = rows.slice(0, 1).to_pylist()
    without[0]["image"] = None
    pq.write_table(
        pa.concat_tables([rows, pa.Table.from_pylist(without, rows.schema)]), tmp_path / "a.parquet"
    )
    found = scan_source(tmp_path / "a.parquet", tmp_path)
    assert len(found.used) == 8
    assert reasons(found)["00000008.image.png"] == "the row has no image"


def test_half_a_parquet_file_is_an_error(tmp_path: Path) -> None:
    pq.write_table(table(8), tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match=r"Parquet"):
        scan_source(tmp_path / "a.parquet", tmp_path)


def shard(path: Path, samples: dict[str, bytes]) -> None:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in samples.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("with_json", [False, True])
def test_shards_of_webdataset(tmp_path: Path, with_json: bool) -> None:
    for split, count in (("train", 12), ("val", 4)):
        samples: dict[str, bytes] = {}
        for number in range(count):
            key = f"{number:06d}"
            samples[f"{key}.png"] = photo(number + 50 * count, colour=2 * (number % 2))
            samples[f"{key}.cls"] = b"%d" % (number % 2)
            if with_json:
                samples[f"{key}.json"] = json.dumps(
                    {"label": number % 2, "class_name": ("red", "blue")[number % 2]}
                ).encode()
        shard(tmp_path / f"set/{split}-000000.tar", samples)
    found = scan_source(tmp_path / "set", tmp_path)
    assert found.classes == (("blue", "red") if with_json else ("0", "1"))
    assert found.used["split"].value_counts()["validation"] == 4


def test_a_shard_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    samples = {
        f"{n}.{kind}": photo(n) if kind == "png" else b"1" for n in range(3) for kind in ("png", "cls")
    }
    shard(tmp_path / "set/train-0.tar", samples)
    shard(tmp_path / "set/train-1.tar", samples)
    path = tmp_path / "set/train-1.tar"
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(SourceError, match=r"train-1.tar is not a whole tar archive"):
        list(open_storage("set", tmp_path).files())
