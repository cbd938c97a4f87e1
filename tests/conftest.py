"""Fixtures of many tests, above all a real run of the whole pipeline on the digits, made once."""

import sys
from collections.abc import Iterator

import pytest
import torch

from tests.helpers.browser_required import pytest_runtest_setup, pytest_terminal_summary
from tests.helpers.checkouts import Quickstart, new_checkout

__all__ = ["pytest_runtest_setup", "pytest_terminal_summary"]  # hooks: pytest finds them here


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Quickstart:
    """Run the quickstart in a copy of the project, then apply its experiment to the copy's workspace."""
    checkout = new_checkout(tmp_path_factory.mktemp("quickstart") / "checkout")
    printed = checkout.run(sys.executable, "-m", "darkroom", "quickstart").stdout
    status = checkout.run("git", "status", "--porcelain").stdout
    name = next(word for word in printed.split() if word.startswith("quickstart-")).rstrip(";")
    checkout.run("dvc", "exp", "apply", name)
    return Quickstart(checkout, printed, status)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small nets are quicker on one thread, and another number of threads may round otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
