"""Take the screenshot of MLflow for README.md: `python -m tests.page.mlflow_screenshot`, after `dvc repro`.

It shows the curves of the newest training in mlflow.db, in MLflow's own page.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import requests
from mlflow.tracking import MlflowClient
from playwright.sync_api import expect

from darkroom.files import atomic_write
from tests.helpers.browser import chromium
from tests.helpers.checkouts import PROJECT
from tests.helpers.serving import free_port
from tests.helpers.waiting import eventually
from tests.page.screenshots import small

CURVES = "train_|validation_|_rate"  # the metrics that have a value an epoch


def main() -> None:
    """Write docs/mlflow.png."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--name", default="cifar10", help="of the data set (default %(default)s)")
    parser.add_argument("--database", type=Path, default=PROJECT / "mlflow.db")
    parser.add_argument("--folder", type=Path, default=PROJECT / "docs")
    options = parser.parse_args()
    uri, port = f"sqlite:///{options.database.resolve()}", free_port()
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(options.name)
    if experiment is None:
        sys.exit(f"{options.database} has no experiment {options.name}: `dvc repro` makes it")
    identity = experiment.experiment_id
    run = client.search_runs([identity], "attributes.run_name = 'train'", max_results=1)[0].info.run_id
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--port", str(port)]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(command, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _responds(address), "MLflow responds", process=server)
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1440, "height": 760}, color_scheme="light")
            page.goto(f"{address}/#/experiments/{identity}/runs/{run}/model-metrics")
            page.get_by_placeholder("Search metric charts").fill(CURVES)
            expect(page.get_by_text("validation_loss").first).to_be_visible()
            expect(page.locator("path.js-line").nth(3)).to_be_attached()  # the curves that are in view
            shot = small(page.screenshot())
    finally:
        server.terminate()
        server.wait()
    with atomic_write(options.folder / "mlflow.png") as file:
        file.write(shot)


def _responds(address: str) -> bool:
    try:
        return requests.get(f"{address}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


if __name__ == "__main__":
    main()
