"""Feedback in review: what people said of images, what a reviewer decides, the corrections that come of it.

The feedback folder is the service's (`serving.feedback`). A reviewer's decisions go to `decisions.jsonl`
beside it, a line each; lines are added and never written again, and an image's last one counts. What is
decided is exported to the folder of corrections, a folder a class and a file an image, which the next
`dvc repro` takes in (`corrections`).
"""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
from darkroom.feedback.decisions import ACTIONS
from darkroom.feedback.store import Item, told

SIDE = 160  # pixels of an image in the gallery, at most


def gallery(items: Sequence[Item], classes: Sequence[str]) -> str:
    """Return one page with every image, which needs nothing else, to look at and to decide on.

    Its button saves a table that `read_table` takes in. Images come decoded and encoded anew, so that no
    byte that a stranger sent reaches the browser.
    """
    options = "".join(f"<option>{html.escape(name)}</option>" for name in classes)
    figures = "\n".join(_figure(item, options) for item in items)
    return _PAGE.replace("{count}", f"{len(items):,}").replace("{figures}", figures)


def _figure(item: Item, options: str) -> str:
    standing = item.decision.action if item.decision else ""
    label = (item.decision.label or "") if item.decision else ""
    actions = "".join(
        f'<option value="{action}"{" selected" if action == standing else ""}>{words}</option>'
        for action, words in (("", "undecided"), *zip(ACTIONS, ACTIONS, strict=True))
    )
    chosen = f"<option selected>{html.escape(label)}</option>" if label else ""
    return (
        f'<figure data-sha256="{html.escape(item.sha256)}"><img alt="" src="{_thumbnail(item.file)}">'
        f"<figcaption>said <b>{html.escape(told(item))}</b><br>predicted {html.escape(item.predicted)} "
        f"({item.probability:.0%}, {html.escape(item.model)} version {html.escape(item.version)})<br>"
        f"<code>{html.escape(item.sha256[:12])}</code></figcaption>"
        f'<label>decision <select class="decision">{actions}</select></label>'
        '<label>class <select class="class"><option value="">as said</option>'
        f"{chosen}{options}</select></label>"
        "</figure>"
    )


def _thumbnail(path: Path) -> str:
    """Return an image as a data URL, at most `SIDE` pixels a side; empty where it cannot be read."""
    import base64
    import io

    from PIL import Image

    from darkroom.images.decoding import decode
    from darkroom.images.formats import ImageError

    try:
        image = decode(path.read_bytes())
    except (OSError, ImageError):
        return ""
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # enlarged images keep their pixels
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
  select { max-width: 9rem; }
</style>
<header><b>{count} images</b> - decide, then <button>save decisions.csv</button> and take them in with
<code>python -m darkroom feedback review --table decisions.csv</code></header>
<main>
{figures}
</main>
<script>
  const quoted = (text) => '"' + text.replaceAll('"', '""') + '"';
  document.querySelector("button").addEventListener("click", () => {
    const lines = ["sha256,decision,class"];
    for (const figure of document.querySelectorAll("figure")) {
      const [decision, name] = [".decision", ".class"].map((which) => figure.querySelector(which).value);
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
