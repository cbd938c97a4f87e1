"""The review as a web page: every image with its reported class, and menus for the decision."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from darkroom.feedback.decisions import ACTIONS
from darkroom.feedback.sets import read_set
from darkroom.feedback.store import Item
from darkroom.images.decoding import decode
from darkroom.images.formats import ImageError

MANY = 100  # classes: from here on they are typed and completed, because a menu for each image has them all
SIDE = 160  # pixels a side of an image in the gallery, at most


def gallery_page(items: Sequence[Item], classes: Sequence[str]) -> str:
    """Return a self-contained HTML page with every image and menus to decide on it; it needs no network.

    Its button saves a table for `tables.read_table`. The images are decoded and encoded again, so that no
    byte that a user sent reaches the browser.
    """
    options = "".join(f"<option>{html.escape(name)}</option>" for name in classes)
    few = options if len(classes) < MANY else None
    figures = "\n".join(_figure(item, few, classes) for item in items)
    if len(classes) >= MANY:
        figures += f'\n<datalist id="classes">{options}</datalist>'
    return _PAGE.replace("{count}", f"{len(items):,}").replace("{figures}", figures)


def _figure(item: Item, options: str | None, classes: Sequence[str]) -> str:
    """Return the figure of an image; without `options` its class, or its set of labels, is typed."""
    decided = item.decision.action if item.decision else ""
    label = (item.decision.label or "") if item.decision else ""
    actions = "".join(
        f'<option value="{action}"{" selected" if action == decided else ""}>{text}</option>'
        for action, text in (("", "undecided"), *zip(ACTIONS, ACTIONS, strict=True))
    )
    if item.several and options is not None:
        field = _checkboxes(item, classes)
    elif options is None:
        value = html.escape(label)
        field = f'<input class="class" list="classes" placeholder="as reported" value="{value}">'
    else:
        chosen = f"<option selected>{html.escape(label)}</option>" if label else ""
        field = f'<select class="class"><option value="">as reported</option>{chosen}{options}</select>'
    return (
        f'<figure data-sha256="{html.escape(item.sha256)}"><img alt="" src="{_thumbnail(item.file)}">'
        f"<figcaption>reported <b>{html.escape(item.reported_text())}</b><br>"
        f"predicted {html.escape(item.shown(item.predicted))} ({item.probability:.0%}, "
        f"{html.escape(item.model)} version {html.escape(item.version)})<br>"
        f"<code>{html.escape(item.sha256[:12])}</code></figcaption>"
        f'<label>decision <select class="decision">{actions}</select></label>'
        f"{field if field.startswith('<fieldset') else f'<label>class {field}</label>'}"
        "</figure>"
    )


def _checkboxes(item: Item, classes: Sequence[str]) -> str:
    """Return a box for each label; those of the decision, or else of the last report, are checked.

    The page writes the whole set into the table where a box was changed, or a set was decided before.
    """
    decided = item.decision.label if item.decision else None
    last = next((each for each in reversed(item.reported) if each is not None), "[]")
    checked = set(read_set(decided or last) or [])
    boxes = "".join(
        f'<label><input type="checkbox" value="{html.escape(name)}"{" checked" if name in checked else ""}> '
        f"{html.escape(name)}</label>"
        for name in classes
    )
    changed = ' data-changed="yes"' if decided else ""
    return f'<fieldset class="set"{changed}><legend>labels</legend>{boxes}</fieldset>'


def _thumbnail(path: Path) -> str:
    """Return an image as a data: URL, at most `SIDE` pixels a side; empty where it cannot be decoded."""
    try:
        image = decode(path.read_bytes())
    except (OSError, ImageError):
        return ""
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # NEAREST shows the pixels of a small image as they are
    image = image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Feedback to review</title>
<style>
  :root { color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif; }
  body { margin: 1rem; }
  header { position: sticky; top: 0; padding: .5rem 0; background: Canvas; }
  main { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 1rem; }
  figure { margin: 0; padding: .6rem; border: 1px solid GrayText; border-radius: 6px; }
  img { display: block; height: 160px; image-rendering: pixelated; }
  label { display: flex; justify-content: space-between; margin-top: .3rem; }
  select, input:not([type=checkbox]) { width: 9rem; box-sizing: border-box; }
  fieldset { margin-top: .3rem; border: 1px solid GrayText; max-height: 14rem; overflow-y: auto; }
  fieldset label { justify-content: start; gap: .4rem; }
</style>
<header><b>{count} images.</b> Choose the decisions, <button>save decisions.csv</button> and run
<code>python -m darkroom feedback review --table decisions.csv</code></header>
<main>
{figures}
</main>
<script>
  const quoted = (text) => '"' + text.replaceAll('"', '""') + '"';
  for (const set of document.querySelectorAll(".set")) set.onchange = () => { set.dataset.changed = "yes"; };
  const labels = (set) => {
    if (!set.dataset.changed) return "";
    return JSON.stringify([...set.querySelectorAll(":checked")].map((box) => box.value));
  };
  document.querySelector("button").addEventListener("click", () => {
    const lines = ["sha256,decision,class"];
    for (const figure of document.querySelectorAll("figure")) {
      const set = figure.querySelector(".set");
      const decision = figure.querySelector(".decision").value;
      const name = set ? labels(set) : figure.querySelector(".class").value;
      lines.push([figure.dataset.sha256, decision, name].map(quoted).join(","));
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\\n") + "\\n"], { type: "text/csv" }));
    link.download = "decisions.csv";
    link.click();
  });
</script>
</html>
"""
