"""Workers as tasks of a Ray cluster, each of which runs a worker process on its node. Ray is optional."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkroom import machine, stopping
from darkroom.tuning.supervision import POLL_SECONDS, WorkerError
from darkroom.tuning.worker_processes import STOP_SECONDS, Process


def connect(*, shared_storage: bool) -> None:
    """Join the cluster in RAY_ADDRESS, or one that runs here, or start one of this machine alone.

    Raises WorkerError if Ray is not installed, or if the cluster has several nodes but no shared storage.
    """
    try:
        import ray
    except ImportError as error:
        raise WorkerError("tune.engine is ray, which is not installed: `make install-ray`") from error
    if not ray.is_initialized():
        quiet = {"include_dashboard": False, "log_to_driver": False}
        try:  # Ray by itself would count all cores of the machine
            ray.init(num_cpus=machine.cores().count, **quiet)
        except ValueError:  # the number cannot be given where a cluster runs already
            ray.init(**quiet)
        stopping.handle_again()  # Ray has set handlers of its own
    nodes = sum(node["Alive"] for node in ray.nodes())
    if nodes > 1 and not shared_storage:
        raise WorkerError(
            f"the Ray cluster has {nodes} nodes, which cannot share a sqlite file: name a PostgreSQL "
            "database in OPTUNA_STORAGE"
        )


def disconnect() -> None:
    """Leave the cluster; one that `connect` started ends."""
    import ray

    ray.shutdown()


class Task:
    """A worker that is a Ray task: it runs `command` in the checkout `root` of a node.

    The task reserves `cores` CPU cores and `cards` graphics cards, and `environment` is added to the node's.
    The command's output goes to the file `log` of the node.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        root: Path,
        log: Path,
        cores: int,
        cards: int,
        environment: dict[str, str],
    ) -> None:
        import ray

        variables = {"PYTHONPATH": f"{root / 'src'}:{root}", **environment}
        options = {"num_cpus": cores, "num_gpus": cards, "max_retries": 0}
        run = ray.remote(_run_process).options(**options, runtime_env={"env_vars": variables})
        self._task: Any = run.remote(list(command), root, log)

    def ended(self) -> str | None:
        """Return None while it runs, "" when it is done, else what killed it; raises WorkerError."""
        import ray

        ready, _ = ray.wait([self._task], timeout=0)
        if not ready:
            return None
        try:
            return str(ray.get(self._task))
        except ray.exceptions.RayTaskError as error:
            raise WorkerError(f"a worker ended by an error:\n{error}") from error
        except ray.exceptions.RayError as error:  # its process, or its node, is gone
            return str(error).splitlines()[0]

    def request_stop(self) -> None:
        """Interrupt the task, which then stops its worker process."""
        import ray

        ray.cancel(self._task, force=False)

    def stop(self) -> None:
        """Wait until the task has ended; after `STOP_SECONDS` kill its process, and so the worker."""
        import ray

        ready, _ = ray.wait([self._task], timeout=STOP_SECONDS)
        if not ready:
            ray.cancel(self._task, force=True)


def _run_process(command: list[str], root: Path, log: Path) -> str:
    """Run a worker process on this node to its end; return "" or the signal that killed it."""
    if not root.is_dir():
        raise FileNotFoundError(f"this node has no checkout at {root}")
    process = Process(command, folder=root, log=log, environment={})
    try:
        while (ended := process.ended()) is None:
            time.sleep(POLL_SECONDS)
    except BaseException:  # Ray raises KeyboardInterrupt here when the task is cancelled
        process.request_stop()
        process.stop()
        raise
    return ended
