"""Serve a Bento with its page: `python -m darkroom.serving [--bento TAG] [--host H] [--port N]`."""

import argparse
import os
import sys
from pathlib import Path

from .http.admission import is_loopback
from .process.supervisor import Supervisor
from .settings import read_settings, usable_cores

PROJECT = Path(__file__).resolve().parents[3]


def main() -> None:
    """Serve the newest Bento of the store, or the one named; `python -m darkroom deploy` changes it."""
    parser = argparse.ArgumentParser(
        prog="python -m darkroom.serving", description="Serve a Bento and its page."
    )
    parser.add_argument("--bento", metavar="TAG", help="which one (default: the one built last)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=3000, help="port to listen on (default: %(default)s)")
    options = parser.parse_args()

    os.environ.setdefault("BENTOML_HOME", str(PROJECT / ".bentoml"))
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ.setdefault("OTEL_SDK_DISABLED", "true")  # tracing nobody collects is a fifth of a request
    try:
        settings = read_settings(os.environ, cores=usable_cores())
    except ValueError as error:
        sys.exit(str(error))
    home = Path(os.environ["BENTOML_HOME"]).resolve()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["BENTOML_HOME"] = str(home)

    import bentoml  # reads BENTOML_HOME once, when imported

    stored = sorted(bentoml.bentos.list(), key=lambda bento: bento.info.creation_time)
    tags = [str(bento.tag) for bento in stored]
    if not tags:
        sys.exit(f"There is no Bento in {home} yet: run `make quickstart` or `dvc repro`.")
    if options.bento and options.bento not in tags:
        sys.exit(f"There is no Bento {options.bento} in {home}; there is {', '.join(tags)}.")
    tag = options.bento or tags[-1]
    try:
        supervisor = Supervisor(home, host=options.host, port=options.port, workers=settings.workers)
    except OSError as error:
        sys.exit(f"Cannot listen on {options.host}:{options.port} ({error}): give another --port.")
    if not is_loopback(options.host) and not settings.tokens:
        print(
            f"{options.host} may be reached from other machines, and nobody is asked for a token: "
            "SECURITY.md says what to set."
        )
    print(
        f"{tag}: the page will be at http://{options.host}:{options.port} in a few seconds; Ctrl+C stops it."
    )
    sys.stdout.flush()
    sys.exit(supervisor.run(tag))


if __name__ == "__main__":
    main()
