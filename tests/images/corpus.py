"""Decode every file below a folder, as the service does: `python -m tests.images.corpus FOLDER`.

Meant for the test images of image libraries, which hold what few people ever send, many of them damaged on
purpose. Each file must become pixels at every size, or be refused with a sentence that says what it is. With
`--url` the files are also sent to a running service, which must not answer any of them with 5xx.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import requests

from darkroom.images.decoding import load
from darkroom.images.formats import ImageError, open_image
from darkroom.images.resizing import to_model_input

SIDES = (8, 32, 160, 224, 299)
UNKNOWN = "are not an image in an accepted format"  # the sentence for what nobody recognised
IMAGES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".heic",
    ".heif",
    ".avif",
    ".jp2",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
)
SECONDS = 20  # for one file; none of the known ones takes two
Outcome = tuple[str, str]  # one of decoded, refused, failed and crashed; and what is to be said of it


def files_below(folder: Path) -> list[Path]:
    """Return the files below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def outcome(path: Path) -> Outcome:
    """Decode one file at every size."""
    start = time.perf_counter()
    try:
        image = open_image(path.read_bytes())
        kind = f"{image.format} {image.mode}"
        image = load(image)
        for side in SIDES:
            for channels in (1, 3):
                pixels = to_model_input(image, height=side, width=side, channels=channels)
                assert pixels.shape == (side, side, channels)
                assert pixels.dtype == np.uint8
    except ImageError as error:
        return "refused", f"{error.code}: {error.message}"
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    return ("decoded", kind) if seconds < SECONDS else ("failed", f"took {seconds:.0f} seconds")


def outcomes(paths: list[Path]) -> Iterator[tuple[Path, Outcome]]:
    """Decode files in another process, which a crash of a decoder ends without ending this one."""
    pool: ProcessPoolExecutor | None = None
    for path in paths:
        pool = pool or ProcessPoolExecutor(1, get_context("spawn"))
        try:
            yield path, pool.submit(outcome, path).result()
        except BrokenProcessPool:
            pool = None
            yield path, ("crashed", "the process ended")
    if pool:
        pool.shutdown()


def check(folder: Path) -> tuple[dict[Path, Outcome], str]:
    """Return each file's outcome, and what decoders wrote to stdout and stderr."""
    sys.stdout.flush()
    with tempfile.TemporaryFile() as written:
        kept = os.dup(1), os.dup(2)
        try:
            for number in (1, 2):
                os.dup2(written.fileno(), number)
            found = dict(outcomes(files_below(folder)))
        finally:
            for number, copy in enumerate(kept, 1):
                os.dup2(copy, number)
                os.close(copy)
        written.seek(0)
        return found, written.read().decode(errors="replace")


def problems(found: dict[Path, Outcome], written: str) -> list[str]:
    """Return what must not be: failures, crashes, unexplained refusals, words of decoders on stderr."""
    wrong = [
        f"{path}: {kind}: {text}"
        for path, (kind, text) in found.items()
        if kind in ("failed", "crashed") or (UNKNOWN in text and path.suffix.lower() in IMAGES)
    ]
    return wrong + ([f"decoders wrote {len(written):,} characters: {written[:300]!r}"] if written else [])


def statuses(url: str, paths: list[Path]) -> Counter[int]:
    """Send files to the service at `url`; return how many responses had each status."""
    counts: Counter[int] = Counter()
    with requests.Session() as session:
        for path in paths:
            answer = session.post(f"{url}/predict", files={"image": ("image", path.read_bytes())}, timeout=60)
            counts[answer.status_code] += 1
            if answer.status_code >= 500:
                print(f"{path}: {answer.status_code} {answer.text[:200]}")
    return counts


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with image files, and others")
    parser.add_argument("--url", default="", help="of a running service that the files are sent to as well")
    parser.add_argument("--refused", action="store_true", help="list every refused file")
    arguments = parser.parse_args()
    found, written = check(arguments.folder)
    for path, (kind, text) in found.items() if arguments.refused else ():
        if kind == "refused":
            print(f"{path.relative_to(arguments.folder)}: {text}")
    unknown = [path.name for path, (_, text) in found.items() if UNKNOWN in text]
    print(f"of no kind that is known by name: {', '.join(unknown) or 'none'}")
    counts = Counter(kind if kind != "decoded" else f"decoded {text}" for kind, text in found.values())
    print("\n".join(f"{count:6} {name}" for name, count in sorted(counts.items())))
    wrong = problems(found, written)
    if arguments.url:
        answers = statuses(arguments.url.rstrip("/"), list(found))
        print("responses:", dict(sorted(answers.items())))
        wrong += [f"{count} responses with {status}" for status, count in answers.items() if status >= 500]
    print("\n".join(wrong) or f"{len(found):,} files, no problem")
    sys.exit(1 if wrong or not found else 0)


if __name__ == "__main__":
    main()
