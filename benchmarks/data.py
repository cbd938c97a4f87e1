"""Loading images: ours beside torchvision, timm, Hugging Face datasets, LitData and WebDataset.

`make bench-data` runs it; `python -m benchmarks.data --help` says what can be changed. Each loader has a
process of its own that makes the same batches (64 of 224x224, augmented, standardised) of the same images,
for a first epoch, in which it prepares what it likes, and for later ones. The files are in the page cache.
The loaders take turns within each round, so that their ratios hold although the machine may be busy; where it
is, the CPU time is the better measure. The medians of the rounds are shown.

Memory is the largest sum over a loader's processes, a page that several share counted once: `memory` is what
the system cannot take back, `with files` has the pages of mapped files too.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import data_images
from benchmarks.training import machine
from darkroom.files import write_json
from darkroom.machine import cores
from pipeline import ROOT

RESULTS = Path(__file__).parent / "results" / "data.json"
PEERS = ROOT / ".venv/loaders/bin/python"
ARCHIVES = [ROOT.parent / "shared/data" / name for name in ("hands.zip", "land-use.zip")]
OURS, DECODER, RESIZED = "ours", "decoder", "decoder and resize"
OF_THIS_PROJECT = (OURS, DECODER, RESIZED)
OTHERS = ("torchvision", "torchvision-pillow", "timm", "datasets", "litdata", "webdataset", "litdata-pixels")
STORES_PIXELS = ("litdata-pixels",)  # decodes once, as ours does: its users have to write that themselves
LOOK_S = 0.2  # between two looks at the memory
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
GOALS = {"first": 1.5, "later": 10.0, "scan": 0.8}


@dataclass(frozen=True)
class Images:
    """Images that are loaded: their name, and the folder with train, val and test."""

    name: str
    folder: Path

    def files(self) -> list[Path]:
        """Return all files."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


def main() -> None:
    """Measure, print the tables, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help="made JPEGs of 500x375; 0 leaves them out")
    parser.add_argument(
        "--archives", type=Path, nargs="*", default=[path for path in ARCHIVES if path.is_file()]
    )
    parser.add_argument("--most", type=int, default=1_000_000, help="images of an archive at most")
    parser.add_argument("--loaders", nargs="+", default=[*OF_THIS_PROJECT, *OTHERS], metavar="NAME")
    parser.add_argument("--later", type=int, default=2, help="epochs after the first (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default %(default)s)")
    parser.add_argument(
        "--growth", action=argparse.BooleanOptionalAction, default=True, help="memory of ours by number"
    )
    parser.add_argument("--peers", type=Path, default=PEERS, help="Python with requirements/loaders.lock")
    parser.add_argument("--scratch", type=Path, help="folder for images and what loaders write; about 12 GB")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    check(options)
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-", dir=options.scratch) as scratch:
        sources = write_images(options, Path(scratch))
        results: dict[str, Any] = {
            "machine": machine(),
            "workers": cores().count,
            "repeats": options.repeats,
            "runs": measure(sources, options, Path(scratch)),
        }
        if options.growth and options.images and OURS in options.loaders:
            results["growth"] = growth(options, Path(scratch))
    results["summary"] = summarise(results["runs"])
    write_json(options.results, results)
    print("\n" + table(results["summary"]) + "\n\n" + ratios(results["summary"]))
    for row in results.get("growth", []):
        print(
            f"ours with {row['images']:,} images: {row['memory'] / 1e6:.0f} MB, "
            f"{row['with_files'] / 1e6:.0f} MB with files"
        )


def check(options: argparse.Namespace) -> None:
    """End with a sentence where the arguments cannot be measured."""
    if unknown := set(options.loaders) - {*OF_THIS_PROJECT, *OTHERS}:
        sys.exit(
            f"--loaders has {', '.join(sorted(unknown))}: there are {', '.join((*OF_THIS_PROJECT, *OTHERS))}"
        )
    if set(options.loaders) & set(OTHERS) and not options.peers.is_file():
        sys.exit(f"{options.peers} is missing, which has the other loaders: make bench-data makes it")
    if not options.images and not options.archives:
        sys.exit("There is nothing to load: give --images or --archives")
    if 0 < options.images < 2 * 64:
        sys.exit(f"--images is {options.images}: at least {2 * 64}, two batches, are needed")


def write_images(options: argparse.Namespace, scratch: Path) -> list[Images]:
    """Write the images to load; return where they are."""
    sources = []
    for archive in options.archives:
        data_images.unpack(archive, scratch / archive.stem, most=options.most)
        sources.append(Images(archive.stem, scratch / archive.stem))
    if options.images:
        data_images.make(scratch / "made", options.images, workers=cores().count)
        sources.append(Images("made", scratch / "made"))
    return sources


def measure(sources: Sequence[Images], options: argparse.Namespace, scratch: Path) -> list[dict[str, Any]]:
    """Return a row a source, round and loader."""
    runs = []
    for images in sources:
        for number in range(options.repeats):
            for loader in options.loaders:
                run = load(loader, images, options, scratch)
                runs.append({"source": images.name, "loader": loader, "round": number, **run})
                epochs = ", ".join(f"{row['seconds']:.1f}" for row in run["epochs"])
                print(f"{images.name}, round {number + 1}, {loader}: epochs of {epochs} s", flush=True)
    return runs


def growth(options: argparse.Namespace, scratch: Path) -> list[dict[str, Any]]:
    """Return the memory of ours for a quarter, a half and all of the made images."""
    rows = []
    for part in (4, 2, 1):
        count = max(128, options.images // part)
        folder = scratch / f"growth-{count}"
        data_images.make(folder, count, workers=cores().count)
        run = load(OURS, Images("made", folder), options, scratch)
        rows.append({"images": count, **{key: run[key] for key in ("memory", "with_files")}})
    return rows


# --- one measurement ------------------------------------------------------------------------------------


def load(loader: str, images: Images, options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Let a loader go through its epochs in a process of its own; return them, and its memory in bytes."""
    for path in images.files():  # into the page cache
        path.read_bytes()
    ours = loader in OF_THIS_PROJECT
    code = ["-m", "benchmarks.data_ours"] if ours else ["-P", str(Path(__file__).with_name("loaders.py"))]
    folder = images.folder if ours else images.folder / "train"
    with tempfile.TemporaryDirectory(prefix="loader-", dir=scratch) as own:
        command = [sys.executable if ours else str(options.peers), *code, loader, "--images", str(folder)]
        command += ["--scratch", own, "--epochs", str(1 + options.later), "--workers", str(cores().count)]
        environment = {key: value for key, value in os.environ.items() if key not in THREADS}
        if not ours:
            environment.pop("PYTHONPATH", None)
        log = Path(own) / "errors"
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
            ) as process,
        ):
            watch = Watch(process.pid)
            assert process.stdout
            lines = process.stdout.read().splitlines()
            watch.stop()
        if process.returncode:
            sys.exit(f"{loader} ended with {process.returncode}:\n{log.read_text(errors='replace')[-3000:]}")
    epochs = [json.loads(line) for line in lines if line.startswith('{"seconds"')]
    return {"epochs": epochs, "memory": watch.memory, "with_files": watch.with_files}


class Watch:
    """A thread that looks at the memory of a process and of what it started.

    Attributes:
        memory: largest sum that was seen of what the system cannot take back, in bytes.
        with_files: largest sum with the pages of files that are mapped, in bytes.
    """

    def __init__(self, pid: int) -> None:
        self.memory = self.with_files = 0
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            try:
                family = [self._process, *self._process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            sizes = [resident(process) for process in family]
            self.memory = max(self.memory, sum(kept for kept, _ in sizes))
            self.with_files = max(self.with_files, sum(every for _, every in sizes))


def resident(process: psutil.Process) -> tuple[int, int]:
    """Return a process's memory in bytes without and with mapped files, its share of what others have too."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:  # it has ended, or the system is not Linux
        try:
            rss = int(process.memory_info().rss)
        except psutil.Error:
            rss = 0
        return rss, rss
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in text.splitlines()[1:]}
    return sizes.get("Pss_Anon", 0) + sizes.get("Pss_Shmem", 0), sizes["Pss"]


# --- telling --------------------------------------------------------------------------------------------


def summarise(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the medians over the rounds, a row a source and loader.

    `first` and `later` are images a second of these epochs, `first_cpu` and `later_cpu` CPU milliseconds an
    image; `scan` and `scan_cpu` those of ours' scan alone. What was not measured is None.
    """
    rows = []
    for source, loader in dict.fromkeys((run["source"], run["loader"]) for run in runs):
        mine = [run for run in runs if (run["source"], run["loader"]) == (source, loader)]
        first = [run["epochs"][0] for run in mine]
        later = [row for run in mine for row in run["epochs"][1:]]
        scans = [{**row["parts"]["scan"], "images": row["scanned"]} for row in first if "parts" in row]
        rows.append(
            {
                "source": source,
                "loader": loader,
                "images": first[0]["images"],
                "first": speed(first),
                "first_cpu": cpu(first),
                "later": speed(later),
                "later_cpu": cpu(later),
                "scan": speed(scans),
                "scan_cpu": cpu(scans),
                "memory": statistics.median(run["memory"] for run in mine),
                "with_files": statistics.median(run["with_files"] for run in mine),
            }
        )
    return rows


def speed(epochs: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the median of the images a second; None without any."""
    return statistics.median(row["images"] / row["seconds"] for row in epochs) if epochs else None


def cpu(epochs: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the median of the CPU milliseconds an image; None without any."""
    return statistics.median(1000 * row["cpu_seconds"] / row["images"] for row in epochs) if epochs else None


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the summary as a Markdown table."""
    lines = [
        "| images | loader | first epoch, images/s | later | CPU an image | later | memory | with files |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        speeds = " | ".join("–" if row[key] is None else f"{row[key]:.0f}" for key in ("first", "later"))
        used = " | ".join(
            "–" if row[key] is None else f"{row[key]:.2f} ms" for key in ("first_cpu", "later_cpu")
        )
        memory = f"{row['memory'] / 1e6:.0f} MB | {row['with_files'] / 1e6:.0f} MB"
        lines.append(
            f"| {row['images']:,} {row['source']} | {row['loader']} | {speeds} | {used} | {memory} |"
        )
    return "\n".join(lines)


def ratios(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say how many times the fastest other loader ours is, and what the scan is of the decoder alone."""
    lines = []
    for source in dict.fromkeys(row["source"] for row in rows):
        found = {row["loader"]: row for row in rows if row["source"] == source}
        ours = found.get(OURS)
        if ours is None:
            continue
        for key, name in (("first", "First epoch"), ("later", "Later epochs")):
            for told, others in (
                ("the fastest that keeps JPEGs", [n for n in OTHERS if n not in STORES_PIXELS]),
                ("the fastest that keeps pixels", STORES_PIXELS),
            ):
                there = [found[other] for other in others if other in found and found[other][key]]
                if not there or not ours[key]:
                    continue
                fastest = max(there, key=lambda row: row[key])
                lines.append(
                    f"{source}: {name.lower()}, {ours[key] / fastest[key]:.2f} times {told}, "
                    f"{fastest['loader']} (by CPU time {fastest[f'{key}_cpu'] / ours[f'{key}_cpu']:.2f}); "
                    f"the goal is {GOALS[key]:g}."
                )
        for other in (DECODER, RESIZED):
            if other in found:
                share, used = (
                    ours["scan"] / found[other]["first"],
                    found[other]["first_cpu"] / ours["scan_cpu"],
                )
                goal = f"; the goal is {GOALS['scan']:g}" if other == DECODER else ""
                lines.append(
                    f"{source}: the scan is {share:.2f} of {other} alone (by CPU time {used:.2f}){goal}."
                )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
