"""Download the raw files of the data set, verified, into data/raw; what was used into data/source.json."""

import os

from darkroom.data.download.errors import DownloadError
from darkroom.data.sources import obtain
from darkroom.files import write_json
from pipeline import DATA, ROOT, read_params
from pipeline.stage import stage


def main() -> None:
    """Fetch the data set that params.yaml names; DARKROOM_MIRROR names a source of the user's own."""
    mirror = os.environ.get("DARKROOM_MIRROR", "").strip() or None
    name = read_params().data.name
    try:
        used = obtain(name, raw=DATA / "raw", downloads=ROOT / ".downloads", mirror=mirror)
    except DownloadError as error:
        raise SystemExit(f"download: {error}") from error
    write_json(DATA / "source.json", used)
    kind = "official" if used["official"] else "not the official file"
    print(f"{used['data']} from {used['source']} ({kind}): {used['bytes']:,} bytes, sha256 {used['sha256']}")


if __name__ == "__main__":
    stage(main)
