"""Our service beside `mlflow models serve`, what people write (FastAPI and torch), and the limit.

`make bench-serve` runs it; `python -m benchmarks.serving --help` says what can be changed. All servers
answer for the same model and the same PNG files, on the same cores as the load generator (wrk, from the
system's packages), and take turns within each round, so that their ratios hold although the machine may
be busy. The limit is an app without any framework that decodes the image and calls the same runtime.
MLflow's server takes no uploads: it gets the decoded pixels as JSON, and is spared the decoding and the
heat maps, which would make its answers long.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter
from numpy.typing import NDArray

from benchmarks.training import machine
from darkroom.files import atomic_write, read_json, write_json
from darkroom.machine import cores
from darkroom.reporting.figures.style import BLUE, INK, ORANGE, SOFT, STYLE
from darkroom.serving.process.bento import bento_version, build_bento
from pipeline import ROOT

RESULTS = Path(__file__).parent / "results" / "serving.json"
IMAGE = ROOT / "docs" / "serving.png"
SCRIPT = Path(__file__).parent / "servers" / "post.lua"
OURS, MLFLOW, USUAL, LIMIT = "ours", "mlflow models serve", "FastAPI and torch", "the limit"
IMAGES = 64
BOUNDARY = "darkroom-benchmark"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass(frozen=True)
class Server:
    """A server that runs: where and with what bodies it is asked, its first process, how long it took."""

    name: str
    url: str
    kind: str
    bodies: Path
    process: psutil.Process
    start_seconds: float


def main() -> None:
    """Measure, print the table, and write it and its image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--champion", type=Path, default=ROOT / "models/champion", help="what is served")
    parser.add_argument(
        "--models", type=Path, default=ROOT / "models", help="the same model's weights, for torch"
    )
    parser.add_argument(
        "--random", action="store_true", help="a net of params.yaml's shape with random weights"
    )
    parser.add_argument("--servers", nargs="+", default=[OURS, LIMIT, USUAL, MLFLOW], metavar="NAME")
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 8, 32, 128])
    parser.add_argument(
        "--overload", type=int, default=512, help="connections to overload ours; 0 leaves it out"
    )
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="the median is taken (default %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--image", type=Path, default=IMAGE)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("The load generator wrk is not installed: apt-get install wrk (or brew install wrk).")
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        champion, models = options.champion, options.models
        if options.random:
            champion, models = random_model(folder / "random")
        if not (champion / "model.json").is_file():
            sys.exit(f"There is no champion in {champion}: run `dvc repro`, or measure with --random.")
        about = read_json(champion / "model.json")
        bodies = write_bodies(folder, images_of(about))
        servers = [
            stack.enter_context(START[name](folder, champion, models, bodies)) for name in options.servers
        ]
        check_answers(servers, folder, about)
        results = {
            "machine": machine(),
            "model": {
                key: about.get(key)
                for key in ("name", "version", "architecture", "views", "precision", "sha256")
            }
            | {"random": options.random},
            "start_seconds": {server.name: server.start_seconds for server in servers},
            "seconds": options.seconds,
            "rounds": options.rounds,
            "runs": measure(servers, options),
        }
        ours = next((server for server in servers if server.name == OURS), None)
        if options.overload and ours:
            results["overload"] = overload(ours, options.overload, options.seconds)
    results["summary"] = summarise(results["runs"])
    write_json(options.results, results)
    draw(options.image, results["summary"])
    print("\n" + table(results["summary"]) + "\n\n" + ratios(results["summary"]))
    if "overload" in results:
        print(told_overload(results["overload"]))


# --- the model and the images ----------------------------------------------------------------------


def random_model(folder: Path) -> tuple[Path, Path]:
    """Write a net of params.yaml's shape with random weights, as graph and for torch; return both folders."""
    import torch
    from safetensors.torch import save_file

    from darkroom.config import load_params
    from darkroom.files import sha256_file
    from darkroom.models.classifier import build_classifier
    from darkroom.models.exporting.onnx_graph import export_onnx
    from darkroom.training.start import OF_BACKBONES

    params = load_params(ROOT / "params.yaml")
    classes = [f"class {number}" for number in range(10)]
    shape = {"channels": 3, "height": 32, "width": 32}
    config = params.model.model_dump(mode="json", exclude=OF_BACKBONES) | shape
    config |= {"classes": classes, "mean": [0.49, 0.48, 0.45], "std": [0.25, 0.24, 0.26]}
    torch.manual_seed(0)
    classifier = build_classifier(config)
    champion = folder / "champion"
    champion.mkdir(parents=True)
    export_onnx(classifier, champion / "model.onnx", height=32, width=32, channels=3)
    save_file(classifier.state_dict(), folder / "model.safetensors")
    write_json(folder / "model_config.json", config)
    about = {"name": "random", "version": "0", "classes": classes, **shape, "precision": "bf16"}
    about |= {"architecture": config["architecture"], "views": config["views"]}
    about |= {"sha256": sha256_file(champion / "model.onnx"), "parameters": 0, "run_id": "0" * 32}
    about["test"] = {"accuracy": 0.1, "interval": [0.09, 0.11], "images": 0}
    write_json(champion / "model.json", about)
    return champion, folder


def images_of(about: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Return uint8 [64,H,W,C] images of the model's size: smooth, as photographs are, with some noise."""
    random = np.random.default_rng(0)
    height, width, channels = about["height"], about["width"], about["channels"]
    y, x = np.mgrid[0 : 1 : 1j * height, 0 : 1 : 1j * width]
    waves = random.uniform(0, 255, (IMAGES, 1, 1, channels)) * np.sin(
        random.uniform(1, 9, (IMAGES, 1, 1, channels)) * (x + 2 * y)[None, :, :, None]
    )
    images: NDArray[np.uint8] = np.clip(128 + waves / 2 + random.normal(0, 8, waves.shape), 0, 255).astype(
        np.uint8
    )
    return images


def write_bodies(folder: Path, images: NDArray[np.uint8]) -> dict[str, Path]:
    """Write each image as the body of a form and of MLflow's JSON; return the two folders."""
    from darkroom.images.resizing import to_png

    folders = {"form": folder / "form", "json": folder / "json"}
    for made in folders.values():
        made.mkdir()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    head += "Content-Type: image/png\r\n\r\n"
    for number, pixels in enumerate(images):
        form = head.encode() + to_png(pixels) + f"\r\n--{BOUNDARY}--\r\n".encode()
        (folders["form"] / str(number)).write_bytes(form)
        content = json.dumps({"inputs": pixels[None].tolist()}, separators=(",", ":"))
        (folders["json"] / str(number)).write_text(content)
    return folders


# --- the servers -------------------------------------------------------------------------------------


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    path: str,
    probe: str,
    kind: str,
    bodies: Path,
    log: Path,
    port: int,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Start a server and wait until it answers at `probe`; stop it at the end."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **(environment or {})},
            start_new_session=True,
        )
        started = time.monotonic()
        try:
            deadline = started + 180
            while True:
                try:
                    if requests.get(f"http://127.0.0.1:{port}{probe}", timeout=5).status_code < 500:
                        break
                except requests.RequestException:
                    pass
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{name} does not start:\n{log.read_text()[-4000:]}")
                time.sleep(0.1)
            took = time.monotonic() - started
            print(f"{name} answers {took:.1f} s after its start", flush=True)
            yield Server(
                name, f"http://127.0.0.1:{port}{path}", kind, bodies, psutil.Process(process.pid), took
            )
        finally:
            everyone = _family(psutil.Process(process.pid)) if process.poll() is None else []
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
            for other in everyone:
                if other.is_running() and other.pid != process.pid:
                    other.kill()


@contextmanager
def start_ours(folder: Path, champion: Path, models: Path, bodies: Mapping[str, Path]) -> Iterator[Server]:
    """Build the Bento and serve it as `make serve` does."""
    project, home = folder / "project", folder / "home"
    for name in ("bentofile.yaml", "requirements/serve.txt"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    shutil.copytree(ROOT / "src", project / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(champion, project / "models/champion")
    version = bento_version(project, "0")
    built = build_bento(
        project, name="darkroom-benchmark", version=version, archive=folder / "x.bento", home=home
    )
    port = free_port()
    command = [sys.executable, "-m", "darkroom.serving", "--bento", built["tag"], "--port", str(port)]
    with running(
        OURS,
        command,
        path="/predict",
        probe="/readyz",
        kind=FORM,
        bodies=bodies["form"],
        log=folder / "ours.log",
        port=port,
        environment={"BENTOML_HOME": str(home)},
    ) as server:
        yield server


@contextmanager
def start_mlflow(folder: Path, champion: Path, models: Path, bodies: Mapping[str, Path]) -> Iterator[Server]:
    """Save the graph as an MLflow model, as the registry does, and serve it."""
    import mlflow.onnx
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    about = read_json(champion / "model.json")
    shape = (-1, about["height"], about["width"], about["channels"])
    signature = ModelSignature(
        Schema([TensorSpec(np.dtype(np.uint8), shape)]),
        Schema([TensorSpec(np.dtype(np.float32), (-1, len(about["classes"])))]),
    )
    graph = onnx.load(champion / "model.onnx")
    del graph.graph.output[1:]  # what is not asked for is not computed
    mlflow.onnx.save_model(graph, folder / "mlflow", signature=signature, pip_requirements=["onnxruntime"])
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder / "mlflow")]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(cores().count)]
    with running(
        MLFLOW,
        command,
        path="/invocations",
        probe="/ping",
        kind="application/json",
        bodies=bodies["json"],
        log=folder / "mlflow.log",
        port=port,
    ) as server:
        yield server


@contextmanager
def start_usual(folder: Path, champion: Path, models: Path, bodies: Mapping[str, Path]) -> Iterator[Server]:
    """Serve the weights by FastAPI and torch, by uvicorn's command."""
    about, weights = read_json(champion / "model.json"), folder / "usual"
    weights.mkdir()
    for name in ("model.safetensors", "model_config.json", "calibration.json"):
        if (models / name).is_file():
            shutil.copy(models / name, weights / name)
    write_json(weights / "size.json", [about["height"], about["width"]])
    with uvicorn_app(USUAL, "benchmarks.servers.usual:app", folder, weights, bodies, workers=1) as server:
        yield server


@contextmanager
def start_limit(folder: Path, champion: Path, models: Path, bodies: Mapping[str, Path]) -> Iterator[Server]:
    """Serve the graph by a bare app, by uvicorn, in one process a core, connections shared out evenly."""
    with uvicorn_app(
        LIMIT,
        "benchmarks.servers.limit:app",
        folder,
        champion,
        bodies,
        workers=cores().count,
        loop="darkroom.serving.http.listening:Loop",
    ) as server:
        yield server


@contextmanager
def uvicorn_app(
    name: str,
    app: str,
    folder: Path,
    model: Path,
    bodies: Mapping[str, Path],
    *,
    workers: int,
    loop: str = "auto",
) -> Iterator[Server]:
    """Serve an app of ours by uvicorn."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--workers", str(workers)]
    command += ["--no-access-log", "--log-level", "warning", "--loop", loop]
    probe = "/docs" if name == USUAL else "/"
    log = folder / f"{app.split(':')[0]}.log"
    with running(
        name,
        command,
        path="/predict",
        probe=probe,
        kind=FORM,
        bodies=bodies["form"],
        log=log,
        port=port,
        environment={"DARKROOM_BENCH": str(model)},
    ) as server:
        yield server


START = {OURS: start_ours, LIMIT: start_limit, USUAL: start_usual, MLFLOW: start_mlflow}


def check_answers(servers: Sequence[Server], folder: Path, about: Mapping[str, Any]) -> None:
    """Make sure that all give the same answer to each image, near enough."""
    for number in range(8):
        seen = {}
        for server in servers:
            body = (server.bodies / str(number)).read_bytes()
            answer = requests.post(server.url, data=body, headers={"Content-Type": server.kind}, timeout=60)
            if answer.status_code != 200:
                sys.exit(f"{server.name} answers {answer.status_code}: {answer.text[:500]}")
            if server.name == MLFLOW:
                answers = answer.json()["predictions"]
                (probabilities,) = answers["probabilities"] if isinstance(answers, dict) else answers
                seen[server.name] = max(probabilities)
            else:
                seen[server.name] = answer.json()["classes"][0]["probability"]
        if max(seen.values()) - min(seen.values()) > 0.05:
            sys.exit(f"The servers do not answer for the same model: image {number} gets {seen}.")


# --- measuring ---------------------------------------------------------------------------------------


def measure(servers: Sequence[Server], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row a server, number of connections and round."""
    runs = []
    for server in servers:
        load(server, 8, min(2.0, options.seconds))  # warm
    for number in range(options.rounds):
        for connections in options.connections:
            for server in servers:
                run = load(server, connections, options.seconds)
                runs.append({"server": server.name, "connections": connections, "round": number, **run})
                print(
                    f"round {number + 1}, {connections:3} connections, {server.name}: "
                    f"{run['requests_per_second']:.0f} requests/s, p99 {run['p99']:.0f} ms",
                    flush=True,
                )
    return runs


def load(server: Server, connections: int, seconds: float) -> dict[str, Any]:
    """Keep so many connections busy for a while; return what was measured.

    `requests_per_second` counts answers of 2xx; p50, p95 and p99 are in milliseconds, of all answers;
    `cpu_milliseconds` are the server's, of all its processes, for each request.
    """
    before = cpu_seconds(server.process)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "60s"]
    command += ["-s", str(SCRIPT), server.url, "--", str(server.bodies), str(IMAGES), server.kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        sys.exit(f"wrk failed on {server.name}:\n{done.stdout}{done.stderr}")
    run: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    used = cpu_seconds(server.process) - before
    run["requests_per_second"] = (run["requests"] - run["refused"]) / run["seconds"]
    run["cpu_milliseconds"] = 1000 * used / max(1, run["requests"])
    wait_until_idle(server)
    return run


def wait_until_idle(server: Server) -> None:
    """Wait while a server works on what it was asked and nobody waits for, or the next one would suffer."""
    deadline = time.monotonic() + 60
    while True:
        before = cpu_seconds(server.process)
        time.sleep(0.5)
        if cpu_seconds(server.process) - before < 0.05:
            return
        if time.monotonic() > deadline:
            sys.exit(f"{server.name} is still busy a minute after its last request.")


def overload(server: Server, connections: int, seconds: float) -> dict[str, Any]:
    """Ask far more of our service than it can do; return how the accepted fared, by its own figures."""
    base = server.url.removesuffix("/predict")
    before = histogram(base)
    run = load(server, connections, seconds)
    after = histogram(base)
    started = time.perf_counter()
    body = (server.bodies / "0").read_bytes()
    answer = requests.post(server.url, data=body, headers={"Content-Type": server.kind}, timeout=60)
    recovery = time.perf_counter() - started
    counts = {bound: count - before.get(bound, 0) for bound, count in after.items()}
    total = max(counts.values(), default=0)
    within = min((bound for bound, count in counts.items() if count >= 0.99 * total), default=float("nan"))
    return {
        **run,
        "connections": connections,
        "accepted": total,
        "accepted_p99_within_seconds": within,
        "first_answer_after": {"status": answer.status_code, "seconds": recovery},
    }


def histogram(base: str) -> dict[float, float]:
    """Return the cumulated counts of the service's own histogram of /predict, by upper bound in seconds."""
    found = {}
    for line in requests.get(base + "/metrics", timeout=30).text.splitlines():
        if line.startswith("darkroom_prediction_seconds_bucket{") and 'route="/predict"' in line:
            bound = line.partition('le="')[2].partition('"')[0]
            found[float(bound)] = float(line.rpartition(" ")[2])
    return found


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time that a process and those it started have used."""
    total = 0.0
    for member in _family(process):
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def free_port() -> int:
    """Return a port that nobody listens on now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- telling -----------------------------------------------------------------------------------------


def summarise(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the medians over the rounds, a row a server and number of connections."""
    rows = []
    for server, connections in dict.fromkeys((run["server"], run["connections"]) for run in runs):
        mine = [run for run in runs if (run["server"], run["connections"]) == (server, connections)]
        row: dict[str, Any] = {"server": server, "connections": connections}
        for key in ("requests_per_second", "p50", "p95", "p99", "cpu_milliseconds"):
            row[key] = statistics.median(run[key] for run in mine)
        for key in ("requests", "refused", "broken"):
            row[key] = sum(run[key] for run in mine)
        rows.append(row)
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the summary as a Markdown table."""
    lines = [
        "| connections | server | requests/s | p50 | p95 | p99 | CPU a request | errors |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in sorted(rows, key=lambda row: row["connections"]):  # stable: the servers keep their order
        times = " | ".join(f"{row[key]:.1f} ms" for key in ("p50", "p95", "p99"))
        name, speed, errors = row["server"], row["requests_per_second"], row["refused"] + row["broken"]
        cells = f"{row['connections']} | {name} | {speed:.0f} | {times} | {row['cpu_milliseconds']:.2f} ms"
        lines += [f"| {cells} | {errors} |"]
    return "\n".join(lines)


def ratios(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say how many times each other server's throughput ours is."""
    speed = {(row["server"], row["connections"]): row["requests_per_second"] for row in rows}
    lines = []
    for server in dict.fromkeys(row["server"] for row in rows if row["server"] != OURS):
        parts = [
            f"{speed[OURS, connections] / speed[server, connections]:.2f} at {connections}"
            for name, connections in speed
            if name == server and (OURS, connections) in speed and speed[server, connections]
        ]
        if parts:
            lines.append(f"Ours is {', '.join(parts)} connections: times {server}.")
    return "\n".join(lines)


def told_overload(result: Mapping[str, Any]) -> str:
    """Say in a sentence how the overload went."""
    after = result["first_answer_after"]
    return (
        f"Overload, {result['connections']} connections: {result['accepted']:.0f} accepted "
        f"({result['requests_per_second']:.0f} a second), 99 % of them answered within "
        f"{result['accepted_p99_within_seconds']:g} s; {result['refused']:,} refused at once, "
        f"{result['broken']} broken. Right after it an image gets {after['status']} in "
        f"{1000 * after['seconds']:.0f} ms."
    )


def draw(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw throughput and the 99th percentile over the number of connections."""
    looks = {
        OURS: (BLUE, "o", "-"),
        LIMIT: (INK, "s", "--"),
        USUAL: (ORANGE, "^", "-"),
        MLFLOW: (SOFT, "v", "-"),
    }
    with style.context(STYLE, after_reset=True):
        figure = Figure(figsize=(8.0, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, key, title in (
            (left, "requests_per_second", "requests a second"),
            (right, "p99", "99th percentile, milliseconds"),
        ):
            for server in dict.fromkeys(row["server"] for row in rows):
                mine = sorted((row["connections"], row[key]) for row in rows if row["server"] == server)
                colour, marker, line = looks[server]
                axes.plot(*zip(*mine, strict=True), color=colour, marker=marker, linestyle=line, label=server)
            axes.set_xscale("log", base=2)
            axes.set_xticks(sorted({row["connections"] for row in rows}))
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.set_xlabel("connections")
            axes.set_title(title)
        left.set_ylim(bottom=0)
        right.set_yscale("log")
        right.yaxis.set_major_formatter(ScalarFormatter())
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
        with atomic_write(path) as file:
            figure.savefig(file, format="png", metadata={"Software": None})


if __name__ == "__main__":
    main()
