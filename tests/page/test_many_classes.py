"""The page of a model with a thousand classes, which pads images to a wide input."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, expect

from tests.helpers.browser import OpenPageOf
from tests.helpers.serving import encoded, random_image
from tests.page.test_heat_map import opacities

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
# twice as high as wide: of the model's 32 x 16 it covers the middle 8 x 16
TALL: FilePayload = {"name": "tall.png", "mimeType": "image/png", "buffer": encoded(random_image(200, 100))}


def test_a_class_among_a_thousand_is_found_and_reported(open_page: OpenPageOf, feedback_folder: Path) -> None:
    opened = open_page("many")
    page = opened.page
    opened.choose(TALL)
    expect(page.locator("#prediction")).to_have_attribute("data-state", "done")
    expect(page.locator("#bars li")).to_have_count(50)
    expect(page.locator("#bars-rest")).to_contain_text("and 950 more classes")
    page.get_by_role("button", name="Wrong? Correct it").click()
    search, choice = page.get_by_label("Find a class"), page.get_by_label("Correct class")
    expect(search).to_be_focused()
    assert choice.locator("option").count() == 1002  # a word on what to do, the classes, none of them
    search.fill("nothing like this")
    expect(choice.locator("option")).to_have_text(["No class has this in its name", "None of these"])
    search.fill("FUCHS")
    expect(choice).to_have_value("Füchse <b>")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_have_text("Thank you. Saved as Füchse <b>.")
    line = json.loads((feedback_folder / "feedback.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert line["class"] == "Füchse <b>"
    assert opened.console_errors == []


def test_the_heat_map_of_a_padded_image_lies_over_all_of_it(open_page: OpenPageOf) -> None:
    opened = open_page("many")
    with opened.page.expect_response("**/predict?*") as response:
        opened.choose(TALL)
    expect(opened.page.locator("#heat")).to_be_visible()
    grid = response.value.json()["heat"][0]
    rows, columns = len(grid), len(grid[0])
    # the image covers the middle quarter of the input's width
    inside = [
        (row, column)
        for row in range(rows)
        for column in range(columns)
        if 0.375 < (column + 0.5) / columns < 0.625
    ]
    strongest = max(inside, key=lambda at: grid[at[0]][at[1]])
    weakest = min(inside, key=lambda at: grid[at[0]][at[1]])
    points = [(((x + 0.5) / columns - 0.375) * 4, (y + 0.5) / rows) for y, x in (strongest, weakest)]
    light, dark = opacities(opened.page, points)
    assert light < dark
    # none of it is covered as what the model does not see
    assert max(opacities(opened.page, [(x / 10, y / 10) for x in range(10) for y in range(10)])) < 200
    assert opened.console_errors == []
