"""A structure over labels is fitted to images the model was not trained on, kept as JSON, and read again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from darkroom import UserError
from darkroom.models.structures import STRUCTURES
from darkroom.models.structures.structure import Structure

FOLDS = 5  # of the images, by which strengths are compared
FEWEST = 50  # images: each fold has at least ten


@dataclass(frozen=True)
class FittedStructure:
    """A structure and what it was chosen by.

    Attributes:
        name: of the method, a key of `STRUCTURES`.
        structure: fitted to all images, in evaluation mode, float32.
        strength: of those of the method, the one of the smallest log-loss on images outside the fit.
        log_loss: mean of an image and label then.
        log_loss_alone: that of independent labels on the same images.
        held_out: probabilities float32 [N,L] of each image by the fit that it had no part in.
    """

    name: str
    structure: Structure
    strength: float
    log_loss: float
    log_loss_alone: float
    held_out: NDArray[np.float32]


def check_labels(name: str, labels: int) -> None:
    """Raise UserError where the structure `name` cannot be used with so many labels."""
    method = STRUCTURES[name]
    if labels < 2:
        raise UserError(
            f"model.structure is {name}, but there is {labels} label, and a structure is about how labels go "
            "together: set model.structure=none"
        )
    if labels > method.most:
        others = ", ".join(other for other, m in STRUCTURES.items() if m.most >= labels) or "none"
        raise UserError(
            f"model.structure is {name}, which takes at most {method.most} labels ({method.cost}), and there "
            f"are {labels}: set model.structure to one of those that take so many: {others}"
        )


def fit_structure(
    name: str,
    logits: NDArray[np.floating],
    labels: NDArray[np.int8],
    counted: NDArray[np.int8],
    *,
    seed: int,
) -> FittedStructure:
    """Fit the structure `name`, a key of `STRUCTURES`, with the best of its strengths.

    Strengths are compared by the log-loss of images in `FOLDS` parts, each predicted by a fit to the others.

    Args:
        name: of the method.
        logits: calibrated, float [N,L], of images that the model was not trained on.
        labels: int8 [N,L] of these images: 1, 0, or -1 for unknown.
        counted: int8 [M,L], of training images, whose labels alone are counted.
        seed: draws the parts.

    Raises UserError for fewer than `FEWEST` images, for one label, and for too many labels.
    """
    check_labels(name, labels.shape[1])
    if len(labels) < FEWEST:
        raise UserError(
            f"{len(labels)} validation images are too few to fit model.structure={name} to, which takes "
            f"{FEWEST}: set model.structure=none, or a larger data.validation_fraction"
        )
    method = STRUCTURES[name]
    z, y = torch.from_numpy(np.asarray(logits, dtype=np.float64)), torch.from_numpy(np.array(labels))
    others = torch.from_numpy(np.array(counted))
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    parts = [order[part::FOLDS] for part in range(FOLDS)]
    best, strength, held_out = float("inf"), method.strengths[0], torch.empty_like(z)
    try:
        for tried in method.strengths:
            found = torch.empty_like(z)
            for part in parts:
                rest = torch.ones(len(y), dtype=torch.bool)
                rest[part] = False
                found[part] = method.fit(z[rest], y[rest], others, tried)(z[part])
            if (loss := log_loss(found, y)) < best:
                best, strength, held_out = loss, tried, found
        structure = method.fit(z, y, others, strength)
    except ValueError as error:
        raise UserError(f"model.structure={name}: {error}") from error
    return FittedStructure(
        name,
        structure.float().eval(),
        strength,
        best,
        log_loss(z.sigmoid(), y),
        held_out.numpy().astype(np.float32),
    )


def log_loss(probabilities: Tensor, labels: Tensor) -> float:
    """Return the mean cross-entropy of probabilities [N,L] over what is known of labels [N,L].

    >>> round(log_loss(torch.tensor([[0.5, 0.9]]), torch.tensor([[1, -1]])), 3)
    0.693
    """
    known = labels >= 0
    p = probabilities.double().clamp(1e-6, 1 - 1e-6)[known]
    return F.binary_cross_entropy(p, (labels[known] == 1).double()).item()


def to_json(fitted: FittedStructure) -> dict[str, Any]:
    """Return what models/calibration.json holds of a structure under `structure`."""
    tensors = {name: _numbers(values) for name, values in fitted.structure.fitted().items()}
    return {
        "name": fitted.name,
        "strength": fitted.strength,
        "log_loss": fitted.log_loss,
        "log_loss_alone": fitted.log_loss_alone,
        "fitted": tensors,
    }


def from_json(described: Mapping[str, Any]) -> Structure:
    """Build the structure that `to_json` described, float32 and in evaluation mode."""
    tensors = {name: torch.tensor(values) for name, values in described["fitted"].items()}
    return STRUCTURES[described["name"]].build(**tensors).float().eval()


@torch.inference_mode()
def joint(structure: Structure, logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the joint probabilities float32 [N,L] of calibrated logits [N,L]."""
    return np.asarray(structure(torch.from_numpy(np.asarray(logits, dtype=np.float32))).numpy())


def summary(fitted: Mapping[str, Any]) -> str:
    """Return a line on a structure as `to_json` described it."""
    better = fitted["log_loss"] < fitted["log_loss_alone"]
    line = (
        f"structure {fitted['name']}, strength {fitted['strength']:g}: log-loss {fitted['log_loss']:.4f} of "
        f"validation images outside the fit, {fitted['log_loss_alone']:.4f} by independent labels"
    )
    return line if better else f"{line}: it does not help here, model.structure=none is as good"


def _numbers(values: Tensor) -> Any:
    if values.dtype.is_floating_point:
        return values.float().tolist()
    return values.tolist()
