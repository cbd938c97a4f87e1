"""Markdown as a page: one self-contained HTML file with its images inside, which needs no network."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from darkroom.reporting.document import document

PNG = b"\x89PNG\r\n\x1a\n"
STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fbf8f4; --panel: #f3ede5; --line: #ddd0c2; --ink: #2a1a14; --soft: #75604f; --accent: #b8341a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14100e; --panel: #1f1815; --line: #3d2c25; --ink: #efe4dc; --soft: #b9a297; --accent: #ff8159;
  }
}
* { box-sizing: border-box; }
html { background: var(--ground); -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  max-width: 760px; margin: 0 auto; padding: 34px 20px 70px; color: var(--ink); overflow-wrap: break-word;
  font: 17px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
}
h1, h2, h3, h4, h5, h6 {
  line-height: 1.25; font-weight: 400; scroll-margin-top: 16px; text-wrap: balance;
  font-family: "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, serif;
}
h1 { margin: 0 0 18px; font-size: 36px; }
h2 { margin: 46px 0 14px; padding-top: 22px; font-size: 26px; border-top: 1px solid var(--line); }
h3 { margin: 32px 0 12px; font-size: 20px; }
h4, h5, h6 { margin: 24px 0 10px; font-size: 17px; }
:target { color: var(--accent); }
p, ul, ol, pre { margin: 0 0 16px; }
ul, ol { padding-left: 24px; }
li { margin: 6px 0; }
a { color: var(--accent); text-underline-offset: 3px; }
img { display: block; max-width: 100%; height: auto; border-radius: 8px; background: #fff; }
code { font: 15px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre { padding: 13px 16px; overflow-x: auto; border-radius: 8px; background: var(--panel); }
pre code { overflow-wrap: normal; }
.wide { margin: 0 0 20px; overflow-x: auto; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
table { min-width: 100%; border-collapse: collapse; font-size: 16px; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 18px 7px 0; text-align: left; vertical-align: top; }
tr { border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-size: 14px; font-weight: 600; }
th:last-child, td:last-child { padding-right: 0; }
/* tables of two columns are read as text and wrap; wider ones are compared by column, and scroll instead */
:is(th, td):first-child:nth-last-child(n + 3), :is(th, td):first-child:nth-last-child(n + 3) ~ * {
  white-space: nowrap;
}
@media (max-width: 480px) {
  body { padding-top: 24px; font-size: 16px; }
  h1 { font-size: 29px; }
  h2 { font-size: 23px; }
  table { font-size: 15px; }
}
"""


def card_page(markdown: str, *, folder: Path, title: str) -> str:
    """Return Markdown (GitHub's flavour of tables), such as a model card, as one HTML file.

    HTML in the Markdown is shown as text, and the page has no script. Each heading gets the id that
    GitHub would give it.

    Args:
        markdown: as `darkroom.reporting.model_card.card.model_card` returns.
        folder: of the images that the Markdown links; they are embedded in the page.
        title: of the page, plain text.

    Raises:
        FileNotFoundError: a linked image is missing.
        ValueError: a linked image is an address, lies outside `folder` or is not a PNG.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    _name_headings(tokens)
    for token in tokens:
        for part in token.children or ():
            if part.type == "image":
                part.attrSet("src", _embedded(str(part.attrGet("src")), folder))
    body = parser.renderer.render(list(_with_wide_tables(tokens)), parser.options, {})
    return document(title, f"<main>\n{body}</main>", style=STYLE)


def _name_headings(tokens: list[Token]) -> None:
    """Give each heading a unique id, made of its text."""
    taken: set[str] = set()
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            words = re.sub(r"[^\w\- ]", "", _plain(tokens[number + 1]).strip().lower())
            name = base = words.replace(" ", "-") or "part"
            count = 0
            while name in taken:
                count += 1
                name = f"{base}-{count}"
            taken.add(name)
            token.attrSet("id", name)


def _with_wide_tables(tokens: list[Token]) -> Iterator[Token]:
    """Yield the tokens with each table in a box that scrolls and can be reached by keyboard."""
    heading = "Table"
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = _plain(tokens[number + 1])
        if token.type == "table_open":
            attributes: dict[str, str | int | float] = {
                "class": "wide",
                "role": "group",
                "aria-label": heading,
                "tabindex": 0,
            }
            yield Token("wide_open", "div", 1, attrs=attributes, block=True)
        yield token
        if token.type == "table_close":
            yield Token("wide_close", "div", -1, block=True)


def _plain(inline: Token) -> str:
    return "".join(part.content for part in inline.children or () if part.type in ("text", "code_inline"))


def _embedded(link: str, folder: Path) -> str:
    """Return the image that `link` names as a data: URI."""
    address = urlsplit(link)
    if address.scheme or address.netloc:
        raise ValueError(
            f"the card links the image {link[:200]!r}, an address: put the file into {folder} and link it "
            "by its name"
        )
    path = (folder / unquote(link)).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(
            f"the card links the image {link!r}, which is {path}, outside {folder}: put it into that folder"
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"the card links the image {link!r}, but {path} is missing: run `dvc repro evaluate`, which "
            "writes it, or take the link out of the card"
        )
    content = path.read_bytes()
    if not content.startswith(PNG):
        raise ValueError(f"{path} starts with {content[:8]!r}, so it is no PNG: link a PNG in the card")
    return "data:image/png;base64," + base64.b64encode(content).decode()
