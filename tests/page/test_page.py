"""The page, used in a real browser against a real Bento."""

import base64
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, Route, expect, sync_playwright

from darkroom.feedback import decisions, gallery, store
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from tests.helpers.serving import CIFAR, CONFIDENT_FROM, DIGITS, bento_of, encoded, random_image, serve_bento

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH: apt-get install chromium"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
]
PNG: FilePayload = {"name": "mine.png", "mimeType": "image/png", "buffer": encoded(random_image(120, 200))}
BAD: FilePayload = {"name": "bad.png", "mimeType": "image/png", "buffer": b"not an image"}


@pytest.fixture(scope="module")
def feedback(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the `cifar10` service keeps feedback; the other keeps none."""
    return tmp_path_factory.mktemp("feedback")


@pytest.fixture(scope="module")
def urls(feedback: Path) -> Iterator[dict[str, str]]:
    settings = {"cifar10": {"DARKROOM_FEEDBACK": str(feedback)}, "digits": {}}
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(serve_bento(*bento_of(kind)[:2], settings=its))
            for kind, its in settings.items()
        }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """An open page with all that it asked for and complained about."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None,
        )
        self.url = url
        self.page.goto(url)
        expect(self.page.locator("#facts")).to_be_visible()

    def strangers(self) -> list[str]:
        """Return the requests that left the page's origin."""
        own = ("data", "blob")
        return [
            url
            for url in self.asked
            if urlsplit(url).scheme not in own and not url.startswith(self.url + "/")
        ]

    def expect_answer(self, classes: tuple[str, ...]) -> None:
        """Wait for the bars of all classes."""
        expect(self.page.locator("#print")).to_have_attribute("data-state", "done")
        expect(self.page.locator("#bars li")).to_have_count(len(classes))
        names = self.page.locator("#bars .label").all_inner_texts()
        assert sorted(names) == sorted(classes)
        percents = [
            float(text.removesuffix("%").strip())
            for text in self.page.locator("#bars .percent").all_inner_texts()
        ]
        assert percents == sorted(percents, reverse=True)
        assert sum(percents) == pytest.approx(100, abs=1)
        uncertain = classes == CIFAR and percents[0] < 100 * CONFIDENT_FROM
        expect(self.page.locator("#name")).to_have_text("Uncertain" if uncertain else names[0])
        expect(self.page.locator("#spoken")).to_contain_text(names[0])
        expect(self.page.locator("#error")).to_be_hidden()


@pytest.fixture
def visit(browser: Browser, urls: dict[str, str]) -> Iterator[Visit]:
    visit = Visit(browser, urls["cifar10"])
    yield visit
    assert visit.strangers() == []
    assert visit.complaints == []
    visit.context.close()


def give(page: Page, kind: str, content: bytes | None, *, name: str = "given.png") -> None:
    """Drop or paste a file on the page, or, with no content, a link."""
    page.evaluate(
        """([kind, content, name]) => {
            const data = new DataTransfer();
            if (content === null) data.setData("text/uri-list", "http://example.invalid/a.png");
            else data.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
            const mat = document.getElementById("mat");
            if (kind === "drop") {
                mat.dispatchEvent(new DragEvent("dragenter", { bubbles: true, dataTransfer: data }));
                mat.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: data }));
            } else mat.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData: data }));
        }""",
        [kind, None if content is None else base64.b64encode(content).decode(), name],
    )


def test_a_chosen_image_is_shown_seen_and_classified(visit: Visit) -> None:
    page = visit.page
    expect(page.locator("#model-name")).to_have_text("cifar10")
    expect(page.locator("#model-version")).to_have_text("3")
    expect(page.locator("#model-accuracy")).to_have_text("93.7\u00a0%")
    page.set_input_files("#file", files=[PNG])
    visit.expect_answer(CIFAR)
    expect(page.locator("#timing")).to_contain_text("ms")
    for name, (width, height) in {"#seen": (32, 32), "#photo": (200, 120)}.items():
        expect(page.locator(name)).to_have_js_property("naturalWidth", width)
        expect(page.locator(name)).to_have_js_property("naturalHeight", height)
    expect(page.locator("#file-name")).to_have_text("mine.png")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_dropped_or_pasted_image_is_classified(visit: Visit, kind: str) -> None:
    give(visit.page, kind, encoded(random_image()))
    visit.expect_answer(CIFAR)
    expect(visit.page.locator("#mat")).not_to_have_class("over")


def test_the_bars_are_as_long_as_the_probabilities(visit: Visit) -> None:
    visit.page.set_input_files("#file", files=[PNG])
    visit.expect_answer(CIFAR)
    gaps = visit.page.evaluate(
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


def test_an_answer_that_is_not_sure_says_so(visit: Visit) -> None:
    page, name, confident = visit.page, visit.page.locator("#name"), visit.page.locator("#confident")
    give(page, "drop", encoded(random_image(seed=2)))
    visit.expect_answer(CIFAR)
    expect(page.locator("#kicker")).to_have_text("The model is")
    expect(name).to_have_text("Uncertain")
    (first, second, third), (one, two) = (
        page.locator("#bars .label").all_inner_texts()[:3],
        page.locator("#bars .percent").all_inner_texts()[:2],
    )
    said = f"It could be {first} ({one}) or {second} ({two})"
    expect(confident).to_have_text(said)
    expect(page.locator("#spoken")).to_have_text(f"Uncertain. {said}")
    expect(page.locator("#spoken")).to_have_attribute("aria-live", "polite")
    assert third not in said  # less than half as likely as the first
    fills = "[...document.querySelectorAll('#bars .fill')].map((f) => getComputedStyle(f).backgroundImage)"
    assert set(page.evaluate(fills)) == {"none"}  # no bar stands out
    give(page, "drop", encoded(random_image()))
    expect(page.locator("#kicker")).to_have_text("Most likely")
    visit.expect_answer(CIFAR)
    expect(name).not_to_have_text("Uncertain")
    expect(confident).to_have_text(page.locator("#bars .percent").first.inner_text())
    assert "gradient" in page.evaluate(fills)[0]
    give(page, "drop", encoded(random_image(seed=2)))
    expect(name).to_have_text("Uncertain")
    give(page, "drop", b"broken")
    expect(page.locator("#kicker")).to_have_text("No answer")
    expect(name).to_have_text("…")
    expect(confident).to_have_text("")
    expect(page.locator("#spoken")).to_have_text("")
    visit.complaints.clear()  # the 422


def test_a_model_that_cannot_tell_whether_it_is_sure_never_says_so(
    browser: Browser, urls: dict[str, str]
) -> None:
    visit = Visit(browser, urls["digits"])
    give(visit.page, "drop", encoded(Image.new("L", (8, 8), 0)))  # every digit is as likely as the others
    visit.expect_answer(DIGITS)
    expect(visit.page.locator("#kicker")).to_have_text("Most likely")
    expect(visit.page.locator("#confident")).to_have_text("10.0\u00a0%")
    expect(visit.page.get_by_role("link", name="Model card")).to_be_hidden()
    visit.context.close()


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([0.45, 0.22, 0.2, 0.13], "It could be a (45.0 %)"),
        ([0.3, 0.28, 0.27, 0.15], "It could be a (30.0 %), b (28.0 %) or <i>c</i> (27.0 %)"),
        ([0.25, 0.25, 0.25, 0.25], "It could be a (25.0 %), b (25.0 %) or <i>c</i> (25.0 %)"),
    ],
)
def test_the_likeliest_are_named_as_text(
    browser: Browser, urls: dict[str, str], shares: list[float], said: str
) -> None:
    visit = Visit(browser, urls["cifar10"])
    names = ("a", "b", "<i>c</i>", "d")
    answer = {
        "classes": [{"class": name, "probability": p} for name, p in zip(names, shares, strict=True)],
        "confident": False,
        "model": {"name": "x", "version": "1"},
        "milliseconds": 1,
        "input": "data:image/png;base64," + base64.b64encode(encoded(random_image())).decode(),
    }
    visit.page.route("**/predict?*", lambda route: route.fulfill(json=answer))
    visit.page.set_input_files("#file", files=[PNG])
    expect(visit.page.locator("#confident")).to_have_text(said.replace(" %", "\u00a0%"))
    expect(visit.page.locator("#spoken")).to_have_text("Uncertain. " + said.replace(" %", "\u00a0%"))
    visit.context.close()


@pytest.mark.parametrize(("kind", "classes"), [("cifar10", CIFAR), ("digits", DIGITS)])
def test_every_class_has_a_drawing_to_try(
    browser: Browser, urls: dict[str, str], kind: str, classes: tuple[str, ...]
) -> None:
    visit = Visit(browser, urls[kind])
    buttons = visit.page.locator("#strip button")
    expect(buttons).to_have_count(len(classes))
    images = visit.page.evaluate("[...document.querySelectorAll('#strip canvas')].map((c) => c.toDataURL())")
    assert len(set(images)) == len(classes)  # each is drawn, and none like another
    buttons.nth(3).click()
    visit.expect_answer(classes)
    expect(buttons.nth(3)).to_have_attribute("aria-pressed", "true")
    visit.page.locator("#photo").wait_for()
    assert visit.strangers() == visit.complaints == []
    visit.context.close()


def test_names_without_a_drawing_hide_the_section(browser: Browser, urls: dict[str, str]) -> None:
    context = browser.new_context()
    page = context.new_page()
    about = {
        "name": "x",
        "version": "1",
        "classes": ["constructor", "<b>tea</b>"],
        "width": 9,
        "height": 9,
        "channels": 3,
    }
    page.route("**/model", lambda route: route.fulfill(json={**about, "limits": {"image_bytes": 10}}))
    page.goto(urls["cifar10"])
    expect(page.locator("#bars .label").nth(1)).to_have_text("<b>tea</b>")
    expect(page.locator("#examples")).to_be_hidden()
    expect(page.locator("#accuracy-fact")).to_be_hidden()
    expect(page.locator("#card-fact")).to_be_hidden()
    page.set_input_files("#file", files=[PNG])
    expect(page.locator("#error")).to_contain_text("at most")
    context.close()


def test_a_bad_file_is_explained_and_the_next_one_works(browser: Browser, urls: dict[str, str]) -> None:
    visit = Visit(browser, urls["cifar10"])
    error = visit.page.locator("#error")
    visit.page.set_input_files("#file", files=[BAD])
    expect(error).to_contain_text("not an image in an accepted format")
    expect(visit.page.locator("#empty")).to_be_visible()
    for kind in ("drop", "paste"):
        give(visit.page, kind, None)
        expect(error).to_contain_text("Links are not opened")
    visit.page.set_input_files("#file", files=[PNG])
    visit.expect_answer(CIFAR)
    assert visit.strangers() == []
    assert all("422" in complaint for complaint in visit.complaints)
    visit.context.close()


def test_a_format_the_browser_cannot_show_is_still_classified(visit: Visit) -> None:
    tiff: FilePayload = {
        "name": "a.tiff",
        "mimeType": "image/tiff",
        "buffer": encoded(random_image(), "TIFF"),
    }
    visit.page.set_input_files("#file", files=[tiff])
    visit.expect_answer(CIFAR)
    expect(visit.page.locator("#unshown")).to_be_visible()
    expect(visit.page.locator("#seen")).to_be_visible()


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit.page
    # asked for before the first key: Playwright does not wait until the browser gives choosers to it
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Model card")).to_be_focused()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "file"
        page.keyboard.press("Space")
    chooser.value.set_files([PNG])
    visit.expect_answer(CIFAR)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use the camera")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="Heat map")).to_be_focused()
    page.keyboard.press("Tab")
    first, second = page.locator("#bars .label").all_inner_texts()[:2]
    expect(page.get_by_role("radio", name=f"Show what speaks for {first}")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name=f"Show what speaks for {second}")).to_be_checked()
    expect(page.locator("#spoken")).to_contain_text(f"speaks for {second}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Wrong? Say what it is")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="It is")).to_be_focused()
    page.locator("#strip button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#strip button").first).to_have_attribute("aria-pressed", "true")
    visit.expect_answer(CIFAR)


# --- several images and those before -----------------------------------------------------------------


def test_several_images_are_classified_and_a_bad_one_keeps_none_back(
    browser: Browser, urls: dict[str, str]
) -> None:
    visit = Visit(browser, urls["cifar10"])
    page, frames = visit.page, visit.page.locator("#sheet button")
    more: list[Any] = [
        {**PNG, "name": f"{seed}.png", "buffer": encoded(random_image(seed=seed))} for seed in (2, 3)
    ]
    page.set_input_files("#file", files=[PNG, more[0], BAD, more[1]])
    expect(page.locator("#error")).to_contain_text("bad.png: These 13 bytes are no image")
    expect(frames).to_have_count(3)
    expect(page.locator("#file-name")).to_have_text("3.png")
    page.set_input_files("#file", files=[PNG, BAD])
    expect(page.locator("#error")).to_contain_text("bad.png")
    expect(page.locator("#file-name")).to_have_text("mine.png")  # the last that could be read
    expect(page.locator("#name")).not_to_have_text("…")
    expect(frames).to_have_count(3)  # it was there already
    assert visit.strangers() == []
    assert all("422" in complaint for complaint in visit.complaints)
    visit.context.close()


def test_the_contact_sheet_shows_again_what_was_answered(visit: Visit) -> None:
    page, frames = visit.page, visit.page.locator("#sheet button")
    expect(page.locator("#recent")).to_be_hidden()
    give(page, "drop", encoded(random_image(seed=2)), name="first.png")
    visit.expect_answer(CIFAR)
    told = page.locator("#bars").inner_text()
    give(page, "paste", encoded(random_image(90, 60)), name="second.png")
    expect(frames).to_have_count(2)
    expect(page.locator("#file-name")).to_have_text("second.png")
    asked = len([url for url in visit.asked if "/predict" in url])
    share = page.locator("#sheet small").last.inner_text()
    expect(frames.last).to_have_attribute("aria-label", f"first.png: Uncertain, {share}")
    frames.last.click()
    visit.expect_answer(CIFAR)
    assert page.locator("#bars").inner_text() == told
    expect(page.locator("#file-name")).to_have_text("first.png")
    expect(page.locator("#photo")).to_have_js_property("naturalHeight", 32)
    assert len([url for url in visit.asked if "/predict" in url]) == asked
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#recent")).to_be_hidden()


def test_a_busy_service_is_asked_again(browser: Browser, urls: dict[str, str]) -> None:
    visit = Visit(browser, urls["cifar10"])
    refusals = [503, 429]

    def refuse(route: Route) -> None:
        if not refusals:
            return route.continue_()
        error = {"error": {"code": "too_busy", "message": "Too much."}}
        return route.fulfill(status=refusals.pop(), json=error, headers={"Retry-After": "1"})

    visit.page.route("**/predict?*", refuse)
    visit.page.set_input_files("#file", files=[PNG])
    visit.expect_answer(CIFAR)
    assert refusals == []
    visit.context.close()


# --- the heat map --------------------------------------------------------------------------------------


def opacities(page: Page, points: list[tuple[float, float]]) -> list[int]:
    """Return how opaque the heat map is at places of 0 to 1."""
    values: list[int] = page.evaluate(
        """(points) => {
            const canvas = document.getElementById("heat"), copy = document.createElement("canvas");
            Object.assign(copy, { width: canvas.width, height: canvas.height });
            const c = copy.getContext("2d", { willReadFrequently: true });
            c.drawImage(canvas, 0, 0);
            return points.map(([x, y]) => c.getImageData(x * canvas.width, y * canvas.height, 1, 1).data[3]);
        }""",
        points,
    )
    return values


def test_the_heat_map_is_light_where_most_speaks_for_the_class(visit: Visit) -> None:
    page, heat = visit.page, visit.page.locator("#heat")
    expect(heat).to_be_hidden()
    with page.expect_response("**/predict?*") as response:
        page.set_input_files("#file", files=[PNG])  # 200 wide, 120 high: the model sees the middle
    visit.expect_answer(CIFAR)
    answer = response.value.json()
    expect(heat).to_be_visible()
    assert [len(answer["heat"]), *{(len(grid), len(grid[0])) for grid in answer["heat"]}] == [10, (8, 8)]
    for number, name in enumerate([entry["class"] for entry in answer["classes"]][:3]):
        page.get_by_role("radio", name=f"Show what speaks for {name}").check(force=True)
        grid = np.array(answer["heat"][number])
        (top, left), (low, right) = (np.unravel_index(at, (8, 8)) for at in (grid.argmax(), grid.argmin()))
        seen = [(0.2 + 0.6 * (x + 0.5) / 8, (y + 0.5) / 8) for x, y in ((left, top), (right, low))]
        light, dark, outside = opacities(page, [*seen, (0.1, 0.5)])
        assert light < dark < outside
        place = ("upper ", "", "lower ")[int((top + 0.5) * 3 / 8)] + ("left", "", "right")[
            int((left + 0.5) * 3 / 8)
        ]
        expect(heat).to_have_attribute(
            "aria-label", re.compile(f"^Heat map: what speaks for {name} is .*{place}")
        )
        if number:
            expect(page.locator("#spoken")).to_contain_text(f"what speaks for {name}")
    page.locator("#heat-switch").click()
    expect(heat).to_be_hidden()
    page.set_input_files("#file", files=[PNG])
    visit.expect_answer(CIFAR)
    expect(page.get_by_role("checkbox", name="Heat map")).not_to_be_checked()
    expect(heat).to_be_hidden()


def test_a_model_without_heat_maps_has_no_switch(browser: Browser, urls: dict[str, str]) -> None:
    visit = Visit(browser, urls["digits"])
    visit.page.locator("#strip button").first.click()
    visit.expect_answer(DIGITS)
    for hidden in ("#heat", "#heat-switch", "#wrong", "#kept"):
        expect(visit.page.locator(hidden)).to_be_hidden()
    expect(visit.page.locator("#bars input:enabled")).to_have_count(0)
    visit.context.close()


# --- feedback ------------------------------------------------------------------------------------------


def test_a_wrong_answer_can_be_put_right(visit: Visit, feedback: Path) -> None:
    page = visit.page
    expect(page.locator("#kept")).to_be_visible()
    for choice, said in (("truck", "truck"), ("none of these", None)):
        content = encoded(random_image(50, 50, seed=8 + len(choice)))
        page.set_input_files(
            "#file", files=[FilePayload(name="mine.png", mimeType="image/png", buffer=content)]
        )
        visit.expect_answer(CIFAR)
        best = page.locator("#bars .label").first.inner_text()
        page.get_by_role("button", name="Wrong? Say what it is").click()
        page.get_by_role("combobox", name="It is").select_option(label=choice)
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("status")).to_have_text(f"Thank you. Kept as {choice}.")
        expect(page.locator("#wrong-open")).to_be_hidden()
        line = json.loads((feedback / "feedback.jsonl").read_text(encoding="utf-8").splitlines()[-1])
        assert (line["class"], line["predicted"], line["model"]["version"]) == (said, best, "3")
        assert (feedback / line["image"]).read_bytes() == content
    page.locator("#sheet button").nth(1).click()
    expect(page.get_by_role("status")).to_have_text("Thank you. Kept as truck.")  # it is known of each


def test_feedback_that_cannot_be_kept_is_no_thanks(browser: Browser, urls: dict[str, str]) -> None:
    visit = Visit(browser, urls["cifar10"])
    error = {"error": {"code": "feedback_full", "message": "The folder is full."}}
    visit.page.route("**/feedback", lambda route: route.fulfill(status=507, json=error))
    visit.page.set_input_files("#file", files=[PNG])
    visit.expect_answer(CIFAR)
    visit.page.locator("#wrong-open").click()
    visit.page.get_by_role("button", name="Cancel").click()
    expect(visit.page.locator("#wrong-form")).to_be_hidden()
    visit.page.locator("#wrong-open").click()
    visit.page.locator("#truth").select_option(index=2)
    visit.page.get_by_role("button", name="Send").click()
    expect(visit.page.locator("#error")).to_have_text("The image was not kept: The folder is full.")
    expect(visit.page.locator("#thanks")).to_be_empty()
    visit.context.close()


# --- the camera ----------------------------------------------------------------------------------------


def test_the_camera_is_answered_live_and_its_image_developed(browser: Browser, urls: dict[str, str]) -> None:
    visit = Visit(browser, urls["cifar10"], permissions=["camera"])
    page = visit.page
    page.get_by_role("button", name="Use the camera").click()
    expect(page.get_by_role("button", name="Take the image")).to_be_focused()
    expect(page.locator("#print")).to_have_attribute("data-state", "done")
    percents = [float(text.split("\u00a0")[0]) for text in page.locator("#bars .percent").all_inner_texts()]
    assert sum(percents) == pytest.approx(100, abs=1)
    expect(page.locator("#heat")).to_be_visible()
    expect(page.locator("#recent")).to_be_hidden()
    expect(page.locator("#wrong")).to_be_hidden()
    page.evaluate("document.querySelector('#bars li').marked = true")
    for _ in range(2):  # one frame after the other
        page.wait_for_event("response", lambda response: "/predict?" in response.url)
    assert page.evaluate("[...document.querySelectorAll('#bars li')].some((bar) => bar.marked)")  # bars stay
    page.evaluate("window.track = document.getElementById('video').srcObject.getTracks()[0]")
    page.keyboard.press("Enter")
    expect(page.locator("#file-name")).to_have_text("camera image")
    expect(page.locator("#sheet li")).to_have_count(1)
    visit.expect_answer(CIFAR)
    expect(page.locator("#finder")).to_be_hidden()
    assert page.evaluate("track.readyState") == "ended"
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#finder")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#finder")).to_be_hidden()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.get_by_role("button", name="Use the camera")).to_be_focused()
    assert visit.strangers() == visit.complaints == []
    visit.context.close()


def test_a_camera_that_may_not_be_used_is_explained(visit: Visit) -> None:
    refused = (
        "() => { navigator.mediaDevices.getUserMedia = "
        "() => Promise.reject(new DOMException('no', 'NotAllowedError')); }"
    )
    visit.page.evaluate(refused)
    visit.page.get_by_role("button", name="Use the camera").click()
    expect(visit.page.locator("#error")).to_contain_text("Allow it in the address bar")
    visit.page.evaluate(refused.replace("NotAllowed", "NotFound"))
    visit.page.get_by_role("button", name="Use the camera").click()
    expect(visit.page.locator("#error")).to_contain_text("no camera")
    visit.page.set_input_files("#file", files=[PNG])
    visit.expect_answer(CIFAR)


# --- tokens --------------------------------------------------------------------------------------------


def test_a_service_that_asks_for_a_token_gets_it(browser: Browser, urls: dict[str, str]) -> None:
    context = browser.new_context()
    page = context.new_page()

    def locked(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer good-token-of-mine":
            return route.continue_()
        error = {"error": {"code": "no_token", "message": "This needs a token that is known here."}}
        return route.fulfill(status=401, json=error)

    page.route("**/model", locked)
    page.route("**/predict?*", locked)
    page.goto(urls["cifar10"])
    expect(page.get_by_label("asks for a token")).to_be_focused()
    expect(page.locator("#facts")).to_be_hidden()
    page.keyboard.type("bad-token")
    page.keyboard.press("Enter")
    expect(page.locator("#error")).to_contain_text("needs a token that is known")
    page.get_by_label("asks for a token").fill("good-token-of-mine")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#facts")).to_be_visible()
    expect(page.locator("#key")).to_be_hidden()
    page.set_input_files("#file", files=[PNG])
    expect(page.locator("#print")).to_have_attribute("data-state", "done")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Browser, urls: dict[str, str], scheme: Any) -> None:
    visit = Visit(browser, urls["cifar10"], viewport={"width": 360, "height": 740}, color_scheme=scheme)
    visit.page.locator("#strip button").nth(1).click()
    visit.expect_answer(CIFAR)
    expect(visit.page.locator("#mat")).to_be_in_viewport(ratio=0.9)
    visit.page.get_by_role("button", name="Wrong? Say what it is").click()
    expect(visit.page.locator("#truth")).to_be_visible()
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
    red, *_ = visit.page.evaluate(
        "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (red > 200) == (scheme == "light")
    visit.context.close()


def test_the_description_of_the_api_is_readable(visit: Visit) -> None:
    visit.page.get_by_role("link", name="API").click()
    for path in ("/predict", "/predict_batch", "/model", "/card", "/metrics"):
        expect(visit.page.get_by_role("heading", name=path).first).to_be_visible()
    expect(visit.page.locator("pre", has_text='"confident": "boolean or null"')).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_card_is_a_page_with_images_that_fits_a_phone(
    browser: Browser, urls: dict[str, str], scheme: Any
) -> None:
    visit = Visit(browser, urls["cifar10"], viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = visit.page
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("heading", name="Model card: <things>")).to_be_visible()
    expect(page).to_have_title("Model card: cifar10")
    expect(page.get_by_role("img", name="Figure")).to_have_js_property("naturalWidth", 900)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    wide, seen = page.evaluate(
        "(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.querySelector('.wide'))"
    )
    assert seen <= 320 < wide  # the table scrolls in its own box
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "wide"
    red, *_ = page.evaluate(
        "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (red > 200) == (scheme == "light")
    assert visit.strangers() == visit.complaints == []
    assert not [url for url in visit.asked if "favicon" in url]
    visit.context.close()


def test_the_gallery_of_feedback_saves_a_table_that_the_review_takes_in(
    browser: Browser, tmp_path: Path
) -> None:
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
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
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
    assert complaints == []
    (decision,) = decisions.read_table(table, items, classes=["cat", "dog"], who="me")
    assert (decision.sha256, decision.action, decision.label) == (items[0].sha256, "correct", "cat")
