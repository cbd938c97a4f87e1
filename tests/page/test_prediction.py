"""The panel with the prediction."""

import base64

import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from tests.helpers.browser import PNG, OpenPage, OpenPageOf
from tests.helpers.serving import CIFAR, DIGITS, encoded, random_image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_the_length_of_each_bar_is_its_probability(opened: OpenPage) -> None:
    opened.choose(PNG)
    opened.expect_prediction(CIFAR)
    gaps = opened.page.evaluate(
        """async () => {
            const gap = (li) => {
                const long = li.querySelector(".fill").getBoundingClientRect().width;
                const share = long / li.querySelector(".track").clientWidth;
                return Math.abs(share * 100 - parseFloat(li.querySelector(".percent").textContent));
            };
            let gaps;
            for (let frame = 0; frame < 600; frame++) {  // they grow to their length
                gaps = [...document.querySelectorAll("#bars li")].map(gap);
                if (Math.max(...gaps) < 0.6) break;
                await new Promise(requestAnimationFrame);
            }
            return gaps;
        }"""
    )
    assert max(gaps) < 0.6


def test_an_uncertain_prediction_is_shown_as_uncertain(opened: OpenPage) -> None:
    page = opened.page
    headline, probability = page.locator("#headline"), page.locator("#probability")
    opened.drop(encoded(random_image(seed=2)))
    opened.expect_prediction(CIFAR)
    expect(page.locator("#status")).to_have_text("The model is")
    expect(headline).to_have_text("Uncertain")
    (first, second, third), (one, two) = (
        page.locator("#bars .label").all_inner_texts()[:3],
        page.locator("#bars .percent").all_inner_texts()[:2],
    )
    summary = f"It could be {first} ({one}) or {second} ({two})"
    expect(probability).to_have_text(summary)
    expect(page.locator("#announcement")).to_have_text(f"Uncertain. {summary}")
    expect(page.locator("#announcement")).to_have_attribute("aria-live", "polite")
    assert third not in summary  # less than half as likely as the first
    fills = "[...document.querySelectorAll('#bars .fill')].map((f) => getComputedStyle(f).backgroundImage)"
    assert set(page.evaluate(fills)) == {"none"}  # no bar stands out
    opened.drop(encoded(random_image()))
    expect(page.locator("#status")).to_have_text("Most likely")
    opened.expect_prediction(CIFAR)
    expect(headline).not_to_have_text("Uncertain")
    expect(probability).to_have_text(page.locator("#bars .percent").first.inner_text())
    assert "gradient" in page.evaluate(fills)[0]
    opened.drop(encoded(random_image(seed=2)))
    expect(headline).to_have_text("Uncertain")
    opened.drop(b"broken")
    expect(page.locator("#status")).to_have_text("No prediction")
    expect(headline).to_have_text("…")
    expect(probability).to_have_text("")
    expect(page.locator("#announcement")).to_have_text("")
    opened.console_errors.clear()  # the 422


def test_a_model_without_a_confidence_threshold_is_never_shown_as_uncertain(open_page: OpenPageOf) -> None:
    opened = open_page("digits")
    opened.drop(encoded(Image.new("L", (8, 8), 0)))  # every digit is as likely as the others
    opened.expect_prediction(DIGITS)
    expect(opened.page.locator("#status")).to_have_text("Most likely")
    expect(opened.page.locator("#probability")).to_have_text("10.0\u00a0%")
    expect(opened.page.get_by_role("link", name="Model card")).to_be_hidden()


@pytest.mark.parametrize(
    ("probabilities", "summary"),
    [
        ([0.45, 0.22, 0.2, 0.13], "It could be a (45.0 %)"),
        ([0.3, 0.28, 0.27, 0.15], "It could be a (30.0 %), b (28.0 %) or <i>c</i> (27.0 %)"),
        ([0.25, 0.25, 0.25, 0.25], "It could be a (25.0 %), b (25.0 %) or <i>c</i> (25.0 %)"),
    ],
)
def test_an_uncertain_prediction_names_the_likeliest_classes(
    open_page: OpenPageOf, probabilities: list[float], summary: str
) -> None:
    opened = open_page()
    names = ("a", "b", "<i>c</i>", "d")
    prediction = {
        "classes": [{"class": name, "probability": p} for name, p in zip(names, probabilities, strict=True)],
        "confident": False,
        "model": {"name": "x", "version": "1"},
        "milliseconds": 1,
        "input": "data:image/png;base64," + base64.b64encode(encoded(random_image())).decode(),
    }
    opened.page.route("**/predict?*", lambda route: route.fulfill(json=prediction))
    opened.choose(PNG)
    summary = summary.replace(" %", "\u00a0%")
    expect(opened.page.locator("#probability")).to_have_text(summary)
    expect(opened.page.locator("#announcement")).to_have_text(f"Uncertain. {summary}")


def test_a_busy_service_is_retried(open_page: OpenPageOf) -> None:
    opened = open_page()
    statuses = [503, 429]

    def refuse_twice(route: Route) -> None:
        if not statuses:
            return route.continue_()
        error = {"error": {"code": "too_busy", "message": "Too much."}}
        return route.fulfill(status=statuses.pop(), json=error, headers={"Retry-After": "1"})

    opened.page.route("**/predict?*", refuse_twice)
    opened.choose(PNG)
    opened.expect_prediction(CIFAR)
    assert statuses == []
