"""How often the drift monitor raises a false alarm, and how soon it detects a shift: `make bench-drift`.

The exported model and its reference are used as they are; the reference's thresholds come from validation
images alone. Test images, which neither has seen, are streamed in random orders: unchanged, to count false
alarms, and changed from some image on, to count the images until the alarm. Nothing is timed, so other
programs may run at the same time.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from tqdm import tqdm

from darkroom.data.splits import open_split
from darkroom.evaluation.corruptions import CORRUPTIONS
from darkroom.evaluation.corruptions.apply import corrupt
from darkroom.evaluation.intervals import wilson_interval
from darkroom.files import read_json, write_json
from darkroom.reporting.figures.style import BLUE, INK, ORANGE, WIDTH, open_png
from darkroom.serving.monitoring.drift_score import CHECK_EVERY, WINDOW
from darkroom.serving.monitoring.reference import Reference
from darkroom.serving.monitoring.reference_file import read_reference
from darkroom.serving.prediction.runtime import Graph
from pipeline import DATA, MODELS, ROOT

RESULTS = Path(__file__).parent / "results" / "drift.json"
FIGURE = ROOT / "docs" / "drift.png"
STRENGTHS = (1, 2, 3, 5)
Images = NDArray[np.uint8]
Rows = NDArray[np.float32]
Describe = Callable[[Images], Rows]  # images to the reference's feature rows
Shift = Callable[[Images, Describe], Rows]  # test images to the rows of shifted ones


def main() -> None:
    """Measure, print the tables, write the results and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--exported", type=Path, default=MODELS / "exported", help="folder of model and reference"
    )
    parser.add_argument(
        "--images", type=int, default=1500, help="test images of each shift (default %(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=50, help="streams of each shift (default %(default)s)")
    parser.add_argument(
        "--orders",
        type=int,
        default=40,
        help="random orders of all unshifted test images (default %(default)s)",
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--figure", type=Path, default=FIGURE)
    options = parser.parse_args()
    path = options.exported / "reference.json"
    if not path.is_file():
        sys.exit(f"{path} does not exist: run `dvc repro export`, which writes it")
    about = read_json(options.exported / "model.json")
    reference = read_reference(path, sha256=about["sha256"])
    graph = Graph((options.exported / "model.onnx").read_bytes(), precision=about["precision"])
    test = open_split(DATA / "test")

    def describe(images: Images) -> Rows:
        return reference.describe(images, graph.explain(images))

    unshifted = describe(np.asarray(test.images))
    alarms = false_alarms(reference, unshifted, orders=options.orders)
    chosen = np.random.default_rng(0).permutation(len(test))[: options.images]
    shifts = []
    kinds = all_shifts(test.labels, unshifted, len(reference.classes))
    for name, strength, shift in tqdm(kinds, desc="shifts"):
        shifted = shift(np.asarray(test.images[chosen]), describe)
        detected = detection(reference, unshifted, shifted, seeds=options.seeds)
        shifts.append({"shift": name, "strength": strength, **detected})
    result = {
        "data": about["name"],
        "precision": graph.precision,
        "reference_images": reference.images,
        "window": WINDOW,
        "every": CHECK_EVERY,
        "unshifted": alarms,
        "shifts": shifts,
    }
    write_json(options.results, result)
    draw(options.figure, result)
    print(table(result))


def all_shifts(
    labels: NDArray[np.int64], unshifted: Rows, classes: int
) -> list[tuple[str, int | None, Shift]]:
    """Return the name, the strength and the function of every shift.

    Args:
        labels: of all test images, `[N]`.
        unshifted: their rows, `[N, columns]`, which shifts of the class mix select from.
        classes: number of classes.
    """

    def corrupted(name: str, strength: int) -> Shift:
        return lambda images, describe: describe(corrupt(images, name, strength, seed=1))

    def half_foggy(images: Images, describe: Describe) -> Rows:
        half = len(images) // 2
        return np.concatenate([describe(corrupt(images[:half], "fog", 3, seed=1)), describe(images[half:])])

    def darker(share: float) -> Shift:
        return lambda images, describe: describe(np.rint(images * share).astype(np.uint8))

    def grey(images: Images, describe: Describe) -> Rows:
        mean = np.rint(images.mean(axis=3, keepdims=True)).astype(np.uint8)
        return describe(np.repeat(mean, images.shape[3], axis=3))

    def digits(images: Images, describe: Describe) -> Rows:
        height, width, channels = images.shape[1:]
        drawings = [Image.fromarray(np.uint8(digit * 255 / 16)) for digit in load_digits().images]
        drawn = [
            np.asarray(drawing.resize((width, height), Image.Resampling.BICUBIC)) for drawing in drawings
        ]
        return describe(np.repeat(np.stack(drawn)[..., None], channels, axis=3))

    def static(images: Images, describe: Describe) -> Rows:
        return describe(np.random.default_rng(2).integers(0, 256, images.shape, dtype=np.uint8))

    return [
        *((name, strength, corrupted(name, strength)) for name in CORRUPTIONS for strength in STRENGTHS),
        ("darker by 10 %", None, darker(0.9)),
        ("darker by 30 %", None, darker(0.7)),
        ("no colour", None, grey),
        ("half of them in fog (3)", None, half_foggy),
        ("half of the classes only", None, lambda *_: unshifted[labels < (classes + 1) // 2]),
        ("one class twice as often", None, lambda *_: np.concatenate([unshifted, unshifted[labels == 0]])),
        (
            "one class three times as often",
            None,
            lambda *_: np.concatenate([unshifted, *[unshifted[labels == 0]] * 2]),
        ),
        ("handwritten digits", None, digits),
        ("noise and nothing else", None, static),
    ]


def false_alarms(reference: Reference, rows: Rows, *, orders: int) -> dict[str, Any]:
    """Count alarms on unshifted images in random orders.

    Returns:
        `windows`: how many windows were checked; those of one order do not overlap.
        `alarms`: how many of them raise an alarm if each is checked once, at its end.
        `any_look`: how many do if every check of the service counts.
        `alarms_interval`, `any_look_interval`: 95 % Wilson intervals of the two shares.
    """
    alarms = any_check = windows = 0
    for order in tqdm(range(orders), desc="unshifted"):
        stream = rows[np.random.default_rng(1000 + order).permutation(len(rows))]
        for start in range(0, len(stream) - WINDOW + 1, WINDOW):
            ends = range(max(WINDOW, start + CHECK_EVERY), start + WINDOW + 1, CHECK_EVERY)
            largest = [max(reference.scores(stream[end - WINDOW : end]).values()) for end in ends]
            windows += 1
            alarms += largest[-1] >= 1
            any_check += max(largest) >= 1
    return {
        "windows": windows,
        "orders": orders,
        "alarms": int(alarms),
        "alarms_interval": list(wilson_interval(int(alarms), windows)),
        "any_look": int(any_check),
        "any_look_interval": list(wilson_interval(int(any_check), windows)),
    }


def detection(reference: Reference, unshifted: Rows, shifted: Rows, *, seeds: int) -> dict[str, Any]:
    """Stream a window of unshifted images and then shifted ones, `seeds` times, until an alarm or the end.

    Returns:
        `noticed`: the share of streams with an alarm within `WINDOW` shifted images.
        `median`, `p95`: quantiles of the shifted images until the alarm; None if fewer streams had one.
        `by`: the statistic that was highest at most alarms; None without an alarm.
    """
    until: list[float] = []
    by: dict[str, int] = {}
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        before = unshifted[generator.permutation(len(unshifted))[:WINDOW]]
        stream = np.concatenate([before, shifted[generator.permutation(len(shifted))[:WINDOW]]])
        until.append(np.inf)
        for end in range(WINDOW + CHECK_EVERY, len(stream) + 1, CHECK_EVERY):
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
    """Return the result as Markdown tables."""
    unshifted = result["unshifted"]
    lines = [
        "| unshifted | windows | with an alarm | 95 % interval |",
        "| --- | --- | --- | --- |",
    ]
    for key, words in (("alarms", "checked once each"), ("any_look", "at any check of the service")):
        low, high = unshifted[f"{key}_interval"]
        count, windows = unshifted[key], unshifted["windows"]
        lines.append(f"| {words} | {windows} | {count} ({count / windows:.2%}) | {low:.2%} to {high:.2%} |")
    lines += ["", "| shift | strength | noticed | images until the alarm: median | 95 % | by |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for row in result["shifts"]:
        cells = ["" if row[key] is None else f"{row[key]:g}" for key in ("strength", "median", "p95")]
        by = (row["by"] or "").replace("_", " ")
        lines.append(
            f"| {row['shift']} | {cells[0]} | {row['noticed']:.0%} | {cells[1]} | {cells[2]} | {by} |"
        )
    return "\n".join(lines)


def draw(path: Path, result: dict[str, Any]) -> None:
    """Draw the images until the alarm: a dot at the median, a line up to the 95 % quantile."""
    rows = result["shifts"][::-1]
    window = result["window"]
    with open_png(path, WIDTH, 1 + 0.22 * len(rows)) as figure:
        axes = figure.add_subplot()
        for place, row in enumerate(rows):
            middle = row["median"] if row["median"] is not None else window
            high = row["p95"] if row["p95"] is not None else window
            color = BLUE if row["noticed"] == 1 else ORANGE
            axes.plot([middle, high], [place, place], color=color, linewidth=2)
            axes.plot([middle], [place], "o", color=color, markersize=5)
            if row["noticed"] < 1:
                text = f"noticed in {row['noticed']:.0%}"
                axes.text(high + 6, place, text, va="center", fontsize=8, color=ORANGE)
        names = [f"{row['shift']} {row['strength'] or ''}".strip() for row in rows]
        axes.set_yticks(range(len(rows)), names, fontsize=8)
        axes.axvline(window, color=INK, linestyle="--", linewidth=1)
        axes.set(xlim=(0, 1.2 * window), ylim=(-1, len(rows)), xlabel="shifted images until the alarm")
        axes.set_title("Dot: median; line: up to 95 % of the streams; dashed: a whole window")


if __name__ == "__main__":
    main()
