"""What is said of the licence of a backbone's weights."""

import pytest

from darkroom.models.backbones import BACKBONES
from darkroom.models.backbones.licences import UNKNOWN, licence_warning


@pytest.mark.parametrize(
    "licence",
    ["CC-BY-NC-4.0", "cc-by-nc-sa-4.0", "PolyForm-Noncommercial-1.0.0", "apple-amlr", "Non-Commercial use"],
)
def test_a_licence_that_forbids_commercial_use_is_named(licence: str) -> None:
    warning = licence_warning(licence)
    assert warning is not None
    assert f"{licence}, forbids commercial use" in warning


@pytest.mark.parametrize("licence", ["Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-4.0", "NCSA"])
def test_others_are_not(licence: str) -> None:
    assert licence_warning(licence) is None


def test_an_unknown_licence_is_pointed_out() -> None:
    warning = licence_warning(UNKNOWN)
    assert warning is not None
    assert "is not known" in warning


def test_the_published_backbones_may_be_used() -> None:
    assert [licence_warning(backbone.licence) for backbone in BACKBONES.values()] == [None] * len(BACKBONES)
