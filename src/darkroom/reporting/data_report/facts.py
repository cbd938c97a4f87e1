"""The facts of each image of the splits: where it comes from and how it looks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.splits import Split

CHUNK = 1024  # images measured at once
LOOKS = ["brightness", "contrast", "sharpness"]
OF_FILES = ["size", "width", "height", "mode", "format", "orientation"]


def looks(images: NDArray[np.uint8]) -> pd.DataFrame:
    """Return brightness, contrast and sharpness of images uint8 [N,H,W,C], as the scan measures files.

    They are mean and standard deviation of the grey values, 0 to 255, and the variance of their Laplacian,
    here of the pixels as the model sees them.

    >>> grey = np.full((1, 4, 4, 3), 100, dtype=np.uint8)
    >>> looks(grey).to_dict("records")
    [{'brightness': 100.0, 'contrast': 0.0, 'sharpness': 0.0}]
    """
    rows = []
    for start in range(0, len(images), CHUNK):
        grey = images[start : start + CHUNK].astype(np.float32).mean(axis=3)
        around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
        laplacian = around - 4 * grey[:, 1:-1, 1:-1]
        rows.append(np.stack([grey.mean((1, 2)), grey.std((1, 2)), laplacian.var((1, 2))], axis=1))
    table = np.concatenate(rows) if rows else np.empty((0, 3))
    return pd.DataFrame(table.astype(np.float64).round(2), columns=LOOKS)


def image_facts(
    splits: Mapping[str, Split], manifests: Mapping[str, pd.DataFrame], scanned: pd.DataFrame | None
) -> pd.DataFrame:
    """Return a row for each image of the splits.

    Args:
        splits: by name.
        manifests: of the splits, a row for each image.
        scanned: the scan's manifest of images of one's own; None for a published data set.

    Returns:
        `split`, `index` in it, `label` (its number; of several labels -1), `path`, `unit` (of images that
        must stay together), `brightness`, `contrast`, `sharpness`, and of images of one's own `size` in
        bytes, `width`, `height`, `mode`, `format`, `orientation`, `given` (the split that the source gives)
        and `phash`. What is not known of an image, as of a correction, is 0 or empty.
    """
    parts = []
    for name, split in splits.items():
        manifest = manifests[name]
        label = np.full(len(split), -1) if split.several else split.labels
        base = pd.DataFrame({"split": name, "index": np.arange(len(split)), "label": label})
        base["path"] = manifest["path"].astype(str).to_numpy() if "path" in manifest else ""
        base["sha256"] = manifest["sha256"].to_numpy()
        parts.append(base)
    table = pd.concat(parts, ignore_index=True)
    if scanned is None:
        measured = pd.concat([looks(split.images) for split in splits.values()], ignore_index=True)
        table[LOOKS] = measured
        height, width = next(iter(splits.values())).images.shape[1:3]
        table = table.assign(size=0, width=width, height=height, mode="", format="", orientation=1)
        table = table.assign(given=table["split"], phash="", group="")
        table["unit"] = pd.factorize(table["sha256"])[0]
        return table
    columns = [*LOOKS, *OF_FILES, "unit", "phash", "group", "path"]
    known = scanned[[*columns, *(["given"] if "given" in scanned else [])]].drop_duplicates("path")
    table = table.merge(known, on="path", how="left")
    if "given" not in table:
        table["given"] = ""
    without = table["brightness"].isna()
    for name in splits:
        rows = table.index[without & (table["split"] == name)]
        if len(rows):
            table.loc[rows, LOOKS] = looks(
                splits[name].images[table.loc[rows, "index"].to_numpy()]
            ).to_numpy()
    fill: dict[str, Any] = {"size": 0, "width": 0, "height": 0, "orientation": 1}
    table = table.fillna(fill | dict.fromkeys(("mode", "format", "given", "phash", "group"), ""))
    own = table["unit"].isna()
    table.loc[own, "unit"] = -1.0 - np.arange(int(own.sum()))  # each a unit of its own
    table["unit"] = pd.factorize(table["unit"])[0]
    return table


def sample(table: pd.DataFrame, most: int, *, seed: int = 0) -> pd.DataFrame:
    """Return at most `most` rows, drawn at random, in their order.

    >>> len(sample(pd.DataFrame({"a": range(10)}), 4))
    4
    """
    if len(table) <= most:
        return table
    chosen = np.random.default_rng(seed).choice(len(table), most, replace=False)
    return table.iloc[np.sort(chosen)]
