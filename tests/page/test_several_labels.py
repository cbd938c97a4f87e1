"""The page of a model of several labels: chips, a heat map a label, and thresholds that a person can move."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Locator, expect

from tests.helpers.browser import OpenPage, OpenPageOf
from tests.helpers.serving import LABELS, encoded, random_image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
IMAGE: FilePayload = {"name": "mine.png", "mimeType": "image/png", "buffer": encoded(random_image(seed=4))}


def predicted(opened: OpenPage, image: FilePayload = IMAGE) -> dict[str, Any]:
    """Choose an image and return the service's prediction, once the page shows it."""
    with opened.page.expect_response("**/predict?*") as response:
        opened.choose(image)
    expect(opened.page.locator("#prediction")).to_have_attribute("data-state", "done")
    prediction: dict[str, Any] = response.value.json()
    return prediction


def probabilities(prediction: dict[str, Any]) -> dict[str, float]:
    """Return the probability of each label."""
    return {one["class"]: one["probability"] for one in prediction["classes"]}


def announced(prediction: dict[str, Any], labels: list[str], moved: str = "") -> str:
    """Return what a screen reader is told of labels; one whose threshold was moved is not uncertain."""
    doubtful = [one["class"] for one in prediction["classes"] if one["uncertain"] and one["class"] != moved]
    text = "Labels: " + ", ".join(labels)
    return f"{text}. Uncertain: {', '.join(doubtful)}" if doubtful else text


def chips(opened: OpenPage) -> Locator:
    """Return the chips."""
    return opened.page.locator("#headline .chip")


def given(opened: OpenPage) -> list[str]:
    """Return the labels whose bars are marked as those of the image."""
    names: list[str] = opened.page.locator("#bars .given .label").all_inner_texts()
    return sorted(names)


def test_the_labels_of_an_image_are_chips_that_show_their_heat_maps(open_page: OpenPageOf) -> None:
    opened = open_page("labels")
    page = opened.page
    prediction = predicted(opened)
    labels = prediction["labels"]
    assert len(labels) > 1
    expect(chips(opened)).to_have_text(labels)
    assert given(opened) == sorted(labels)
    expect(page.locator("#announcement")).to_have_text(announced(prediction, labels))
    expect(page.locator("#heat-label")).to_contain_text(f"evidence for {labels[0]}")
    expect(page.locator("#accuracy-fact dt")).to_have_text("All labels right")
    assert all(one["decision"] == (one["class"] in labels) for one in prediction["classes"])
    for name in reversed(labels):
        # of an uncertain label the name goes on with that
        chip = page.locator("#headline").get_by_role("button", name=re.compile(f"^{re.escape(name)}(,| |$)"))
        chip.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#heat-label")).to_contain_text(f"evidence for {name}")
        expect(chip).to_have_attribute("aria-pressed", "true")
        expect(chips(opened).and_(page.locator("[aria-pressed=true]"))).to_have_count(1)
        expect(page.get_by_role("radio", name=f"Show the heat map for {name}")).to_be_checked()
    page.get_by_role("radio", name=f"Show the heat map for {labels[1]}").check(force=True)
    expect(page.locator("#headline [aria-pressed=true]")).to_have_text(labels[1])
    assert opened.console_errors == []


def test_a_threshold_is_moved_with_the_keyboard_and_decides_in_the_browser(open_page: OpenPageOf) -> None:
    opened = open_page("labels")
    page = opened.page
    prediction = predicted(opened)
    p, labels = probabilities(prediction), prediction["labels"]
    sent = len(opened.requests)
    name = min(labels, key=lambda one: p[one])  # of those it has, the nearest to having none
    slider = page.get_by_role("slider", name=f"Threshold for {name}")
    before = float(slider.input_value())
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert float(slider.input_value()) == pytest.approx(before + 0.01)
    page.keyboard.press("End")  # a threshold of 1, which no probability here has
    rest = [one for one in labels if one != name]
    expect(chips(opened)).to_have_text(rest)
    assert given(opened) == sorted(rest)
    expect(slider).to_have_attribute("aria-valuetext", "100.0\u00a0%")
    expect(page.locator("#announcement")).to_have_text(announced(prediction, rest, moved=name))
    expect(page.locator("#thresholds-note")).to_contain_text(
        "the service still decides by its own thresholds"
    )
    expect(page.locator("#sheet span")).to_have_text(", ".join(rest))
    page.get_by_role("button", name="Reset").click()
    expect(chips(opened)).to_have_text(labels)
    assert float(slider.input_value()) == pytest.approx(before)
    expect(page.locator("#announcement")).to_have_text(announced(prediction, labels))
    expect(page.get_by_role("button", name="Reset")).to_be_hidden()
    assert len(opened.requests) == sent  # the service was not asked
    assert opened.console_errors == []


def test_one_slider_moves_all_thresholds_also_of_the_images_to_come(open_page: OpenPageOf) -> None:
    opened = open_page("labels")
    page = opened.page
    every = page.get_by_role("slider", name="Threshold for all labels")
    expect(every).to_have_attribute("aria-valuetext", "each its own")
    p = probabilities(predicted(opened))
    every.fill("0")
    expect(chips(opened)).to_have_text([one for one, _ in sorted(p.items(), key=lambda item: -item[1])])
    every.fill("1")
    expect(chips(opened)).to_have_count(0)
    expect(page.locator("#status")).to_have_text("It has none of the labels")
    expect(page.locator("#headline")).to_have_text("None of the labels")
    middle = round(sorted(p.values())[2] - 0.005, 2)
    every.fill(str(middle))
    expect(chips(opened)).to_have_count(sum(value >= middle for value in p.values()))
    other = predicted(opened, {**IMAGE, "buffer": encoded(random_image(seed=9))})
    p = probabilities(other)
    wanted = [one["class"] for one in other["classes"] if one["probability"] >= middle]
    expect(chips(opened)).to_have_text(wanted)
    assert wanted != other["labels"]
    expect(page.locator("#threshold-all-value")).to_have_text(f"{100 * middle:.1f}\u00a0%")


def test_the_line_of_a_threshold_is_where_its_probability_would_be(open_page: OpenPageOf) -> None:
    opened = open_page("labels")
    page = opened.page
    predicted(opened)
    name = LABELS[0]
    slider = page.get_by_role("slider", name=f"Threshold for {name}")
    track = page.locator(f"#bars li[data-name={name}] .track").bounding_box()
    box = slider.bounding_box()
    assert track is not None
    assert box is not None
    y = box["y"] + box["height"] / 2
    # 0.3, the label's own: the line is dragged from there to 0.8
    page.mouse.move(track["x"] + 0.3 * track["width"], y)
    page.mouse.down()
    page.mouse.move(track["x"] + 0.8 * track["width"], y, steps=4)
    page.mouse.up()
    assert float(slider.input_value()) == pytest.approx(0.8, abs=0.02)
    # a click beside the line shows the heat map and moves nothing
    page.mouse.click(track["x"] + 0.1 * track["width"], y)
    expect(page.get_by_role("radio", name=f"Show the heat map for {name}")).to_be_checked()
    assert float(slider.input_value()) == pytest.approx(0.8, abs=0.02)


def test_everything_fits_a_phone(open_page: OpenPageOf) -> None:
    opened = open_page("labels", viewport={"width": 360, "height": 740})
    predicted(opened)
    expect(opened.page.get_by_role("slider", name="Threshold for all labels")).to_be_visible()
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_model_of_one_label_has_no_thresholds(open_page: OpenPageOf) -> None:
    opened = open_page("cifar10")
    opened.choose(IMAGE)
    expect(opened.page.locator("#prediction")).to_have_attribute("data-state", "done")
    expect(opened.page.locator("#thresholds")).to_be_hidden()
    expect(opened.page.locator("input[type=range]:visible")).to_have_count(0)


def test_a_person_corrects_the_whole_set(open_page: OpenPageOf, feedback_folder: Path) -> None:
    opened = open_page("labels")
    page = opened.page
    content = encoded(random_image(seed=12))
    prediction = predicted(opened, {**IMAGE, "buffer": content})
    for chosen, saved in (({"tree", "Café <b>"}, "Café <b>"), (set(), "none of the labels")):
        page.get_by_role("button", name="Wrong? Correct it").press("Enter")
        boxes = page.get_by_role("group", name="All labels that the image has").get_by_role("checkbox")
        expect(boxes.first).to_be_focused()
        assert {box.get_attribute("value") for box in boxes.all() if box.is_checked()} == set(
            prediction["labels"]
        )
        for box in boxes.all():
            box.set_checked(box.get_attribute("value") in chosen)
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("status")).to_contain_text(saved)
        line = json.loads((feedback_folder / "feedback.jsonl").read_text(encoding="utf-8").splitlines()[-1])
        assert json.loads(line["class"]) == sorted(chosen)
        assert line["labels"] == "several"
        assert sorted(json.loads(line["predicted"])) == sorted(prediction["labels"])
        assert (feedback_folder / line["image"]).read_bytes() == content
        prediction = predicted(opened, {**IMAGE, "buffer": content})
    assert opened.console_errors == []


def test_labels_near_their_threshold_are_marked_as_uncertain(open_page: OpenPageOf) -> None:
    opened = open_page("labels")
    page = opened.page
    prediction = predicted(opened)
    doubtful = [one["class"] for one in prediction["classes"] if one["uncertain"]]
    name = next(one for one in doubtful if one in prediction["labels"])
    expect(page.locator("#bars .uncertain .label")).to_have_text(doubtful)
    expect(page.locator("#headline .uncertain")).to_have_text(
        [one for one in prediction["labels"] if one in doubtful]
    )
    expect(page.locator("#probability")).to_have_text("Uncertain: " + ", ".join(doubtful))
    slider = page.get_by_role("slider", name=f"Threshold for {name}")
    slider.fill("0")
    rest = [one for one in doubtful if one != name]
    expect(page.locator("#bars .uncertain .label")).to_have_text(rest)
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#bars .uncertain .label")).to_have_text(doubtful)
    assert opened.console_errors == []
