"""A short hostile run; `make test-hostile` sends ten thousand requests."""

from collections import Counter

import pytest

from darkroom.images.decoding import decode
from darkroom.images.formats import FORMATS, MAX_SCANS, ImageError
from tests.helpers.serving import bento_of, serve_bento
from tests.serving.http.hostile.attack import attack
from tests.serving.http.hostile.counts import wrong
from tests.serving.http.hostile.images import bombs, originals

pytestmark = pytest.mark.timeout(300)


@pytest.mark.ci
def test_no_hostile_request_breaks_the_service() -> None:
    with serve_bento(*bento_of("cifar10")[:2]) as url:
        counts = attack(url, 300, seed=1)
    assert not wrong(counts), counts
    assert sum(counts.values()) == 300
    # each kind of attack reached its target
    for kind in ("200", "400 bad_form", "404 unknown_path", "405 wrong_method", "415 not_a_form"):
        assert counts[kind], counts
    assert counts["422 broken_image"] + counts["422 not_an_image"] > 10, counts
    assert counts["413 too_many_pixels"], counts


def test_a_5xx_a_missing_response_and_an_undescribed_one_are_wrong() -> None:
    fine = Counter({"200": 3, "422 empty": 1, "closed": 2})
    assert wrong(fine) == []
    for kind in ("500 internal", "503 too_busy", "none: Timeout", "wrong: x"):
        assert wrong(fine + Counter({kind: 1})) == [kind]


def test_every_accepted_format_is_among_the_damaged_ones() -> None:
    import io

    from PIL import Image

    assert {Image.open(io.BytesIO(data)).format for data in originals()} == set(FORMATS)
    for data in originals():
        decode(data)


def test_a_jpeg_in_many_scans_is_refused_before_it_is_decoded() -> None:
    scans = [data for data in bombs() if data.count(b"\xff\xda") > MAX_SCANS and data[:2] == b"\xff\xd8"]
    assert scans
    for data in scans:
        with pytest.raises(ImageError, match=f"at most {MAX_SCANS}"):
            decode(data)
