"""The page, used in a real browser against a real Bento."""

import base64
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from tests.serving_helpers import CIFAR, DIGITS, SURE_FROM, bento_of, encoded, picture, serve_bento

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
]
PNG: FilePayload = {"name": "mine.png", "mimeType": "image/png", "buffer": encoded(picture(120, 200))}


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        kinds = ("cifar10", "digits")
        yield {kind: stack.enter_context(serve_bento(*bento_of(kind)[:2])) for kind in kinds}


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
        unsure = classes == CIFAR and percents[0] < 100 * SURE_FROM
        expect(self.page.locator("#name")).to_have_text("Not sure" if unsure else names[0])
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


def test_a_chosen_picture_is_shown_seen_and_classified(visit: Visit) -> None:
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
def test_a_dropped_or_pasted_picture_is_classified(visit: Visit, kind: str) -> None:
    give(visit.page, kind, encoded(picture()))
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
    page, name, sure = visit.page, visit.page.locator("#name"), visit.page.locator("#sure")
    give(page, "drop", encoded(picture(seed=2)))
    visit.expect_answer(CIFAR)
    expect(page.locator("#kicker")).to_have_text("The model is")
    expect(name).to_have_text("Not sure")
    (first, second, third), (one, two) = (
        page.locator("#bars .label").all_inner_texts()[:3],
        page.locator("#bars .percent").all_inner_texts()[:2],
    )
    said = f"It could be {first} ({one}) or {second} ({two})"
    expect(sure).to_have_text(said)
    expect(page.locator("#spoken")).to_have_text(f"Not sure. {said}")
    expect(page.locator("#spoken")).to_have_attribute("aria-live", "polite")
    assert third not in said  # less than half as likely as the first
    fills = "[...document.querySelectorAll('#bars .fill')].map((f) => getComputedStyle(f).backgroundImage)"
    assert set(page.evaluate(fills)) == {"none"}  # no bar stands out
    give(page, "drop", encoded(picture()))
    expect(page.locator("#kicker")).to_have_text("Most likely")
    visit.expect_answer(CIFAR)
    expect(name).not_to_have_text("Not sure")
    expect(sure).to_have_text(page.locator("#bars .percent").first.inner_text())
    assert "gradient" in page.evaluate(fills)[0]
    give(page, "drop", encoded(picture(seed=2)))
    expect(name).to_have_text("Not sure")
    give(page, "drop", b"broken")
    expect(page.locator("#kicker")).to_have_text("No answer")
    expect(name).to_have_text("…")
    expect(sure).to_have_text("")
    expect(page.locator("#spoken")).to_have_text("")
    visit.complaints.clear()  # the 422


def test_a_model_that_cannot_tell_whether_it_is_sure_never_says_so(
    browser: Browser, urls: dict[str, str]
) -> None:
    visit = Visit(browser, urls["digits"])
    give(visit.page, "drop", encoded(Image.new("L", (8, 8), 0)))  # every digit is as likely as the others
    visit.expect_answer(DIGITS)
    expect(visit.page.locator("#kicker")).to_have_text("Most likely")
    expect(visit.page.locator("#sure")).to_have_text("10.0\u00a0%")
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
        "sure": False,
        "model": {"name": "x", "version": "1"},
        "milliseconds": 1,
        "input": "data:image/png;base64," + base64.b64encode(encoded(picture())).decode(),
    }
    visit.page.route("**/predict?*", lambda route: route.fulfill(json=answer))
    visit.page.set_input_files("#file", files=[PNG])
    expect(visit.page.locator("#sure")).to_have_text(said.replace(" %", "\u00a0%"))
    expect(visit.page.locator("#spoken")).to_have_text("Not sure. " + said.replace(" %", "\u00a0%"))
    visit.context.close()


@pytest.mark.parametrize(("kind", "classes"), [("cifar10", CIFAR), ("digits", DIGITS)])
def test_every_class_has_a_drawing_to_try(
    browser: Browser, urls: dict[str, str], kind: str, classes: tuple[str, ...]
) -> None:
    visit = Visit(browser, urls[kind])
    buttons = visit.page.locator("#strip button")
    expect(buttons).to_have_count(len(classes))
    pictures = visit.page.evaluate(
        "[...document.querySelectorAll('#strip canvas')].map((c) => c.toDataURL())"
    )
    assert len(set(pictures)) == len(classes)  # each is drawn, and none like another
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
    page.route("**/model", lambda route: route.fulfill(json={**about, "limits": {"picture_bytes": 10}}))
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
    bad: FilePayload = {"name": "bad.png", "mimeType": "image/png", "buffer": b"not a picture"}
    visit.page.set_input_files("#file", files=[bad])
    expect(error).to_contain_text("no picture that can be read")
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
        "buffer": encoded(picture(), "TIFF"),
    }
    visit.page.set_input_files("#file", files=[tiff])
    visit.expect_answer(CIFAR)
    expect(visit.page.locator("#unshown")).to_be_visible()
    expect(visit.page.locator("#seen")).to_be_visible()


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Model card")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([PNG])
    visit.expect_answer(CIFAR)
    page.locator("#strip button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#strip button").first).to_have_attribute("aria-pressed", "true")
    visit.expect_answer(CIFAR)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Browser, urls: dict[str, str], scheme: Any) -> None:
    visit = Visit(browser, urls["cifar10"], viewport={"width": 360, "height": 740}, color_scheme=scheme)
    visit.page.locator("#strip button").nth(1).click()
    visit.expect_answer(CIFAR)
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
    expect(visit.page.locator("pre", has_text='"sure": "boolean or null"')).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_card_is_a_page_with_pictures_that_fits_a_phone(
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
