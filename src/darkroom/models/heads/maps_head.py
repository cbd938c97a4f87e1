"""What a head on the last feature maps offers besides its forward pass."""

from collections.abc import Callable

from torch import Tensor, nn

# Logits and labels [B,L] to the loss of each image, [B].
LabelLoss = Callable[[Tensor, Tensor], Tensor]


class MapsHead(nn.Module):
    """A head: standardised feature maps float [B,F,h,w] to a logit for each label, float [B,L]."""

    def prepare(self, labels: Tensor) -> None:
        """Set what is computed from the labels of the training images, int8 [N,L]: 1, 0, -1 unknown."""

    def losses(self, maps: Tensor, labels: Tensor, loss: LabelLoss) -> Tensor:
        """Return the loss of each image, float [B], of maps [B,F,h,w] with labels [B,L].

        `loss` is that of `train.loss`. A head with a loss of its own does not use it, and says so.
        """
        return loss(self(maps), labels)

    def peak_weight(self) -> Tensor | None:
        """Return what the largest value of each map adds to each logit, [L,F].

        None where the logits are not such a sum: then there are no heat maps.
        """
        return None
