"""Each head's forward pass against a value by hand, its refusals, and unknown labels."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from darkroom import UserError
from darkroom.models.heads import HEADS, hypotheses, spatial
from darkroom.models.heads.gcn import Gcn, correlation, normalised
from darkroom.models.heads.hypotheses import Hypotheses
from darkroom.models.heads.ml_decoder import MlDecoder
from darkroom.models.heads.query2label import Query2Label
from darkroom.models.heads.spatial import Spatial
from darkroom.training.losses.multilabel import build_label_loss
from tests.helpers.training import tiny_params

FEATURES, LABELS, SIDE = 6, 3, 4


def maps(count: int = 2, *, seed: int = 0) -> Tensor:
    return torch.randn(count, FEATURES, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", HEADS)
def test_each_image_is_a_question_of_its_own(name: str) -> None:
    torch.manual_seed(0)
    head = HEADS[name](FEATURES, LABELS, SIDE, SIDE).eval()
    images = maps(3)
    together = head(images)
    assert together.shape == (3, LABELS)
    assert together.isfinite().all()
    for number in range(3):
        torch.testing.assert_close(head(images[number : number + 1])[0], together[number])


@pytest.mark.parametrize("name", HEADS)
def test_unknown_labels_have_no_part_and_every_weight_learns(name: str) -> None:
    torch.manual_seed(0)
    head = HEADS[name](FEATURES, LABELS, SIDE, SIDE).eval()
    known = torch.tensor([[1, 0, 1], [0, 1, 0]], dtype=torch.int8)
    head.prepare(known)
    train = tiny_params().train.model_copy(update={"loss": "binary_cross_entropy", "class_weights": "none"})
    loss = build_label_loss(train, known)
    head.losses(maps(), known, loss).sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in head.parameters())
    unknown = torch.full_like(known, -1)
    assert head.losses(maps(), unknown, loss)[0].item() <= head.losses(maps(), known, loss)[0].item()


def test_ml_decoder_by_hand() -> None:
    """With even attention and no inner net the places' mean decides, by the group's own layer."""
    head: Any = MlDecoder(features=FEATURES, labels=LABELS).eval()
    with torch.no_grad():
        for weight in head.parameters():
            weight.zero_()
        for norm in (head.first_norm, head.second_norm, head.third_norm):
            norm.weight.fill_(1.0)
        head.queries.zero_()
        head.narrow[0].weight[0].fill_(1.0)
        head.attention.in_proj_weight[2 * 128 :].copy_(torch.eye(128))
        head.attention.out_proj.weight.copy_(torch.eye(128))
        head.weight[1, 0, 0] = 2.0
        head.bias[2] = 0.5
    images = maps().abs()
    # the looked-at vector is (m, 0, …, 0): normalised twice, its first value is the square root of 127
    expected = torch.tensor([0.0, 2 * math.sqrt(127), 0.5]).expand(2, -1)
    torch.testing.assert_close(head(images), expected, atol=1e-2, rtol=0)


def test_more_labels_than_queries_share_them() -> None:
    torch.manual_seed(0)
    head = MlDecoder(features=FEATURES, labels=250).eval()
    assert (len(head.queries), head.each) == (100, 3)
    logits = head(maps())
    assert logits.shape == (2, 250)
    assert logits.std() > 0


def test_query2label_by_hand() -> None:
    """A logit is its own query's vector times the label's own weights, plus the label's offset."""
    torch.manual_seed(0)
    head = Query2Label(features=FEATURES, labels=LABELS, rows=SIDE, columns=SIDE).eval()
    places = head.narrow(maps().flatten(2).transpose(1, 2)) + head.encoding
    with torch.no_grad():
        head.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    queries = head.first_norm(head.queries + head.relations(*[head.queries] * 3)[0])
    found = []
    for image in range(2):
        looked = head.second_norm(queries + head.attention(queries, places[image], places[image])[0])
        found.append(head.third_norm(looked + head.inner(looked)))
    by_hand = [[(found[i][j] @ head.weight[j]).item() + j + 1 for j in range(LABELS)] for i in range(2)]
    torch.testing.assert_close(head(maps()), torch.tensor(by_hand), atol=1e-4, rtol=1e-4)
    moved = maps().flip(3)
    assert not torch.allclose(head(moved), head(maps())), "places are told apart"


def test_spatial_by_hand() -> None:
    """Half of the plain classifier, and half of the relations of products that are 1/2 at each place."""
    head: Any = Spatial(features=FEATURES, labels=LABELS, rows=SIDE, columns=SIDE).eval()
    with torch.no_grad():
        for weight in head.parameters():
            weight.zero_()
        head.plain[1].weight[1].fill_(1.0)
        first, second, filters, last = (head.relations[place] for place in (0, 2, 4, 8))
        first.weight[0, 2] = 1.0  # the third label's product
        second.weight[0, 0] = 1.0
        filters.weight[0].fill_(1.0)  # summed over the map
        last.weight[0, 0] = 1.0  # to the first label
    images = maps()
    expected = torch.stack(
        [torch.full((2,), SIDE * SIDE / 4), images.mean((2, 3)).sum(1) / 2, torch.zeros(2)]
    )
    torch.testing.assert_close(head(images), expected.T)


def test_hypotheses_by_hand() -> None:
    """With a shared net that is the mean of one map, the window of the largest mean decides."""
    head: Any = Hypotheses(features=FEATURES, labels=LABELS, rows=SIDE, columns=SIDE).eval()
    with torch.no_grad():
        for weight in head.parameters():
            weight.zero_()
        head.shared[0].weight[0, 4] = 1.0
        head.shared[3].weight[1, 0] = 1.0
    assert head.windows == [(4, 4), (2, 2)]
    image = torch.zeros(1, FEATURES, SIDE, SIDE)
    image[0, 4, 2:, 1:3] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert head(image).tolist() == [[0.0, 2.5, 0.0]]


def test_gcn_by_hand() -> None:
    torch.manual_seed(0)
    head = Gcn(features=FEATURES, labels=LABELS).eval()
    labels = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, -1], [0, 1, 0]], dtype=torch.int8)
    shares = correlation(labels)
    # P(1|0) = 2/4, P(2|0) = 1/3, P(0|1) = 2/3, P(0|2) = 1
    torch.testing.assert_close(shares, torch.tensor([[0.8, 0.2, 0], [0.2, 0.8, 0], [0.2, 0, 0.8]]))
    head.prepare(labels)
    hidden = torch.nn.functional.leaky_relu(normalised(shares) @ head.first, 0.2)
    weight = normalised(shares) @ hidden @ head.second
    expected = maps().flatten(2).max(2).values @ weight.T
    torch.testing.assert_close(head(maps()), expected)


@pytest.mark.parametrize(
    ("name", "shape", "why"),
    [
        ("query2label", (6, 1001, 4, 4), "compares all pairs of labels, so it takes 1,000 at most"),
        ("cnn_rnn", (6, 1001, 4, 4), "takes 1,000 at most, and there are 1,001: set model.head=ml_decoder"),
        ("spatial", (6, 1001, 4, 4), "two maps of each label"),
        ("spatial", (6, 3, 1, 1), "have 1 by 1: set data.side to 64 or more"),
        ("hypotheses", (6, 3, 1, 1), "have 1 by 1 places, so that there is one"),
        ("gcn", (6, 5001, 4, 4), "takes 5,000 at most"),
        ("gcn", (6, 1, 4, 4), "needs two labels to relate"),
    ],
)
def test_what_a_head_cannot_do_is_refused(name: str, shape: Any, why: str) -> None:
    with pytest.raises(UserError, match=why):
        HEADS[name](*shape)


def test_windows_and_filters_are_those_that_are_documented() -> None:
    assert hypotheses.PARTS == (1, 2, 3)
    head = Hypotheses(features=FEATURES, labels=LABELS, rows=7, columns=7)
    assert sum((7 - height + 1) * (7 - width + 1) for height, width in head.windows) == 42
    assert spatial.FILTERS == 4
