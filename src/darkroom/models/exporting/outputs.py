"""The outputs of the exported graph, as a module of torch."""

from torch import Tensor, nn

from darkroom.models.classifier import Classifier, parts_of
from darkroom.models.embedding import ClassifierWithEmbedding
from darkroom.models.heatmaps import with_heat_maps
from darkroom.models.one_view import OneView
from darkroom.serving.prediction.views import ONE_VIEW, WEIGHT


class BothAnswers(nn.Module):
    """The outputs by all views and by one view, and the share that all views have in the answer.

    Which images need all views is not decided in the graph: the number of those would be a size that depends
    on the data, and OpenVINO 2026.4 returned wrong shapes for such a graph and compiled each size anew.
    """

    def __init__(self, every: nn.Module, one: nn.Module, rule: OneView) -> None:
        super().__init__()
        self.every, self.one, self.rule = every, one, rule

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images uint8 [B,H,W,C] to the outputs of both, and the weight float32 [B]."""
        every, one = self.every(images), self.one(images)
        return *every, *one, self.rule.weight(one[0])


def every_output(classifier: Classifier, *, height: int, width: int) -> tuple[nn.Module, list[str]]:
    """Return the module that is exported for images of this size in pixels, and the names of its outputs.

    They are `probabilities`, `heat` where the net has heat maps, and `embedding`. Where the classifier says
    when one view is enough, these are of all views, and the same names with `one_view_` before them follow,
    and `all_views_weight`.
    """
    if classifier.one_view is None:
        return _with_names(classifier, height=height, width=width)
    (every, names), (one, _) = (
        _with_names(part, height=height, width=width) for part in parts_of(classifier)
    )
    both = BothAnswers(every, one, classifier.one_view).eval()
    return both, [*names, *(ONE_VIEW + name for name in names), WEIGHT]


def _with_names(classifier: Classifier, *, height: int, width: int) -> tuple[nn.Module, list[str]]:
    with_heat = with_heat_maps(classifier, height=height, width=width)
    names = ["probabilities", *(["heat"] if with_heat else []), "embedding"]
    return ClassifierWithEmbedding(with_heat or classifier).eval(), names
