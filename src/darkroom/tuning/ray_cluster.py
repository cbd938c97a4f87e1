"""The door to Ray: the workers of the tuner as tasks on the nodes of a cluster, an optional extra."""

from pathlib import Path
from typing import Any

from darkroom.tuning.worker_processes import WorkerError

PASSED = ("OPTUNA_STORAGE", "MLFLOW_TRACKING_URI", "MLFLOW_DISABLE_TELEMETRY")


def connect(*, shared_storage: bool) -> None:
    """Join the cluster that RAY_ADDRESS names, or one that runs here, or start one of this machine alone.

    Raises WorkerError where Ray is not installed, or where several nodes would have no storage in common.
    """
    try:
        import ray
    except ImportError as error:
        raise WorkerError("tune.engine is ray, which is not installed: `make install-ray`") from error
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False)
    nodes = sum(node["Alive"] for node in ray.nodes())
    if nodes > 1 and not shared_storage:
        raise WorkerError(
            f"the Ray cluster has {nodes} nodes, which cannot share a sqlite file: name a PostgreSQL "
            "database in OPTUNA_STORAGE"
        )


def disconnect() -> None:
    """Leave the cluster; one that was started for us ends."""
    import ray

    ray.shutdown()


class Task:
    """A worker that is a Ray task: `python -m pipeline.tune --worker` in the checkout `root` of a node."""

    def __init__(self, root: Path, *, cores: int, cards: int, environment: dict[str, str]) -> None:
        import ray

        run = ray.remote(_work)
        known = {"PYTHONPATH": f"{root / 'src'}:{root}", **environment}
        self._task: Any = run.options(
            num_cpus=cores, num_gpus=cards, max_retries=0, runtime_env={"env_vars": known}
        ).remote(str(root))

    def ended(self) -> str | None:
        """Return None while it runs, "" when it is done, else what killed it; raises WorkerError."""
        import ray

        ready, _ = ray.wait([self._task], timeout=0)
        if not ready:
            return None
        try:
            ray.get(self._task)
        except ray.exceptions.RayTaskError as error:
            raise WorkerError(f"a worker ended by an error:\n{error}") from error
        except ray.exceptions.RayError as error:  # its process, or its node, is gone
            return str(error).splitlines()[0]
        return ""

    def stop(self) -> None:
        """End its process."""
        import ray

        ray.cancel(self._task, force=True)


def _work(root: str) -> None:
    from pipeline.tune import run_worker

    if not Path(root).is_dir():
        raise FileNotFoundError(f"this node has no checkout at {root}")
    try:
        run_worker()
    except SystemExit as error:  # Ray would take it for the end of its own process
        raise WorkerError(str(error)) from None
