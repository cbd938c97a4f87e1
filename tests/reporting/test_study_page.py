"""The page is self-contained, and marks a trial in every chart."""

import re
from pathlib import Path

import pytest

from darkroom.reporting.study_page.document import study_page
from tests.helpers.chromium import CHROMIUM, FLAGS
from tests.helpers.studies import conditional_study


@pytest.mark.integration
def test_the_page_is_self_contained_and_escapes_its_title() -> None:
    page = study_page(conditional_study(), title="<b>study</b> & more")
    assert "<b>" not in page
    assert not re.search(r"src=|href=(?!.data:,.)|url\(|https?:", page)
    assert "default-src 'none'" in page
    rows = re.findall(r'<tr class="\w+" data-trial="(\d+)"', page)
    assert rows == [str(number) for number in conditional_study().trials["trial"]]
    assert set(re.findall(r'data-trial="(\d+)"', page)) == set(rows)


@pytest.mark.browser
def test_a_trial_is_marked_in_every_chart(tmp_path: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    (tmp_path / "study.html").write_text(study_page(conditional_study(), title="study"), encoding="utf-8")
    best = conditional_study().best()
    assert best is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda line: complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((tmp_path / "study.html").as_uri())
        page.locator(f'circle[data-trial="{best["trial"]}"]').first.hover(force=True)
        expect(page.locator("#trial-details")).to_contain_text(f"trial {best['trial']}")
        marked = page.locator("svg .marked")
        assert marked.count() >= 5, "history, curve, its end, parallel, slices"
        assert {mark.get_attribute("data-trial") for mark in marked.all()} == {str(best["trial"])}
        page.get_by_label("show pruned trials").uncheck()
        assert (
            page.locator("tbody tr:visible").count()
            == (conditional_study().trials["state"] != "pruned").sum()
        )
        page.get_by_label("show pruned trials").check()
        heading = page.get_by_role("button", name="validation accuracy")
        heading.click()
        heading.click()
        first = page.locator("tbody tr").first.get_attribute("data-trial")
        highest = (
            conditional_study().trials.sort_values("validation_accuracy", ascending=False)["trial"].iloc[0]
        )
        assert first == str(highest), "descending at the second click"
        browser.close()
    assert complaints == []
