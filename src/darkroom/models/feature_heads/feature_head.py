"""What every head on a backbone's features is: a module whose buffers were fitted."""

from torch import Tensor, nn


class FeatureHead(nn.Module):
    """A head: standardised features float [B,F] to a logit for each label, float [B,L].

    It learns nothing by gradient steps here: what it was fitted to are buffers, which the file of weights
    holds. Its constructor takes them by name.
    """

    def keep(self, **fitted: Tensor) -> None:
        """Register what was fitted; numbers with a point are kept in single precision."""
        for name, values in fitted.items():
            self.register_buffer(name, values.float() if values.is_floating_point() else values)

    def shapes(self) -> dict[str, list[int]]:
        """Return the shape of each buffer by its name, from which an empty head is built again."""
        return {name: list(values.shape) for name, values in self.named_buffers()}
