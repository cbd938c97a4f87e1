"""Serve a Bento with its page: `python -m darkroom.serving [--bento TAG] [--host H] [--port N]`."""

import argparse
import os
import sys
from pathlib import Path

from ..environment import bento_home, prepare_process
from ..machine import cores, memory
from .http.admission import is_loopback
from .process.bento_store import restore_exported, whole_bentos
from .process.supervisor import Supervisor
from .settings import read_settings

PROJECT = Path(__file__).resolve().parents[3]


def main() -> None:
    """Serve the named or the newest Bento of the store; `python -m darkroom deploy` replaces it."""
    parser = argparse.ArgumentParser(
        prog="python -m darkroom.serving", description="Serve a Bento and its page."
    )
    parser.add_argument("--bento", metavar="TAG", help="the Bento to serve (default: the newest)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=3000, help="port to listen on (default: %(default)s)")
    arguments = parser.parse_args()
    prepare_process(PROJECT)
    try:
        usable = (cores(), memory())
        settings = read_settings(os.environ, cores=usable[0].count, memory=usable[1].bytes)
    except ValueError as error:
        sys.exit(str(error))
    if limits := "; ".join(str(each) for each in usable if each.reason):
        print(f"{settings.workers} worker(s); {limits}")
    home = _prepare_home()
    tag = _find_bento(home, arguments.bento)
    try:
        supervisor = Supervisor(home, host=arguments.host, port=arguments.port, workers=settings.workers)
    except OSError as error:
        sys.exit(f"Cannot listen on {arguments.host}:{arguments.port} ({error}): give another --port.")
    if not is_loopback(arguments.host) and not settings.tokens:
        print(
            f"Other machines may reach {arguments.host}, and no token is required: "
            "SECURITY.md lists the settings that protect the service."
        )
    print(
        f"{tag}: the page will be at http://{arguments.host}:{arguments.port} in a few seconds; "
        "Ctrl+C stops the service."
    )
    sys.stdout.flush()
    sys.exit(supervisor.run(tag))


def _prepare_home() -> Path:
    """Set the environment that BentoML reads when it is imported; return its home, which exists then."""
    os.environ.setdefault("OTEL_SDK_DISABLED", "true")  # tracing costs a fifth of a request
    home = bento_home(PROJECT)
    home.mkdir(parents=True, exist_ok=True)
    os.environ["BENTOML_HOME"] = str(home)
    return home


def _find_bento(home: Path, wanted: str | None) -> str:
    """Return the tag of the wanted or the newest Bento of the store; exit with a message without one.

    Where the store has none, the one that the pipeline exported is put into it.
    """
    tags = whole_bentos(home)
    archive = PROJECT / "models/darkroom.bento"
    if not tags and archive.is_file():
        try:
            tags = [restore_exported(archive)]
        except ValueError as error:
            sys.exit(str(error))
    if not tags:
        sys.exit(
            f"There is no Bento in {home}: run `make quickstart` or `dvc repro`; where models/champion is, "
            "`dvc repro -s -f package` builds one of it."
        )
    if wanted and wanted not in tags:
        sys.exit(f"There is no Bento {wanted} in {home}; there are {', '.join(tags)}.")
    return wanted or tags[-1]


if __name__ == "__main__":
    main()
