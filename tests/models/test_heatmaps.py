"""Heat maps: parts of the logits, at the correct places."""

import pytest
import torch
from torch import Tensor

from darkroom.models.heatmaps import GRID, ClassifierWithHeatMaps, _resampling, with_heat_maps
from darkroom.models.networks.fast import FastNet
from tests.helpers.models import classifier_of, random_images

SHAPE = (37, 33, 3)


def heat_maps_of(architecture: str, *, views: int = 1, convolutions: int = 2) -> ClassifierWithHeatMaps:
    """Return a small classifier with heat maps and a temperature."""
    classifier = classifier_of(architecture, SHAPE, views=views, convolutions=convolutions)
    classifier.temperature = 1.7
    with_heat = with_heat_maps(classifier, height=SHAPE[0], width=SHAPE[1])
    assert with_heat is not None
    return with_heat.eval()


@pytest.mark.integration
@pytest.mark.parametrize(("architecture", "convolutions"), [("fast", 2), ("fast", 3), ("resnet18", 2)])
@torch.inference_mode()
def test_the_evidence_sums_to_the_logit(architecture: str, convolutions: int) -> None:
    with_heat = heat_maps_of(architecture, convolutions=convolutions)
    x = random_images(5, SHAPE)
    x[4] = 90  # all places alike: the maxima are in many of them
    maps: list[Tensor] = []
    last = with_heat.classifier.net.get_submodule(with_heat.layer)
    last.register_forward_hook(lambda _, __, output: maps.append(output))
    logits = with_heat.classifier.logits(x) / 1.7
    if architecture == "resnet18":
        logits = logits - with_heat.classifier.net.get_parameter("fc.1.bias") / 1.7
    evidence = with_heat.by_place(maps[0])
    assert evidence.shape[2:] == maps[0].shape[2:]
    torch.testing.assert_close(
        evidence.sum((2, 3)), logits - logits.mean(1, keepdim=True), atol=1e-4, rtol=1e-3
    )
    if architecture == "fast":  # the places of the maxima, and no others, have a part
        peak = maps[0].amax((2, 3), keepdim=True)
        quiet = maps[0] < peak - 0.1 * peak.abs()
        alone = torch.where(quiet, -100.0, maps[0])  # whatever is there
        torch.testing.assert_close(with_heat.by_place(alone), evidence)


@pytest.mark.parametrize(("architecture", "views"), [("fast", 1), ("fast", 6), ("resnet18", 2)])
@torch.inference_mode()
def test_probabilities_are_unchanged_and_a_mirrored_image_has_mirrored_maps(
    architecture: str, views: int
) -> None:
    with_heat = heat_maps_of(architecture, views=views)
    x = random_images(3, SHAPE)
    probabilities, heat = with_heat(x)
    torch.testing.assert_close(probabilities, with_heat.classifier(x))
    assert heat.shape == (3, 5, GRID, GRID)
    torch.testing.assert_close(heat.sum(1), torch.zeros(3, GRID, GRID), atol=1e-4, rtol=0)  # over the classes
    if views > 1:
        mirrored = with_heat(x.flip(2))[1]
        torch.testing.assert_close(mirrored, heat.flip(3), atol=1e-4, rtol=1e-3)


def test_the_centres_of_the_last_maps_are_those_of_their_receptive_fields() -> None:
    net = classifier_of("fast", SHAPE).net
    assert isinstance(net, FastNet)
    last = net.last_maps(*SHAPE[:2])
    rows, columns = last.rows, last.columns
    with torch.no_grad():
        net.whitening.weight.fill_(1.0)
    # the first channel passes every convolution as it is, so that a place sees just what was pooled into it
    x = torch.rand(300, 3, *SHAPE[:2], generator=torch.Generator().manual_seed(0), requires_grad=True)
    maps = net.blocks(net.activation(net.whitening(x)))
    assert maps.shape[2:] == (len(rows), len(columns)) == (4, 4)
    for row, column in ((0, 3), (2, 1)):
        (gradient,) = torch.autograd.grad(maps[:, 0, row, column].sum(), x, retain_graph=True)
        seen = gradient.abs().sum((0, 1)) > 0
        for axis, centre in ((1, rows[row]), (0, columns[column])):
            where = seen.any(axis).nonzero()
            assert (int(where.min()) + int(where.max()) + 1) / 2 == centre


def test_a_map_is_resampled_over_the_whole_image() -> None:
    spread = _resampling([4.5, 12.5, 20.5], 32)
    torch.testing.assert_close(spread.sum(1), torch.ones(GRID))
    places = spread @ torch.tensor([4.5, 12.5, 20.5])
    expected = ((torch.arange(GRID) + 0.5) * 4).clamp(4.5, 20.5)
    torch.testing.assert_close(places, expected)
    many = _resampling([float(place) for place in range(100)], 100)
    assert (many > 0).sum(1).min() > 10  # all places count, however many there are
    torch.testing.assert_close(_resampling([3.0], 9), torch.ones(GRID, 1))


@pytest.mark.parametrize(
    ("architecture", "shape"), [("classic", SHAPE), ("fast", (8, 8, 1)), ("resnet18", (8, 8, 1))]
)
def test_a_net_without_places_has_no_heat_maps(architecture: str, shape: tuple[int, int, int]) -> None:
    classifier = classifier_of(architecture, shape)
    assert with_heat_maps(classifier, height=shape[0], width=shape[1]) is None
