"""For tests of the monitoring: a real Prometheus that scrapes a service, with the project's rules."""

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
    """Run Prometheus in `folder` with our rules, scraping `service` each second; yield its address."""
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
            ready, said = f"{url}/-/ready", folder / "prometheus.log"
            eventually(lambda: answers(ready), lambda: said.read_text()[-3000:], seconds=60, process=process)
            yield url
        finally:
            process.terminate()
            process.wait(30)


def query(url: str, expression: str) -> dict[str, float]:
    """Return what Prometheus answers now: values by labels."""
    answer = requests.get(f"{url}/api/v1/query", params={"query": expression}, timeout=30).json()
    assert answer["status"] == "success", answer
    return {str(item["metric"]): float(item["value"][1]) for item in answer["data"]["result"]}
