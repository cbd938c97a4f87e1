"""Real servers for tests of the registry: PostgreSQL, an S3 emulator, and MLflow's server before them."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.helpers.serving import free_port
from tests.helpers.waiting import answers, eventually

PYTHON = Path(sys.prefix) / "servers/bin/python"  # the environment that `make test-servers` creates
BUCKET = "darkroom"
FETCH = """
import sys, boto3
s3, bucket, run, folder, into = sys.argv[1:]
bucket = boto3.resource("s3", endpoint_url=s3).Bucket(bucket)
for item in bucket.objects.all():
    before, found, name = item.key.partition(f"/{run}/artifacts/{folder}/")
    if found:
        bucket.download_file(item.key, f"{into}/{name}")
"""
WAIT_SECONDS = 120.0  # within which a server must respond
SECRETS = {
    "AWS_ACCESS_KEY_ID": "emulated",
    "AWS_SECRET_ACCESS_KEY": "emulated",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Servers:
    """The three servers while they run: `uri` is MLflow's, `s3` the artifact store's."""

    def __init__(self, folder: Path, database: str, s3: str) -> None:
        self.s3 = s3
        self._folder, self._database, self._port = folder, database, free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self._stop: Callable[[], None] | None = None

    def start(self, *, s3: str | None = None) -> None:
        """Start MLflow's server; `s3` names another artifact store than the emulator."""
        command = [
            *(str(PYTHON), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)),
            *("--workers", "2", "--serve-artifacts", "--artifacts-destination", f"s3://{BUCKET}"),
            *("--backend-store-uri", self._database),
        ]
        environment = {
            **SECRETS,
            "MLFLOW_S3_ENDPOINT_URL": s3 or self.s3,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        ready = f"{self.uri}/health"
        self._stop = _started(command, self._folder, lambda: answers(ready), environment=environment)

    def stop(self) -> None:
        """Stop MLflow's server; its data stays in the other two."""
        if self._stop is not None:
            self._stop()
        self._stop = None

    def fetch(self, run_id: str, folder: str, into: Path) -> set[str]:
        """Copy a folder of a run's artifacts from the emulator's bucket; return the names of the files."""
        into.mkdir()
        fetched = subprocess.run(
            [PYTHON, "-c", FETCH, self.s3, BUCKET, run_id, folder, into],
            env=os.environ | SECRETS,
            capture_output=True,
            text=True,
            check=False,
        )
        assert fetched.returncode == 0, fetched.stderr
        return {path.name for path in into.iterdir()}


@contextmanager
def servers() -> Iterator[Servers]:
    """Start all three on free ports of the loopback address; stop them at the end.

    Where one is not installed the test is skipped, and the reason states how to install it.
    """
    binaries = _postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's programs are not installed: `apt-get install postgresql`")
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is not there: `make test-servers` creates it from requirements/servers.lock")
    folder = Path(tempfile.mkdtemp(prefix="darkroom-servers-"))
    stops: list[Callable[[], None]] = []
    try:
        database, stop = _start_postgres(binaries, folder / "postgres")
        stops.append(stop)
        s3, stop = _start_object_store(folder / "s3", free_port())
        stops.append(stop)
        (folder / "mlflow").mkdir()
        running = Servers(folder / "mlflow", database, s3)
        requests.put(f"{s3}/{BUCKET}", timeout=60).raise_for_status()
        stops.append(running.stop)
        running.start()
        yield running
    finally:
        for stop in reversed(stops):
            stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def mlflow_server(folder: Path, database: Path) -> Iterator[str]:
    """Run MLflow's server on a sqlite file, with artifacts in `folder`; yield its address."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")),
        *("--backend-store-uri", f"sqlite:///{database}"),
    ]
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    stop = _started(command, folder, lambda: answers(f"{uri}/health"), environment=environment)
    try:
        yield uri
    finally:
        stop()


@contextmanager
def object_store(folder: Path) -> Iterator[str]:
    """Start an emulator of S3 alone; yield its address."""
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is not there: `make test-servers` creates it from requirements/servers.lock")
    address, stop = _start_object_store(folder, free_port())
    try:
        yield address
    finally:
        stop()


def _start_object_store(folder: Path, port: int) -> tuple[str, Callable[[], None]]:
    """Start an emulator of S3; return its address and a function that stops it."""
    folder.mkdir()
    address = f"http://127.0.0.1:{port}"
    command = [str(PYTHON), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    return address, _started(command, folder, lambda: answers(f"{address}/moto-api/"))


@contextmanager
def postgres() -> Iterator[str]:
    """Start PostgreSQL alone; yield the address of a database for SQLAlchemy, with psycopg as its driver."""
    binaries = _postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's programs are not installed: `apt-get install postgresql`")
    folder = Path(tempfile.mkdtemp(prefix="darkroom-postgres-"))
    try:
        address, stop = _start_postgres(binaries, folder / "postgres")
        try:
            yield address.replace("postgresql://", "postgresql+psycopg://")
        finally:
            stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs, which Debian's packages do not put on PATH."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(debian, key=lambda place: float(place.parent.name), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


def _start_postgres(binaries: Path, folder: Path) -> tuple[str, Callable[[], None]]:
    """Start a new cluster in `folder`; return its address and a function that stops it."""
    folder.mkdir()
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        owner = pwd.getpwnam("nobody")
        folder.parent.chmod(0o755)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    data, port = folder / "data", free_port()
    created = subprocess.run(
        [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "darkroom",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **user,
    )
    assert created.returncode == 0, created.stdout + created.stderr
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
    }
    command = [str(binaries / "postgres"), "-D", str(data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    address = f"postgresql://darkroom@127.0.0.1:{port}/postgres"
    check = [str(binaries / "pg_isready"), "-q", "-d", address]
    # SIGINT: stop without waiting for connected clients
    return address, _started(
        command, folder, lambda: not subprocess.call(check, cwd=folder), end=signal.SIGINT, **user
    )


def _started(
    command: list[str],
    folder: Path,
    ready: Callable[[], bool],
    *,
    environment: Mapping[str, str] | None = None,
    end: signal.Signals = signal.SIGTERM,
    **user: Any,
) -> Callable[[], None]:
    """Start a server and wait until it is ready; return a function that stops it and all that it started."""
    keep = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "AWS", "PYTEST"))
    }
    log = folder / "log"
    with open(log, "ab") as file:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=keep | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **user,
        )

    def stop() -> None:
        for number in (end, signal.SIGKILL):
            try:
                os.killpg(server.pid, number)
                server.wait(timeout=20)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    try:
        eventually(
            ready,
            lambda: f"{command[:4]} is not ready:\n{log.read_text(errors='replace')[-6000:]}",
            seconds=WAIT_SECONDS,
            process=server,
        )
    except AssertionError:
        stop()
        raise
    return stop
