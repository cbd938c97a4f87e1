"""A real Prometheus that scrapes a service, with the project's rules."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml

from tests.helpers.serving import PROJECT, free_port
from tests.helpers.waiting import answers, eventually

MONITORING = PROJECT / "deploy/monitoring"


@contextmanager
def prometheus(service: str, folder: Path) -> Iterator[str]:
    """Run Prometheus in `folder` with the project's rules, scraping `service` each second; yield its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = config["scrape_configs"]
    del job["authorization"]
    job["static_configs"] = [{"targets": [service.removeprefix("http://")]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    shutil.copy(MONITORING / "alerts.yml", folder)
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with open(folder / "prometheus.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            ready, output = f"{url}/-/ready", folder / "prometheus.log"
            eventually(
                lambda: answers(ready), lambda: output.read_text()[-3000:], seconds=60, process=process
            )
            yield url
        finally:
            process.terminate()
            process.wait(30)


def query(url: str, expression: str) -> dict[str, float]:
    """Return the current result of a query: values by labels."""
    response = requests.get(f"{url}/api/v1/query", params={"query": expression}, timeout=30).json()
    assert response["status"] == "success", response
    return {str(item["metric"]): float(item["value"][1]) for item in response["data"]["result"]}
