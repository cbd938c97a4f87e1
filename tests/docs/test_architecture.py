"""The drawing of the architecture is the one that its script draws from the code as it is."""

import runpy
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_the_drawing_is_up_to_date() -> None:
    script = runpy.run_path(str(PROJECT / "docs/draw_architecture.py"))
    drawn = (PROJECT / "docs/architecture.svg").read_text(encoding="utf-8")
    assert drawn == script["drawing"](), "run `python docs/draw_architecture.py`"


def test_every_room_and_every_stage_is_in_it() -> None:
    script = runpy.run_path(str(PROJECT / "docs/draw_architecture.py"))
    rooms = {script["short"](room) for floor in script["floors"]() for room in floor}
    packages = {path.parent.name for path in (PROJECT / "src/darkroom").glob("*/__init__.py")}
    assert packages <= rooms
    drawn = (PROJECT / "docs/architecture.svg").read_text(encoding="utf-8")
    for name in [*rooms, *(stage for stage, _ in script["stages"]())]:
        assert f">{name}</text>" in drawn
