"""Pytest hooks for tests marked `browser`: without Chromium they are skipped, and the run ends by saying so.

With REQUIRE_BROWSER=1 they fail instead, so that CI cannot pass without them.
"""

import os

import pytest

from tests.helpers.chromium import CHROMIUM

INSTALL = "apt-get install chromium"
REASON = f"no Chromium. Install it with: {INSTALL}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a browser test where there is no browser."""
    if item.get_closest_marker("browser") is None or CHROMIUM is not None:
        return
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"REQUIRE_BROWSER is set and there is {REASON}", pytrace=False)
    pytest.skip(REASON)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many browser tests were skipped and how to run them."""
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if REASON in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} browser tests were skipped: {REASON}", yellow=True)
