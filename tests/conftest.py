"""What many tests share: one run of the whole pipeline on the digits, and how tests are grouped."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from darkroom.cli.quickstart import SMALL
from darkroom.config import read_yaml
from darkroom.machine import threads_for_libraries
from tests.helpers.browser_required import pytest_runtest_setup, pytest_terminal_summary
from tests.helpers.checkouts import FOLDER, PROJECT, Checkout, new_checkout
from tests.helpers.scheduling import SHARED, GroupedByFile, turn_of
from tests.helpers.warm_stages import run_stages, set_params, stage_names

# A shell lets what runs in the background ignore Ctrl-C, and nohup the end of the terminal; so would all
# programs that tests start, and those that are sent such a signal would wait for ever. They begin with the
# usual handlers.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

TESTS = Path(__file__).parent
# These start servers, browsers or whole stages. All others are marked `unit`: `make test-unit` runs them.
STARTS_PROCESSES = (
    "benchmarks",
    "cli",
    "data/corrections/test_stage.py",
    "deploy",
    "data/scan/test_killed.py",
    "data/storage/test_remote.py",
    "data/storage/test_s3.py",
    "docs/test_contributing.py",
    "docs/test_readme.py",
    "models/exporting",
    "models/test_memory.py",
    "page",
    "pipeline/test_backbone.py",
    "pipeline/test_committed_reports.py",
    "pipeline/test_download.py",
    "pipeline/test_folders.py",
    "pipeline/test_foreign_environment.py",
    "pipeline/test_full_disk.py",
    "pipeline/test_life.py",
    "pipeline/test_lost.py",
    "pipeline/test_own_images.py",
    "pipeline/test_pipeline.py",
    "pipeline/test_quickstart.py",
    "pipeline/test_signals.py",
    "pipeline/test_sizes.py",
    "prediction/test_like_service.py",
    "prediction/test_load.py",
    "registry",
    "reporting/evaluation_report/test_report.py",
    "serving/http/test_connections.py",
    "serving/http/test_hostile.py",
    "serving/http/test_listening.py",
    "serving/http/test_overload.py",
    "serving/process",
    "serving/test_metrics.py",
    "test_stopping.py",
    "tracking",
    "training/test_interrupted.py",
    "training/test_resume.py",
    "tuning/test_dashboard.py",
    "tuning/test_dead_workers.py",
    "tuning/test_ray_cluster.py",
    "tuning/test_worker_processes.py",
    "tuning/test_workers_elsewhere.py",
)
MARKED = ("browser", "real_data", "servers", "ray", "deploy", "life", "slow", "ci", "integration")


def starts_processes(path: Path) -> bool:
    """Return whether no test of a file or folder of tests is a unit test because of where it lies."""
    return path.relative_to(TESTS).as_posix().startswith(STARTS_PROCESSES)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file without unit tests where only these run: MLflow's import alone takes seconds."""
    only_units = config.getoption("markexpr") == "unit" and collection_path.is_relative_to(TESTS)
    return True if only_units and starts_processes(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest groups first, and mark the unit tests."""
    for item in items:
        starts = starts_processes(item.path) or SHARED in getattr(item, "fixturenames", ())
        if not starts and not any(item.get_closest_marker(name) for name in MARKED):
            item.add_marker(pytest.mark.unit)
    items.sort(key=lambda item: turn_of(item.path.relative_to(PROJECT).as_posix()))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupedByFile:
    """Group tests as `scheduling` says."""
    return GroupedByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Return the processes of `-n auto` where there is a limit that xdist does not see; None: its choice."""
    return threads_for_libraries() or None


__all__ = ["pytest_runtest_setup", "pytest_terminal_summary"]  # hooks: pytest finds them here


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Run every stage with the quickstart's parameters in a copy of the project, in one process.

    The copy lies in a folder as people name them, so that all that tests do with it works there.
    """
    checkout = new_checkout(tmp_path_factory.mktemp(FOLDER) / "checkout")
    set_params(checkout.root / "params.yaml", SMALL)
    stages = stage_names(read_yaml(checkout.root / "dvc.yaml"))
    last = stages.index("register")  # it keeps dvc.lock with the version
    for part in (stages[:last], stages[last:]):
        run_stages(checkout, part)
        checkout.run("dvc", "commit", "--force", *part)  # what they wrote is what dvc.yaml says they write
    return checkout


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small nets are quicker on one thread, and another number of threads may round otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
