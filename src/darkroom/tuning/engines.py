"""Engines: how workers are started. `ENGINES` has them by their name in params.yaml (tune.engine)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import torch

from darkroom.tuning import ray_cluster
from darkroom.tuning.search import Search
from darkroom.tuning.supervision import Worker, supervise
from darkroom.tuning.worker import run_worker, set_worker_threads
from darkroom.tuning.worker_processes import Process, graphics_card

Start = Callable[[int], Worker]
"""Starts the worker of a number, from 0."""


def run_workers(search: Search, command: Sequence[str], *, progress: Callable[[], int]) -> None:
    """Run `tune.workers` workers until the study needs no more trials.

    `command` starts a worker in the checkout. A single worker runs in this process instead. `progress`
    is called regularly and returns how many trials are finished. Raises WorkerError as `supervise` does.
    """
    tune = search.params.tune
    if tune.workers == 1 and tune.engine == "processes":
        run_worker(search, after_trial=progress)
        return
    with ENGINES[tune.engine](search, command) as start:
        supervise(start, tune.workers, progress=progress)


@contextmanager
def processes(search: Search, command: Sequence[str]) -> Iterator[Start]:
    """Start workers as processes of this machine; several graphics cards are shared out among them."""
    cards = torch.cuda.device_count() if search.params.train.device in ("auto", "cuda") else 0
    yield lambda number: Process(
        command,
        folder=search.places.root,
        log=_log_file(search, number),
        environment=graphics_card(number, cards),
    )


@contextmanager
def ray(search: Search, command: Sequence[str]) -> Iterator[Start]:
    """Start workers as tasks of a Ray cluster, which is left at the end of the block."""
    places = search.places
    ray_cluster.connect(shared_storage=not places.storage.startswith("sqlite"))
    set_worker_threads(search.params)
    try:
        yield lambda number: ray_cluster.Task(
            command,
            root=places.root,
            log=_log_file(search, number),
            cores=torch.get_num_threads(),
            cards=int(search.params.train.device == "cuda"),
            environment={"OPTUNA_STORAGE": places.storage, "MLFLOW_TRACKING_URI": places.tracking_uri},
        )
    finally:
        ray_cluster.disconnect()


ENGINES: dict[str, Callable[[Search, Sequence[str]], AbstractContextManager[Start]]] = {
    "processes": processes,
    "ray": ray,
}


def _log_file(search: Search, number: int) -> Path:
    return search.folder / f"worker-{number}.log"
