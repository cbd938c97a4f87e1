"""Draw docs/architecture.svg from the code: `python docs/draw_architecture.py`.

The floors are the layers that import-linter checks (pyproject.toml), a room's words are the first sentence of
its docstring, its imports are read from the code, and the stages with their files are those of dvc.yaml.
`tests/docs/test_architecture.py` fails when the drawing is not what this script draws.
"""

import ast
import sys
import textwrap
import tomllib
from html import escape
from pathlib import Path
from typing import Any

import grimp
import yaml

PROJECT = Path(__file__).resolve().parent.parent
DRAWING = PROJECT / "docs" / "architecture.svg"
sys.path[:0] = [str(PROJECT), str(PROJECT / "src")]  # grimp finds the packages by it

WIDTH, MARGIN, GAP = 1120, 24, 14
ROOM_HEIGHT, STAGE_HEIGHT = 88, 106
INK, SOFT, LINE, BAND, BOX, MARK = "#22272e", "#5b6672", "#c9d1d9", "#f3f6f9", "#ffffff", "#0072b2"
STAGES_IN_A_ROW = 5


def floors() -> list[list[str]]:
    """Return the rooms of each floor, from the top, as pyproject.toml has them for import-linter."""
    tree = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = tree["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["id"] == "floors"]
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def imports(room: str, rooms: list[str], graph: grimp.ImportGraph) -> list[str]:
    """Return the short names of the rooms that a room imports."""
    inside = {room} | graph.find_descendants(room)
    imported = {target for module in inside for target in graph.find_modules_directly_imported_by(module)}
    return [
        short(other)
        for other in rooms
        if other != room and any(name == other or name.startswith(f"{other}.") for name in imported)
    ]


def short(room: str) -> str:
    """Return a room's name without the package above it.

    >>> short("darkroom.models")
    'models'
    """
    return room.removeprefix("darkroom.")


def first_sentence(room: str) -> str:
    """Return the first sentence of a room's docstring, without the name it may begin with."""
    base = PROJECT / ("src" if room.startswith("darkroom") else ".") / room.replace(".", "/")
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    sentence = doc.split("\n\n")[0].replace("\n", " ")
    head, colon, rest = sentence.partition(": ")
    words = (rest if colon and len(head) < 24 else sentence).rstrip(".")
    return words[:1].upper() + words[1:]


def stages() -> list[tuple[str, list[str]]]:
    """Return each stage of dvc.yaml with the files and folders below data/ and models/ that it writes."""
    tree = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    named: list[tuple[str, list[str]]] = []
    for name, stage in tree.items():
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in stage.get("outs", [])]
        named.append((name, [out for out in outs if out.startswith(("data/", "models/"))]))
    return named


def box(x: float, y: float, width: float, height: float, title: str, lines: list[tuple[str, str]]) -> str:
    """Return a box with a title and lines of text, each with its colour."""
    parts = [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="{BOX}" '
        f'stroke="{LINE}"/>',
        f'<text x="{x + 12:g}" y="{y + 22:g}" font-weight="600" fill="{INK}">{escape(title)}</text>',
    ]
    place = y + 40
    for text, colour in lines:
        for line in textwrap.wrap(text, max(12, int((width - 20) / 6.1))):
            parts.append(
                f'<text x="{x + 12:g}" y="{place:g}" font-size="11" fill="{colour}">{escape(line)}</text>'
            )
            place += 14
    return "\n".join(parts)


def draw_stages(top: float) -> tuple[list[str], float]:
    """Return the drawing of the stages, in rows read from left to right, and where it ends."""
    parts, named = [], stages()
    width = (WIDTH - 2 * MARGIN - (STAGES_IN_A_ROW - 1) * 26) / STAGES_IN_A_ROW
    for number, (name, outs) in enumerate(named):
        row, column = divmod(number, STAGES_IN_A_ROW)
        x, y = MARGIN + column * (width + 26), top + row * (STAGE_HEIGHT + 22)
        written = [(out, SOFT) for out in outs[:5]] or [("reports only", SOFT)]
        parts.append(box(x, y, width, STAGE_HEIGHT, name, written))
        if number + 1 < len(named) and column + 1 < STAGES_IN_A_ROW:
            parts.append(
                f'<path d="M{x + width + 4:g} {y + STAGE_HEIGHT / 2:g}h17m-6-5l6 5-6 5" fill="none" '
                f'stroke="{MARK}"/>'
            )
    rows = (len(named) - 1) // STAGES_IN_A_ROW + 1
    return parts, top + rows * (STAGE_HEIGHT + 22)


def draw_floors(top: float) -> tuple[list[str], float]:
    """Return the drawing of the rooms, a band a floor, and where it ends."""
    graph: Any = grimp.build_graph("darkroom", "pipeline", "benchmarks")
    every = floors()
    rooms = [room for floor in every for room in floor]
    parts = []
    for floor in every:
        parts.append(
            f'<rect x="{MARGIN / 2:g}" y="{top:g}" width="{WIDTH - MARGIN:g}" height="{ROOM_HEIGHT + 20}" '
            f'rx="8" fill="{BAND}"/>'
        )
        width = (WIDTH - 2 * MARGIN - (len(floor) - 1) * GAP) / len(floor)
        for number, room in enumerate(floor):
            below = imports(room, rooms, graph)
            lines = [
                (first_sentence(room), SOFT),
                (f"imports {', '.join(below)}" if below else "imports none", MARK),
            ]
            parts.append(
                box(MARGIN + number * (width + GAP), top + 10, width, ROOM_HEIGHT, short(room), lines)
            )
        top += ROOM_HEIGHT + 28
    return parts, top


def drawing() -> str:
    """Return the SVG."""
    heading = f'font-size="15" font-weight="600" fill="{INK}"'
    flow, end = draw_stages(64)
    rooms, bottom = draw_floors(end + 58)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom:g}" '
            'font-family="system-ui, Helvetica, Arial, sans-serif" font-size="13" role="img" '
            'aria-label="The stages with the files they write, and the rooms of the code by floor">',
            f'<rect width="{WIDTH}" height="{bottom:g}" fill="#ffffff"/>',
            f'<text x="{MARGIN}" y="40" {heading}>Data flow: the stages of dvc.yaml, and what each writes '
            "besides reports</text>",
            *flow,
            f'<text x="{MARGIN}" y="{end + 36:g}" {heading}>Rooms: each imports from lower floors only '
            "(checked by import-linter)</text>",
            *rooms,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    DRAWING.write_text(drawing(), encoding="utf-8")
