"""The gallery page of the feedback review."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from darkroom.feedback import decisions, gallery, store
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from tests.helpers.serving import encoded, random_image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_the_gallery_saves_a_table_that_read_table_reads(browser: Browser, tmp_path: Path) -> None:
    for seed, said in enumerate(("cat", "dog")):
        about = {"time": f"2026-01-01T00:00:0{seed}+00:00", "predicted": "dog", "probability": 0.5}
        about |= {"model": {"name": "animals", "version": "3"}}
        FeedbackStore(tmp_path, limit=10**6).keep(
            encoded(random_image(seed=seed)), kind="PNG", said=said, about=about
        )
    items = store.read_items(tmp_path)
    path = tmp_path / "gallery.html"
    path.write_text(gallery.gallery(items, ["cat", "dog"]), encoding="utf-8")
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    console_errors: list[str] = []
    page.on("console", lambda line: console_errors.append(line.text))
    page.on("pageerror", lambda error: console_errors.append(str(error)))
    page.goto(path.as_uri())
    figure = page.locator(f'figure[data-sha256="{items[0].sha256}"]')
    assert figure.locator("img").evaluate("image => image.complete && image.naturalWidth > 0")
    figure.locator(".decision").select_option("correct")
    figure.locator(".class").select_option("cat")
    with page.expect_download() as download:
        page.get_by_role("button", name="save decisions.csv").click()
    table = tmp_path / download.value.suggested_filename
    download.value.save_as(table)
    context.close()
    assert console_errors == []
    (decision,) = decisions.read_table(table, items, classes=["cat", "dog"], who="me")
    assert (decision.sha256, decision.action, decision.label) == (items[0].sha256, "correct", "cat")
