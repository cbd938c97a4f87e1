"""A registry of its own for each test."""

from pathlib import Path

import pytest

from tests.helpers.registry import new_store


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Return the URI of an empty sqlite store."""
    return new_store(tmp_path / "mlflow.db")
