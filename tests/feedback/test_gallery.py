"""The gallery page; tests/page/test_feedback_gallery.py uses it in a browser."""

from pathlib import Path

from darkroom.feedback.gallery import gallery_page
from darkroom.feedback.store import read_items
from tests.helpers.feedback import report


def test_the_gallery_shows_the_images_and_escapes_their_text(tmp_path: Path) -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    report(tmp_path, 1, hostile, predicted=hostile)
    broken = report(tmp_path, 2, "cat")
    (tmp_path / "images" / f"{broken}.png").write_bytes(b"no image")
    page = gallery_page(read_items(tmp_path), [hostile, "cat"])
    assert hostile not in page
    assert page.count('src="data:image/png;base64,') == 1
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
