"""Look at the data before training: a page that says what to mend, its numbers, and labels to review."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.config import Params
from darkroom.data.splits import Meta, open_split, read_meta
from darkroom.files import read_json
from darkroom.reporting.data_report.inputs import Data
from darkroom.reporting.data_report.report import NUMBERS, inspect, write
from darkroom.tracking.runs import log_files, log_metrics, open_run
from darkroom.training.preview import preview
from pipeline import DATA, REPORTS, read_params, tracking_uri
from pipeline.stage import stage

SHOWN = 16  # images of a batch
SPLITS = (
    "train",
    "validation",
    "test",
)  # no model is fitted to the test images, and no stage reads the report


def main() -> None:
    """Run the stage."""
    params, meta = read_params(), read_meta(DATA / "meta.json")
    found = inspect(
        read_data(meta),
        batches(params, meta),
        similarity=params.evaluate.duplicate_similarity,
        mirror=params.augment.flip != "none",
    )
    written = write(REPORTS, found)
    with open_run(tracking_uri(), meta.name, name="inspect", tags={"stage": "inspect"}):
        log_metrics(read_json(REPORTS / NUMBERS)["strange"], prefix="strange.")
        log_files(*written)
    print("\n".join(found.verdict))
    print(f"{written[0]} shows it")


def read_data(meta: Meta) -> Data:
    """Read what the stages `download` and `preprocess` wrote."""
    manifest, about = DATA / "raw/manifest.parquet", DATA / "raw/scan.json"
    own = about.is_file()
    return Data(
        name=meta.name,
        classes=meta.classes,
        splits={name: open_split(DATA / name) for name in SPLITS},
        manifests={name: pd.read_parquet(DATA / name / "manifest.parquet") for name in SPLITS},
        scanned=scanned(manifest) if own else None,
        left_out=pd.read_csv(REPORTS / "left_out.csv", keep_default_na=False),
        notes=read_json(about)["notes"] if own else [],
    )


def scanned(path: Path) -> pd.DataFrame:
    """Read the rows of the images that are used."""
    table = pd.read_parquet(path)
    return table[table["state"] == "used"]


def batches(params: Params, meta: Meta) -> dict[str, NDArray[np.uint8]]:
    """Return images as the network gets them in the first and in the last epoch."""
    train = open_split(DATA / "train")
    first = params.train.low_resolutions[0] if params.train.low_resolutions else 0
    last = params.train.epochs - 1
    return {
        title: preview(
            train,
            count=SHOWN,
            epoch=epoch,
            side=side,
            seed=params.seed,
            settings=params.augment,
            mean=meta.mean,
        )
        for title, epoch, side in (("the first epoch", 0, first), (f"epoch {last + 1}, the last", last, 0))
    }


if __name__ == "__main__":
    stage(main)
