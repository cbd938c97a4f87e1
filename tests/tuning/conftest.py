"""Fixtures of the tuner's tests."""

from pathlib import Path

import pytest

from tests.helpers.tuning import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "made" / "study.db")
