"""`reference.json`: the reference for drift as a file beside the model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .counts import Array
from .drift_score import WINDOW
from .embedding_axes import EmbeddingAxes
from .label_pairs import Labels
from .reference import Reference
from .thresholds import Thresholds

REBUILD = "run `dvc repro register` again"


def reference_to_json(reference: Reference) -> dict[str, Any]:
    """Return a reference as what JSON can hold, arrays rounded to six digits."""
    tree = {
        "sha256": reference.sha256,
        "classes": reference.classes,
        "images": reference.images,
        "numbers": reference.features,
        "edges": _rounded(reference.edges),
        "shares": _rounded(reference.shares),
        "class_shares": _rounded(reference.class_shares),
        "centre": _rounded(reference.axes.centre),
        "axes": _rounded(reference.axes.axes),
        "means": _rounded(reference.thresholds.means),
        "deviations": _rounded(reference.thresholds.deviations),
        "threshold": reference.thresholds.threshold,
        "window": WINDOW,
    }
    if labels := reference.labels:
        tree["labels"] = {
            "given_from": labels.given_from.tolist(),  # whole: each decides
            "pairs": labels.pairs.tolist(),
            "together": _rounded(labels.together),
        }
    return tree


def read_reference(path: Path, *, sha256: str | None = None) -> Reference:
    """Read a reference.

    Args:
        path: of `reference.json`.
        sha256: of the graph that the reference must belong to; None accepts any.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a reference, or belongs to another model.
    """
    try:
        reference = _reference(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is not a reference for drift ({error!r}): {REBUILD}") from error
    if sha256 is not None and reference.sha256 != sha256:
        raise ValueError(
            f"{path} belongs to the model with the SHA-256 {reference.sha256}, but the model beside it has "
            f"{sha256}: {REBUILD}"
        )
    return reference


def _reference(tree: Mapping[str, Any]) -> Reference:
    def array(name: str) -> Array:
        return np.array(tree[name], dtype=np.float64)

    centre = array("centre")
    axes = array("axes").reshape(-1, len(centre)) if len(centre) else np.zeros((0, 0))
    return Reference(
        sha256=tree["sha256"],
        classes=tuple(tree["classes"]),
        images=tree["images"],
        features=tuple(tree["numbers"]),
        edges=array("edges"),
        shares=array("shares"),
        class_shares=array("class_shares"),
        axes=EmbeddingAxes(centre, axes),
        thresholds=Thresholds(array("means"), array("deviations"), tree["threshold"]),
        labels=_labels(tree["labels"]) if "labels" in tree else None,
    )


def _labels(tree: Mapping[str, Any]) -> Labels:
    return Labels(
        given_from=np.array(tree["given_from"], dtype=np.float64),
        pairs=np.array(tree["pairs"], dtype=np.int64).reshape(-1, 2),
        together=np.array(tree["together"], dtype=np.float64),
    )


def _rounded(values: NDArray[Any]) -> Any:
    digits = np.array([float(f"{number:.6g}") for number in values.ravel()])
    return digits.reshape(values.shape).tolist()
