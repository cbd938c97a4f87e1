"""A real run of the whole pipeline on the digits, made once and shared by the tests."""

import sys

import pytest

from tests.checkouts import Quickstart, new_checkout


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Quickstart:
    """Run the quickstart in a copy of the project, then apply its experiment to the copy's workspace."""
    checkout = new_checkout(tmp_path_factory.mktemp("quickstart") / "checkout")
    printed = checkout.run(sys.executable, "-m", "darkroom.quickstart").stdout
    status = checkout.run("git", "status", "--porcelain").stdout
    name = next(word for word in printed.split() if word.startswith("quickstart-")).rstrip(";")
    checkout.run("dvc", "exp", "apply", name)
    return Quickstart(checkout, printed, status)
