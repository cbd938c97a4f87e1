"""The classifiers that the tests of exporting share, exported once."""

import pytest

from darkroom.models.exporting.onnx_graph import export_onnx
from tests.helpers.models import Exported, classifier_of

CASES = [("fast", (20, 17, 3), 6), ("classic", (8, 8, 1), 2), ("fast", (8, 8, 1), 1)]


@pytest.fixture(scope="session", params=CASES, ids=lambda case: f"{case[0]}, {case[2]} views")
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    architecture, shape, views = request.param
    classifier = classifier_of(architecture, shape, views=views)
    classifier.temperature = 1.7
    classifier.train()  # export must not keep dropout and the batch's own statistics
    graph = tmp_path_factory.mktemp("exported") / "made" / "model.onnx"
    height, width, channels = shape
    export_onnx(classifier, graph, height=height, width=width, channels=channels)
    return Exported(classifier, graph, shape)
