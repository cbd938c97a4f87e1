"""HTML documents of one file: they load nothing, and run no script but one that is given."""

import base64
import hashlib
import html


def document(title: str, body: str, *, style: str, script: str = "") -> str:
    """Return a whole HTML document.

    Its policy lets it show images of data: URLs and run `script`, and nothing else: no other script, no file,
    no address. The service sends a policy of its own; this one is for a document opened from a disk or in
    MLflow.

    Args:
        title: plain text.
        body: HTML.
        style: CSS, which says what light and dark look like.
        script: JavaScript, run at the end; empty: none may run.

    >>> page = document("a < b", "<p>c</p>", style="p { margin: 0; }")
    >>> "<title>a &lt; b</title>" in page, "<script" in page
    (True, False)
    """
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
        body += f"\n<script>{script}</script>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
