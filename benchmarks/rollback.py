"""How long a rollback takes: `python -m benchmarks.rollback`.

It measures in registries of its own: a sqlite file, and with --servers (in the environment of `make
test-servers`) MLflow's server before PostgreSQL, on this machine. It times the whole command, from the
start of Python to its end, and the rollback alone.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from mlflow.tracking import MlflowClient

from darkroom.machine import cores
from darkroom.registry.champion import promote, rollback
from darkroom.registry.mlflow_store import MlflowStore
from darkroom.registry.store import open_store

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollback", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="rollbacks of each kind (default 10)")
    parser.add_argument("--servers", action="store_true", help="on MLflow's server too")
    arguments = parser.parse_args()
    print(f"{cores()}; seconds, median and worst of {arguments.times}")
    print(f"{'registry':<12}{'whole command':>20}{'the rollback alone':>22}")
    with tempfile.TemporaryDirectory() as folder:
        measure("sqlite", f"sqlite:///{Path(folder) / 'mlflow.db'}", arguments.times)
    if arguments.servers:
        from tests.helpers.servers import servers

        with servers() as running:
            measure("the server", running.uri, arguments.times)


def measure(what: str, uri: str, times: int) -> None:
    """Print how long rollbacks take in the registry at `uri`."""
    whole, own = commands(uri, champions(uri, times + 1), times), calls(uri, champions(uri, times), times)
    print(f"{what:<12}{median_and_worst(whole):>20}{median_and_worst(own):>22}", flush=True)


def champions(uri: str, changes: int) -> str:
    """Register a model whose two versions were champion in turn, `changes` times; return its name."""
    client, name = MlflowClient(uri), f"rollback-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(name)
    for _ in range(2):
        client.create_model_version(name, source="s3://nowhere/model")
    for change in range(changes + 1):
        promote(MlflowStore(uri), name, str(change % 2 + 1), why="to be rolled back")
    return name


def commands(uri: str, name: str, times: int) -> list[float]:
    """Return the seconds of each `python -m darkroom rollback` but the first, which compiles bytecode."""
    took = []
    command = [sys.executable, "-m", "darkroom", "--uri", uri, "--name", name, "rollback"]
    for _ in range(times + 1):
        started = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - started)
    return took[1:]


def calls(uri: str, name: str, times: int) -> list[float]:
    """Return the seconds of each rollback in this process."""
    store = open_store(uri)
    took = []
    for _ in range(times):
        started = time.perf_counter()
        rollback(store, name, why="timed")
        took.append(time.perf_counter() - started)
    return took


def median_and_worst(took: list[float]) -> str:
    """Return the median and the worst of some seconds."""
    return f"{statistics.median(took):.3f}, {max(took):.3f}"


if __name__ == "__main__":
    main()
