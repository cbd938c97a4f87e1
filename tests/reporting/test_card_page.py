"""The page holds all text and images of the Markdown, no script, and needs no network."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom.evaluation.headline import classification_metrics
from darkroom.evaluation.per_class import per_class_table
from darkroom.reporting.card_page import card_page
from darkroom.reporting.model_card.card import model_card
from darkroom.reporting.model_card.inputs import CardInputs
from tests.helpers.serving import encoded, random_image

IMAGE = encoded(random_image())
HOSTILE = (
    "<script>alert(1)</script>",
    "a|b",
    "`tick`",
    "``two`` ticks`",
    "[x](javascript:alert(1))",
    "![x](http://a.invalid/x.png)",
    "<http://a.invalid/>",
    '"><img src=x onerror=alert(1)>',
    "a\\|b",
    "&lt;b&gt; &amp;",
    "</style><style>*{display:none}</style>",
    "*so* **bold** _a_ ~~b~~ $c$",
    "]] ]]> --> {{x}} ${x}",
)


class Parsed(HTMLParser):
    """A page as a browser parses it: tags, attributes, cells, and text without the style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "hr"):
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data
        if self.open[-1:] and {"td", "th"} & set(self.open):
            self.cells[-1] += data

    def values(self, attribute: str) -> list[str]:
        return [str(given[attribute]) for _, given in self.tags if attribute in given]

    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}


def _page(markdown: str, folder: Path, *, title: str = "A card") -> Parsed:
    return Parsed(card_page(markdown, folder=folder, title=title))


def _card(classes: tuple[str, ...], **extra: Any) -> str:
    """Return a real model card about classes of these names."""
    labels = np.arange(len(classes))
    probabilities = np.eye(len(classes), dtype=np.float32)[::-1] * 0.5 + 0.5 / len(classes)
    meta = {"name": classes[0], "classes": list(classes), "height": 8, "width": 8, "channels": 1}
    meta |= {"train": 9, "validation": 9, "test": len(classes), "test_sha256": "0123456789abcdef" * 4}
    return model_card(
        CardInputs(
            meta=meta,
            metrics=classification_metrics(
                probabilities, labels, classes=list(classes), top_k=2, resamples=20
            ),
            per_class=per_class_table(probabilities, labels, classes=list(classes)),
            **extra,
        )
    )


def test_linked_images_are_embedded(tmp_path: Path) -> None:
    names = {"Confusion": "confusion.png", "Worst": "sub/my worst (100%25) #1?.png"}
    (tmp_path / "sub").mkdir()
    (tmp_path / "confusion.png").write_bytes(IMAGE)
    (tmp_path / "sub/my worst (100%) #1?.png").write_bytes(IMAGE + b"more")
    page = _page(_card(("cat", "dog"), images=names), tmp_path)
    images = [given for tag, given in page.tags if tag == "img"]
    assert [given["alt"] for given in images] == list(names)
    for given, content in zip(images, (IMAGE, IMAGE + b"more"), strict=True):
        kind, data = str(given["src"]).split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data) == content


def test_the_page_loads_nothing_and_has_no_script(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(IMAGE)
    markdown = _card(("cat", "dog"), images={"A": "a.png"}) + "\n[more](https://a.invalid/)\n"
    page = _page(markdown, tmp_path)
    assert all(link.startswith("data:") for link in page.values("src"))
    assert [given["href"] for tag, given in page.tags if tag == "link"] == ["data:,"]
    assert not {"script", "iframe", "object", "embed", "form", "base"} & page.names()
    assert not [key for _, given in page.tags for key in given if key.startswith("on")]
    text = card_page(markdown, folder=tmp_path, title="A card")
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(style) == 1
    assert not re.search(r"url\(|@import|@font-face", style[0])
    policy = next(given["content"] for _, given in page.tags if "http-equiv" in given)
    assert str(policy).startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert page.values("href")[-1] == "https://a.invalid/"  # a link is followed only when clicked


def test_hostile_names_are_shown_as_text(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(IMAGE)
    images = dict.fromkeys(HOSTILE, "a.png")
    plain = _page(_card(("cat", "dog"), images={"A": "a.png"}), tmp_path)
    for name in HOSTILE:
        classes = (name, *(other for other in HOSTILE if other != name))
        page = _page(
            _card(classes, images=images, source={name: name}, command=name, training={name: name}),
            tmp_path,
            title=name,
        )
        assert page.open == []
        assert page.names() - {"code"} <= plain.names()  # no tag comes of a name
        assert page.names() & {"a", "em", "script"} == set()
        assert set(page.values("alt")) == set(HOSTILE)
        assert set(HOSTILE) < set(page.cells)
        assert page.text.count("Model card: " + name) == 1
        assert page.text.lstrip().startswith(name)  # the title
        assert page.cells.count(name) >= 4


def test_tables_keep_their_columns(tmp_path: Path) -> None:
    markdown = _card(HOSTILE)
    page = _page(markdown, tmp_path)
    start = page.cells.index("class")
    assert page.cells[start : start + 5] == ["class", "precision", "recall (95 % interval)", "F1", "images"]
    assert page.cells[start + 5 :: 5][: len(HOSTILE)] == list(HOSTILE)
    boxes = [given for _, given in page.tags if given.get("class") == "wide"]
    assert len(boxes) == sum(tag == "table" for tag, _ in page.tags) == markdown.count("\n| --- |")
    assert [box["aria-label"] for box in boxes][:3] == ["Results on the test set"] * 2 + ["Per class"]
    assert {box["tabindex"] for box in boxes} == {"0"}


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<div onclick='x()'>\n\ntext\n\n</div>",
        "before <img src=x onerror=alert(1)> after",
        "<!-- hidden -->",
        "<?php ?>",
        "<style>*{}</style>",
        "<base href='http://a.invalid'>",
    ],
)
def test_html_is_shown_as_text(tmp_path: Path, html: str) -> None:
    nothing = _page("", tmp_path)
    page = _page(html, tmp_path)
    assert len(page.tags) - len(nothing.tags) == html.count("\n\n") + 1  # paragraphs only
    assert page.names() == nothing.names() | {"p"}
    assert "".join(html.split()) in "".join(page.text.split())


@pytest.mark.parametrize(
    "link",
    [
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](<javascript:alert(1)>)",
        "[x](&#106;avascript:alert(1))",
        "[x](java&#10;script:alert(1))",
        "[x](&#1;javascript:alert(1))",
        "<javascript:alert(1)>",
        "[x]\n\n[x]: javascript:alert(1)",
        "![x](javascript:alert(1))",
        "[x](vbscript:x)",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](file:///etc/passwd)",
    ],
)
def test_links_that_run_scripts_do_not_work(tmp_path: Path, link: str) -> None:
    page = _page(link, tmp_path)
    # what a browser reads: without the control characters that it skips
    links = [re.sub(r"[\0-\x20]", "", href).lower() for href in page.values("href")]
    assert not [href for href in links if re.match(r"(javascript|vbscript|file|data:text)", href)]
    assert "img" not in page.names()


def test_each_heading_has_a_unique_id(tmp_path: Path) -> None:
    markdown = (
        "# Model card: a_b\n\n## Per class\n\n### Per class\n\n## Per class-1\n\n## `<x>` & é!\n\n## ?!\n"
    )
    page = _page(markdown, tmp_path)
    assert page.values("id") == [
        "model-card-a_b",
        "per-class",
        "per-class-1",
        "per-class-1-1",
        "x--é",
        "part",
    ]
    real = _page(_card(HOSTILE), tmp_path).values("id")
    assert len(real) == len(set(real)) > 5
    assert all(re.fullmatch(r"[\w-]+", name) for name in real)


def test_the_title_is_escaped(tmp_path: Path) -> None:
    text = card_page("hello", folder=tmp_path, title="</title><script>x</script> & co")
    assert "<title>&lt;/title&gt;&lt;script&gt;x&lt;/script&gt; &amp; co</title>" in text
    assert text.startswith("<!doctype html>")


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"'confusion\.png', but .* is missing: run `dvc repro evaluate`"
    ):
        card_page("![a](<confusion.png>)", folder=tmp_path, title="x")


@pytest.mark.parametrize(
    "link", ["../out.png", "sub/../../out.png", "%2e%2e/out.png", "{root}/out.png", "way.png"]
)
def test_an_image_outside_the_folder_is_rejected(tmp_path: Path, link: str) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    (tmp_path / "out.png").write_bytes(IMAGE)
    (folder / "way.png").symlink_to(tmp_path / "out.png")
    with pytest.raises(ValueError, match="outside"):
        card_page(f"![a](<{link.format(root=tmp_path)}>)", folder=folder, title="x")


@pytest.mark.parametrize(
    "link", ["http://a.invalid/x.png", "//a.invalid/x.png", "data:image/png;base64,AAAA", "ftp://a.invalid/x"]
)
def test_an_address_is_rejected_as_an_image(tmp_path: Path, link: str) -> None:
    with pytest.raises(ValueError, match="an address"):
        card_page(f"![a]({link})", folder=tmp_path, title="x")


def test_a_file_that_is_no_png_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"<svg onload='alert(1)'/>")
    with pytest.raises(ValueError, match=r"a\.png starts with b'<svg onl', so it is no PNG"):
        card_page("![a](a.png)", folder=tmp_path, title="x")


def test_the_folder_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(IMAGE)
    monkeypatch.chdir(tmp_path)
    assert "data:image/png;base64," in card_page("![a](a.png)", folder=Path(), title="x")
