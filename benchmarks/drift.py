"""How often drift is told where there is none, and how soon where there is: `make bench-drift`.

The exported model and its reference, whose limits come of validation images alone, are taken as they
are. Test images, which neither has seen, come in random orders: as they are, to count false alarms, and
from some image on changed, to count how many come until the alarm. Nothing is timed, so other programs
may run beside.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from tqdm import tqdm

from darkroom.data.splits import open_split
from darkroom.evaluation.corruptions import CORRUPTIONS
from darkroom.evaluation.corruptions.apply import corrupt
from darkroom.evaluation.intervals import wilson_interval
from darkroom.files import atomic_write, read_json, write_json
from darkroom.reporting.figures.style import BLUE, INK, ORANGE, STYLE, WIDTH
from darkroom.serving.monitoring.drift import EVERY, WINDOW, Reference, read_reference
from darkroom.serving.prediction.runtime import Graph
from pipeline import DATA, MODELS, ROOT

RESULTS = Path(__file__).parent / "results" / "drift.json"
IMAGE = ROOT / "docs" / "drift.png"
STRENGTHS = (1, 2, 3, 5)
Images = NDArray[np.uint8]
Rows = NDArray[np.float32]


def main() -> None:
    """Measure, print the tables, and write them and their image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--exported", type=Path, default=MODELS / "exported", help="model and reference")
    parser.add_argument("--images", type=int, default=1500, help="of each shift (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=50, help="streams of each shift (default %(default)s)")
    parser.add_argument(
        "--orders", type=int, default=40, help="of all test images, unshifted (default %(default)s)"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--image", type=Path, default=IMAGE)
    options = parser.parse_args()
    path = options.exported / "reference.json"
    if not path.is_file():
        sys.exit(f"{path} is not there: run `dvc repro export`, which writes it")
    about = read_json(options.exported / "model.json")
    reference = read_reference(path, sha256=about["sha256"])
    graph = Graph((options.exported / "model.onnx").read_bytes(), precision=about["precision"])
    test = open_split(DATA / "test")

    def rows_of(images: Images) -> Rows:
        return reference.describe(images, graph.explain(images))

    usual = rows_of(np.asarray(test.images))
    unshifted = false_alarms(reference, usual, orders=options.orders)
    chosen = np.random.default_rng(0).permutation(len(test))[: options.images]
    shifts = []
    for name, strength, make in tqdm(shifts_of(test.labels, usual, len(reference.classes)), desc="shifts"):
        shifted = make(np.asarray(test.images[chosen]), rows_of)
        shifts.append(
            {"shift": name, "strength": strength, **detection(reference, usual, shifted, seeds=options.seeds)}
        )
    result = {
        "data": about["name"],
        "precision": graph.precision,
        "reference_images": reference.images,
        "window": WINDOW,
        "every": EVERY,
        "unshifted": unshifted,
        "shifts": shifts,
    }
    write_json(options.results, result)
    draw(options.image, result)
    print(table(result))


def shifts_of(
    labels: NDArray[np.int64], usual: Rows, classes: int
) -> list[tuple[str, int | None, Callable[[Images, Callable[[Images], Rows]], Rows]]]:
    """Return every shift's name, strength and maker, which makes rows of test images."""

    def corrupted(name: str, strength: int) -> Callable[[Images, Callable[[Images], Rows]], Rows]:
        return lambda images, rows_of: rows_of(corrupt(images, name, strength, seed=1))

    def half_foggy(images: Images, rows_of: Callable[[Images], Rows]) -> Rows:
        half = len(images) // 2
        return np.concatenate([rows_of(corrupt(images[:half], "fog", 3, seed=1)), rows_of(images[half:])])

    def darker(share: float) -> Callable[[Images, Callable[[Images], Rows]], Rows]:
        return lambda images, rows_of: rows_of(np.rint(images * share).astype(np.uint8))

    def grey(images: Images, rows_of: Callable[[Images], Rows]) -> Rows:
        mean = np.rint(images.mean(axis=3, keepdims=True)).astype(np.uint8)
        return rows_of(np.repeat(mean, images.shape[3], axis=3))

    def digits(images: Images, rows_of: Callable[[Images], Rows]) -> Rows:
        height, width, channels = images.shape[1:]
        drawings = [Image.fromarray(np.uint8(digit * 255 / 16)) for digit in load_digits().images]
        drawn = [
            np.asarray(drawing.resize((width, height), Image.Resampling.BICUBIC)) for drawing in drawings
        ]
        return rows_of(np.repeat(np.stack(drawn)[..., None], channels, axis=3))

    def static(images: Images, rows_of: Callable[[Images], Rows]) -> Rows:
        return rows_of(np.random.default_rng(2).integers(0, 256, images.shape, dtype=np.uint8))

    return [
        *((name, strength, corrupted(name, strength)) for name in CORRUPTIONS for strength in STRENGTHS),
        ("darker by 10 %", None, darker(0.9)),
        ("darker by 30 %", None, darker(0.7)),
        ("no colour", None, grey),
        ("half of them in fog (3)", None, half_foggy),
        ("half of the classes only", None, lambda *_: usual[labels < (classes + 1) // 2]),
        ("one class twice as often", None, lambda *_: np.concatenate([usual, usual[labels == 0]])),
        (
            "one class three times as often",
            None,
            lambda *_: np.concatenate([usual, *[usual[labels == 0]] * 2]),
        ),
        ("handwritten digits", None, digits),
        ("noise and nothing else", None, static),
    ]


def false_alarms(reference: Reference, rows: Rows, *, orders: int) -> dict[str, Any]:
    """Judge images as they are, in random orders.

    Returns `windows` that do not overlap in an order, `alarms` of them judged once each, and `any_look`, how
    many hold an alarm where every look of the service counts; the shares have
    95 % intervals.
    """
    alarms = looked = windows = 0
    for order in tqdm(range(orders), desc="unshifted"):
        stream = rows[np.random.default_rng(1000 + order).permutation(len(rows))]
        for start in range(0, len(stream) - WINDOW + 1, WINDOW):
            ends = range(max(WINDOW, start + EVERY), start + WINDOW + 1, EVERY)
            largest = [max(reference.scores(stream[end - WINDOW : end]).values()) for end in ends]
            windows += 1
            alarms += largest[-1] >= 1
            looked += max(largest) >= 1
    return {
        "windows": windows,
        "orders": orders,
        "alarms": int(alarms),
        "alarms_interval": list(wilson_interval(int(alarms), windows)),
        "any_look": int(looked),
        "any_look_interval": list(wilson_interval(int(looked), windows)),
    }


def detection(reference: Reference, usual: Rows, shifted: Rows, *, seeds: int) -> dict[str, Any]:
    """Send a window of usual images and then shifted ones, `seeds` times, until an alarm or its end.

    Returns `noticed`, the share with an alarm within `WINDOW` shifted images; `median` and `p95` of how
    many came until then (None where fewer had one); and `by`, the statistic that was highest at most alarms.
    """
    until: list[float] = []
    by: dict[str, int] = {}
    for seed in range(seeds):
        draw = np.random.default_rng(seed)
        before = usual[draw.permutation(len(usual))[:WINDOW]]
        stream = np.concatenate([before, shifted[draw.permutation(len(shifted))[:WINDOW]]])
        until.append(np.inf)
        for end in range(WINDOW + EVERY, len(stream) + 1, EVERY):
            scores = reference.scores(stream[end - WINDOW : end])
            name = max(scores, key=scores.__getitem__)
            if scores[name] >= 1:
                until[-1] = end - WINDOW
                by[name] = by.get(name, 0) + 1
                break
    low, high = (float(value) for value in np.quantile(until, [0.5, 0.95], method="higher"))
    return {
        "noticed": float(np.mean(np.isfinite(until))),
        "seeds": seeds,
        "median": low if np.isfinite(low) else None,
        "p95": high if np.isfinite(high) else None,
        "by": max(by, key=by.__getitem__) if by else None,
    }


def table(result: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    unshifted = result["unshifted"]
    lines = [
        "| unshifted | windows | with an alarm | 95 % interval |",
        "| --- | --- | --- | --- |",
    ]
    for key, words in (("alarms", "judged once each"), ("any_look", "at any look of the service")):
        low, high = unshifted[f"{key}_interval"]
        count, windows = unshifted[key], unshifted["windows"]
        lines.append(f"| {words} | {windows} | {count} ({count / windows:.2%}) | {low:.2%} to {high:.2%} |")
    lines += ["", "| shift | strength | noticed | images until the alarm: median | 95 % | by |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for row in result["shifts"]:
        told = ["" if row[key] is None else f"{row[key]:g}" for key in ("strength", "median", "p95")]
        by = (row["by"] or "").replace("_", " ")
        lines.append(f"| {row['shift']} | {told[0]} | {row['noticed']:.0%} | {told[1]} | {told[2]} | {by} |")
    return "\n".join(lines)


def draw(path: Path, result: dict[str, Any]) -> None:
    """Draw how many images come until the alarm: the median as a dot, a line up to the 95 % quantile."""
    rows = result["shifts"][::-1]
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, 1 + 0.22 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for place, row in enumerate(rows):
            middle = row["median"] if row["median"] is not None else result["window"]
            high = row["p95"] if row["p95"] is not None else result["window"]
            color = BLUE if row["noticed"] == 1 else ORANGE
            axes.plot([middle, high], [place, place], color=color, linewidth=2)
            axes.plot([middle], [place], "o", color=color, markersize=5)
            if row["noticed"] < 1:
                axes.text(
                    high + 6, place, f"noticed in {row['noticed']:.0%}", va="center", fontsize=8, color=ORANGE
                )
        names = [f"{row['shift']} {row['strength'] or ''}".strip() for row in rows]
        axes.set_yticks(range(len(rows)), names, fontsize=8)
        axes.axvline(result["window"], color=INK, linestyle="--", linewidth=1)
        axes.set(
            xlim=(0, 1.2 * result["window"]), ylim=(-1, len(rows)), xlabel="shifted images until the alarm"
        )
        axes.set_title("Dot: median; line: up to 95 % of the streams; dashed: a whole window")
        with atomic_write(path) as file:
            figure.savefig(file, format="png", metadata={"Software": None})


if __name__ == "__main__":
    main()
