"""Look at the source of the images: the list of its files tells the next stages what changed.

It runs with every `dvc repro`, because DVC does not watch what lies outside the project; it reads no image.
"""

from darkroom.data.scan.listing import write_listing
from darkroom.data.storage import SourceError, open_storage, shown
from pipeline import DATA, ROOT, read_params
from pipeline.stage import stage


def main() -> None:
    """Write data/listing.parquet; it is empty for a published data set."""
    params = read_params()
    try:
        storage = open_storage(params.data.source, ROOT, params.data) if params.data.source else None
        count = write_listing(DATA / "listing.parquet", storage.files() if storage else iter(()))
    except SourceError as error:
        raise SystemExit(f"source: {error}") from error
    if storage:
        print(f"{shown(params.data.source)}: {count:,} files")


if __name__ == "__main__":
    stage(main)
