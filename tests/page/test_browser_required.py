"""Without Chromium the browser tests are skipped and reported; where a browser is required they fail."""

import os
import subprocess
import sys
from pathlib import Path

from tests.helpers.checkouts import PROJECT

SUITE = """
import pytest

@pytest.mark.browser
@pytest.mark.parametrize("number", range(3))
def test_page(number): ...

def test_other(): ...

@pytest.mark.skip(reason="another reason")
def test_skipped(): ...
"""


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a small suite with the project's hooks on a PATH without Chromium."""
    (folder / "test_suite.py").write_text(SUITE, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    browser: needs Chromium\n", encoding="utf-8")
    known = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTEST", "DARKROOM", "REQUIRE_BROWSER"))
    }
    paths = os.pathsep.join([str(PROJECT), str(PROJECT / "src")])
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.helpers.browser_required",
            "-p",
            "no:schemathesis",
        ],
        cwd=folder,
        env=known | {"PATH": str(folder), "PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_last_lines_report_skipped_browser_required_and_how_to_install_chromium(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report, counts = done.stdout.splitlines()[-2:]
    assert report == "3 browser tests were skipped: no Chromium. Install it with: apt-get install chromium"
    assert "1 passed, 4 skipped" in counts


def test_browser_required_fail_where_a_browser_is_required(tmp_path: Path) -> None:
    done = run(tmp_path, REQUIRE_BROWSER="1")
    assert done.returncode == 1
    assert "REQUIRE_BROWSER is set and there is no Chromium" in done.stdout
    assert "1 passed, 1 skipped, 3 errors" in done.stdout
