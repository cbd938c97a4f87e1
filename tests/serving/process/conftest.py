"""Served Bentos that the tests of this folder share."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache

import numpy as np
import pytest
import requests

from tests.helpers.live_service import ServiceUrl, expected
from tests.helpers.serving import bento_of, encoded, random_image, serve_bento


@pytest.fixture(scope="package")
def service_url() -> Iterator[ServiceUrl]:
    """Return the URL of the service of a small `cifar10` or `digits` model, which starts on first use."""
    with ExitStack() as stack:
        yield cache(lambda kind: stack.enter_context(serve_bento(*bento_of(kind)[:2])))


@pytest.fixture
def url(service_url: ServiceUrl) -> Iterator[str]:
    """The CIFAR-like service; after the test it must still predict correctly, whatever was sent."""
    url = service_url("cifar10")
    yield url
    files = {"image": encoded(random_image())}
    response = requests.post(url + "/predict", files=files, timeout=30)
    assert response.status_code == 200
    probability = response.json()["classes"][0]["probability"]
    np.testing.assert_allclose(probability, expected(random_image()).max(), atol=1e-6)
