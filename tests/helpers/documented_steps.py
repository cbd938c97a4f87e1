"""Steps of the documentation that tests follow: files to write, and lines to replace or add."""

import re
from pathlib import Path

STEP = re.compile(
    r"```(?:python|yaml)\n# (new file:|replace in|import in|add to (\w+) in) (\S+)\n(.*?)```", re.DOTALL
)


def follow(root: Path, text: str) -> None:
    """Do in a checkout what the blocks of a page say."""
    for action, name, place, content in STEP.findall(text):
        path = root / place
        if action == "new file:":
            assert not path.exists(), f"{place} is there already"
            path.write_text(content, encoding="utf-8")
            continue
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if action == "replace in":
            start = re.match(r"from \S+ import|\s*\w+ ?[:=]", content)[0]  # type: ignore[index]  # it is one
            (at,) = [number for number, line in enumerate(lines) if line.startswith(start)]
            lines[at : at + 1] = [content]
        elif action == "import in":
            lines.insert(next(n for n, line in enumerate(lines) if line.startswith("from darkroom")), content)
        else:
            (at,) = [number for number, line in enumerate(lines) if re.match(rf"{name}\b", line)]
            lines.insert(at + 1, content)
        path.write_text("".join(lines), encoding="utf-8")
