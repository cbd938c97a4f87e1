"""Unknown labels of training images, filled in before the training (train.unknown_labels: complete)."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom import UserError
from darkroom.config.train import Train
from darkroom.data.label_sets import UNKNOWN
from darkroom.data.splits import Split
from darkroom.models.structures.matrix_completion import LEAST, complete

STRENGTHS = (0.8, 0.5, 0.3, 0.2, 0.1, 0.05)  # of soft-impute, shares of the largest singular value
HIDDEN = 0.1  # of the known answers, by which strengths are compared
MOST = 1000  # labels


def with_known_labels(images: Split, train: Train, *, seed: int) -> Split:
    """Return the training images with the labels that `train.unknown_labels` asks for.

    With `ignore` they are as they are: what is unknown is in no loss. Raises UserError as `completed`.
    """
    if train.unknown_labels == "ignore":
        return images
    labels = torch.from_numpy(np.array(images.labels))
    return Split(images.images, completed(labels, seed=seed).numpy())


def completed(labels: Tensor, *, seed: int) -> Tensor:
    """Return labels int8 [N,L] in which each unknown one (-1) is 1 or 0, whichever is more probable.

    By low-rank matrix completion (Cabral et al. 2011, "Matrix completion for multi-label image
    classification", of the labels alone; soft-impute, Mazumder, Hastie and Tibshirani 2010): the labels of
    images lie in few dimensions, so that those which are known say something of the others. The strength is
    the one of the smallest log-loss on a tenth of the known answers, which are hidden from it. What is known
    stays. An image of which nothing is known stays unknown: nothing tells its labels.

    It costs a singular value decomposition of [N,L] in each of up to 100 steps. Raises UserError for more
    than 1,000 labels.

    >>> pairs = torch.tensor([[1, 1], [0, 0]] * 20 + [[1, -1], [-1, 0], [-1, -1]], dtype=torch.int8)
    >>> completed(pairs, seed=0)[-3:].tolist()
    [[1, 1], [0, 0], [-1, -1]]
    """
    count = labels.shape[1]
    if count > MOST:
        raise UserError(
            "train.unknown_labels is complete, which decomposes the matrix of images and labels and takes "
            f"{MOST:,} labels at most, and there are {count:,}: set train.unknown_labels=ignore"
        )
    known = labels >= 0
    if bool(known.all()):
        return labels
    hidden = known & (torch.rand(labels.shape, generator=torch.Generator().manual_seed(seed)) < HIDDEN)
    shown = torch.where(hidden, UNKNOWN, labels)
    answers = (labels[hidden] == 1).double()

    def loss(strength: float) -> float:
        found = complete(shown, strength=strength)[0][hidden]
        return float(F.binary_cross_entropy(found.clamp(LEAST, 1 - LEAST), answers))

    strength = min(STRENGTHS, key=loss)
    filled = (complete(labels, strength=strength)[0] > 0.5).to(labels.dtype)
    told = known.any(1, keepdim=True)
    return torch.where(known | ~told, labels, filled)
