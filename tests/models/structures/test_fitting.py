"""Every structure: fitted by held-out loss, kept as JSON, inside the exported graph, and refused by name."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from darkroom import UserError
from darkroom.models.structures import STRUCTURES
from darkroom.models.structures.fitting import (
    check_labels,
    fit_structure,
    from_json,
    joint,
    log_loss,
    summary,
    to_json,
)

# Those with many fits take a second and more.
EACH = [
    pytest.param(name, marks=pytest.mark.integration) if name in ("crf", "chain_ensemble") else name
    for name in STRUCTURES
]
SETS = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], dtype=np.int8)
# Graphs that take long to export: a beam of each chain.
NIGHTLY = {("chain_ensemble", 4), ("chain", 14), ("chain_ensemble", 14)}


def mark_of_export(name: str, labels: int) -> pytest.MarkDecorator:
    """Return when the export of a structure is tested; one is exported by `make test`."""
    if (name, labels) in NIGHTLY:
        return pytest.mark.slow
    return pytest.mark.integration if (name, labels) == ("crf", 4) else pytest.mark.ci


def related(count: int, *, seed: int, noise: float = 1.2) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return calibrated logits float64 [N,4] and labels [N,4] of which the first two, and the last, agree."""
    random = np.random.default_rng(seed)
    labels = SETS[random.integers(0, 4, count)] ^ (random.random((count, 4)) < 0.05).astype(np.int8)
    scores = 2 * labels - 1 + noise * random.normal(size=labels.shape)
    return 2 * scores / noise**2, labels


def unrelated(count: int, *, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return calibrated logits float64 [N,4] and labels [N,4] that do not depend on each other."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(count, 4)) * 2
    return logits, (random.random((count, 4)) < 1 / (1 + np.exp(-logits))).astype(np.int8)


def loss_of(probabilities: NDArray[np.floating], labels: NDArray[np.int8]) -> float:
    return log_loss(torch.from_numpy(np.asarray(probabilities)), torch.from_numpy(labels))


def alone(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(1 / (1 + np.exp(-logits)))


@pytest.fixture(autouse=True)
def two_strengths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try two strengths of each method, which takes a test less time."""
    for name, method in list(STRUCTURES.items()):
        few = (method.strengths[0], method.strengths[-2])
        monkeypatch.setitem(STRUCTURES, name, replace(method, strengths=few))


@pytest.mark.integration  # takes seconds
@pytest.mark.parametrize("name", EACH)
def test_where_labels_depend_on_each_other_a_structure_helps_on_new_images(name: str) -> None:
    logits, labels = related(150, seed=0)
    fitted = fit_structure(name, logits, labels, related(300, seed=1)[1], seed=0)
    new, truth = related(400, seed=2)
    assert fitted.log_loss < fitted.log_loss_alone
    assert loss_of(joint(fitted.structure, new), truth) < 0.985 * loss_of(alone(new), truth)
    assert loss_of(fitted.held_out, labels) == pytest.approx(fitted.log_loss, abs=1e-4)


@pytest.mark.parametrize("name", EACH)
def test_where_labels_do_not_depend_on_each_other_a_structure_does_not_lose(name: str) -> None:
    logits, labels = unrelated(150, seed=0)
    fitted = fit_structure(name, logits, labels, unrelated(300, seed=1)[1], seed=0)
    new, truth = unrelated(400, seed=2)
    assert loss_of(joint(fitted.structure, new), truth) < loss_of(alone(new), truth) + 0.02


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_is_the_same_after_json(name: str) -> None:
    logits, labels = related(60, seed=0)
    fitted = fit_structure(name, logits, labels, labels, seed=0)
    read = from_json(json.loads(json.dumps(to_json(fitted))))
    new, _ = related(20, seed=3)
    assert np.array_equal(joint(read, new), joint(fitted.structure, new))
    assert not list(read.parameters())
    assert not read.state_dict()
    assert f"structure {name}, strength {fitted.strength:g}" in summary(to_json(fitted))


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        pytest.param(name, labels, marks=mark_of_export(name, labels))
        for name in STRUCTURES
        for labels in (4, 14)
    ],
)
def test_the_exported_graph_has_the_structure_in_it(name: str, labels: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    given = np.repeat((random.random((30, labels)) < 0.4).astype(np.int8), 2, axis=0)
    logits = 2 * given - 1 + random.normal(size=given.shape)
    structure = fit_structure(name, logits, given, given, seed=0).structure
    path = tmp_path / "structure.onnx"
    torch.onnx.export(
        structure,
        (torch.zeros(2, labels),),
        path,
        input_names=["logits"],
        output_names=["probabilities"],
        dynamic_shapes={"logits": {0: torch.export.Dim("batch")}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for batch in (1, 7):
        few = logits[:batch].astype(np.float32)
        found = session.run(["probabilities"], {"logits": few})[0]
        np.testing.assert_allclose(found, joint(structure, few), atol=1e-5)


@pytest.mark.parametrize("name", STRUCTURES)
def test_too_many_labels_and_a_single_one_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"but there is 1 label, .* set model.structure=none"):
        check_labels(name, 1)
    most = STRUCTURES[name].most
    check_labels(name, most)
    with pytest.raises(UserError, match=rf"takes at most {most} labels .* there are {most + 1}: set"):
        check_labels(name, most + 1)


def test_too_few_images_are_refused() -> None:
    logits, labels = related(49, seed=0)
    with pytest.raises(UserError, match=r"49 validation images are too few to fit model\.structure=crf"):
        fit_structure("crf", logits, labels, labels, seed=0)


def test_label_sets_that_are_all_different_are_refused_by_name() -> None:
    random = np.random.default_rng(0)
    labels = np.unpackbits(np.arange(64, dtype=np.uint8)[:, None], axis=1).astype(np.int8)
    with pytest.raises(UserError, match=r"model\.structure=label_sets: of 64 images no 2 have the same set"):
        fit_structure("label_sets", random.normal(size=labels.shape), labels, labels, seed=0)


def test_a_structure_that_does_not_help_is_told() -> None:
    fitted = {"name": "crf", "strength": 1.0, "log_loss": 0.5, "log_loss_alone": 0.4, "fitted": {}}
    assert "it does not help here" in summary(fitted)
    assert "it does not help here" not in summary({**fitted, "log_loss_alone": math.inf})
