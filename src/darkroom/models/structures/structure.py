"""What every structure over labels is: a module from scores of single labels to joint probabilities."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn


class Structure(nn.Module):
    """Calibrated logits [B,L], whose sigmoids are probabilities of each label by itself, to joint ones [B,L].

    It learns nothing by gradient steps: what it was fitted to are buffers, so that a graph holds them.

    Attributes:
        FITTED: names of the buffers from which the constructor builds the same structure again.
    """

    FITTED: ClassVar[tuple[str, ...]] = ()

    def keep(self, **fitted: Tensor) -> None:
        """Register buffers; they are no weights of the net, so its file of weights does not hold them."""
        for name, values in fitted.items():
            self.register_buffer(name, values, persistent=False)

    def fitted(self) -> dict[str, Tensor]:
        """Return the buffers of `FITTED` by name."""
        return {name: getattr(self, name) for name in self.FITTED}


# Calibrated logits float64 [N,L] of images the model was not trained on, their labels int8 [N,L] (1, 0, or -1
# for unknown), labels int8 [M,L] of other images to count in, and a strength, to a fitted structure.
FitStructure = Callable[[Tensor, Tensor, Tensor, float], Structure]


@dataclass(frozen=True)
class Method:
    """A way to fit a structure.

    Attributes:
        fit: fits it, with one strength.
        build: its constructor, which takes the buffers of `FITTED` by name.
        strengths: that are tried, each a regularisation or a share as `fit` has it.
        most: labels with which it can be used.
        cost: why not with more, for people.
    """

    fit: FitStructure
    build: Callable[..., Structure]
    strengths: tuple[float, ...]
    most: int
    cost: str
