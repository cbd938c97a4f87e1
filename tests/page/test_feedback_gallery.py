"""The gallery page of the feedback review."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from darkroom.feedback.decisions import Review
from darkroom.feedback.gallery import gallery_page
from darkroom.feedback.store import read_items
from darkroom.feedback.tables import read_table
from tests.helpers.feedback import CLASSES, report

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_of_very_many_classes_the_page_holds_the_names_once(browser: Browser, tmp_path: Path) -> None:
    report(tmp_path, 0, "cat")
    report(tmp_path, 1, "dog")
    classes = (*CLASSES, *(f"class {number}" for number in range(1000)))
    items = read_items(tmp_path)
    content = gallery_page(items, classes)
    assert content.count("<option>class 7</option>") == 1
    path = tmp_path / "gallery.html"
    path.write_text(content, encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    figure = page.locator(f'figure[data-sha256="{items[0].sha256}"]')
    figure.locator(".decision").select_option("correct")
    figure.locator(".class").fill("class 7")
    with page.expect_download() as download:
        page.get_by_role("button", name="save decisions.csv").click()
    table = tmp_path / download.value.suggested_filename
    download.value.save_as(table)
    page.close()
    (decision,) = read_table(table, Review(items=items, classes=classes, reviewer="me"))
    assert (decision.action, decision.label) == ("correct", "class 7")


def test_the_gallery_saves_a_table_that_read_table_reads(browser: Browser, tmp_path: Path) -> None:
    report(tmp_path, 0, "cat")
    report(tmp_path, 1, "dog")
    items = read_items(tmp_path)
    review = Review(items=items, classes=CLASSES, reviewer="me")
    path = tmp_path / "gallery.html"
    path.write_text(gallery_page(items, CLASSES), encoding="utf-8")
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
    (decision,) = read_table(table, review)
    assert (decision.sha256, decision.action, decision.label) == (items[0].sha256, "correct", "cat")
