"""The serving benchmark tells what was measured; `make bench-serve` measures."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.serving import (
    IMAGES,
    LIMIT,
    OURS,
    draw,
    images_of,
    ratios,
    summarise,
    table,
    told_overload,
    write_bodies,
)
from darkroom.images.decoding import decode


def run(server: str, connections: int, speed: float, **more: Any) -> dict[str, Any]:
    figures = {"requests": 100, "refused": 0, "broken": 0, "p50": 1.0, "p95": 2.0, "p99": 3.0}
    figures |= {"cpu_milliseconds": 4.0}
    return {"server": server, "connections": connections, "requests_per_second": speed, **figures, **more}


RUNS = [
    *(run(OURS, 1, speed) for speed in (90, 100, 300)),
    *(run(LIMIT, 1, speed, refused=2, broken=1) for speed in (120, 125, 130)),
    run(OURS, 8, 400),
    run(LIMIT, 8, 200),
]


def test_the_median_round_counts_and_errors_add_up() -> None:
    rows = summarise(RUNS)
    assert [(row["server"], row["connections"], row["requests_per_second"]) for row in rows] == [
        (OURS, 1, 100),
        (LIMIT, 1, 125),
        (OURS, 8, 400),
        (LIMIT, 8, 200),
    ]
    assert (rows[1]["refused"], rows[1]["broken"], rows[1]["requests"]) == (6, 3, 300)
    lines = table(rows).splitlines()
    assert lines[2] == "| 1 | ours | 100 | 1.0 ms | 2.0 ms | 3.0 ms | 4.00 ms | 0 |"
    assert lines[3].endswith("| 9 |")
    assert ratios(rows) == f"Ours is 0.80 at 1, 2.00 at 8 connections: times {LIMIT}."


def test_the_image_is_drawn(tmp_path: Path) -> None:
    draw(tmp_path / "serving.png", summarise(RUNS))
    with Image.open(tmp_path / "serving.png") as image:
        assert image.width > 1000


def test_every_body_holds_its_image(tmp_path: Path) -> None:
    images = images_of({"height": 32, "width": 32, "channels": 3})
    assert len({image.tobytes() for image in images}) == IMAGES
    folders = write_bodies(tmp_path, images)
    body = (folders["form"] / "5").read_bytes()
    decoded = decode(body[body.index(b"\r\n\r\n") + 4 :])
    assert decoded.tobytes() == images[5].tobytes()
    assert len(list(folders["json"].iterdir())) == IMAGES


@pytest.mark.parametrize("status", [200, 503])
def test_an_overload_is_told_in_a_sentence(status: int) -> None:
    result = run(OURS, 512, 250.4, refused=1234, accepted=500.0, accepted_p99_within_seconds=1.5)
    result["first_answer_after"] = {"status": status, "seconds": 0.02}
    said = told_overload(result)
    assert "500 accepted (250 a second), 99 % of them answered within 1.5 s; 1,234 refused" in said
    assert said.endswith(f"an image gets {status} in 20 ms.")
