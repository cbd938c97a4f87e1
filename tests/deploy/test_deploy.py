"""What is in deploy/ is valid for the tools of its kind, and true of the service that runs."""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from darkroom.serving.http.admission import PROBES
from darkroom.serving.settings import read_settings
from tests.helpers.checkouts import PROJECT
from tests.helpers.serving import bento_of, encoded, free_port, random_image, serve_bento
from tests.helpers.waiting import answers, eventually

DEPLOY = PROJECT / "deploy"
TOOLS = PROJECT / ".venv/deploy/bin"
MANIFESTS = sorted(
    path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml"
)
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
TOKEN = "a token that is long enough".replace(" ", "-")
# A container without an engine: its own mounts, all of them read-only but /tmp; a user without any right.
CONTAINED = """
set -eu
mount --bind "$1" /srv
mount --bind "$3" /mnt
mount -t tmpfs -o mode=755 none /root
mkdir -p "$3"
mount --bind /mnt "$3"
umount /mnt
mount -t tmpfs -o mode=1777,size=512m none /tmp
mount -o remount,ro,bind /srv
mount -o remount,ro,bind /
cd /tmp
exec setpriv --reuid 1034 --regid 1034 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    env -i PATH=/usr/bin:/bin HOME=/tmp BENTOML_HOME=/tmp/bentoml BENTOML_DO_NOT_TRACK=True \
    OTEL_SDK_DISABLED=true PYTHONDONTWRITEBYTECODE=1 DARKROOM_WORKERS=1 DARKROOM_FEEDBACK=/tmp/feedback \
    sh -c \
    'for place in /srv /usr /var/tmp /root; do touch "$place/x" 2>/dev/null && echo "$place was written"; done
    id -u; exec "$0" -m bentoml serve /srv --port "$1"' "$2" "$4"
"""


def tool(name: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [TOOLS / name, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=PROJECT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def resource(kind: str) -> Any:
    trees = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in MANIFESTS)
    (found,) = (tree for tree in trees if tree["kind"] == kind)
    return found


def container() -> Any:
    (only,) = resource("Deployment")["spec"]["template"]["spec"]["containers"]
    return only


@pytest.mark.deploy
def test_the_dockerfile_passes_hadolint() -> None:
    tool("hadolint", DEPLOY / "Dockerfile")


@pytest.mark.deploy
def test_compose_keeps_to_its_specification() -> None:
    assert "ok" in tool(
        "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"
    )


@pytest.mark.deploy
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_each_manifest_is_what_kubernetes_takes(path: Path) -> None:
    assert "passed" in tool("kubernetes-validate", "--strict", path)


@pytest.mark.deploy
def test_the_tools_do_find_faults(tmp_path: Path) -> None:
    for name, arguments, source, right, wrong in (
        ("hadolint", (), DEPLOY / "Dockerfile", "WORKDIR /tmp", "WORKDIR tmp"),
        (
            "check-jsonschema",
            ("--builtin-schema", "vendor.compose-spec"),
            DEPLOY / "compose.yaml",
            "cap_drop",
            "cap_dorp",
        ),
        (
            "kubernetes-validate",
            ("--strict",),
            DEPLOY / "kubernetes/deployment.yaml",
            "readinessProbe",
            "readyProbe",
        ),
    ):
        broken = tmp_path / source.name
        broken.write_text(source.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")
        done = subprocess.run([TOOLS / name, *arguments, broken], capture_output=True, check=False)
        assert done.returncode != 0, name


@pytest.mark.deploy
@pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl, which has kustomize in it, is not installed"
)
def test_kustomize_puts_the_same_together(tmp_path: Path) -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY / "kubernetes")], capture_output=True, text=True, check=True
    )
    made = [tree for tree in yaml.safe_load_all(done.stdout) if tree]
    assert {tree["kind"] for tree in made} == {yaml.safe_load(path.read_text())["kind"] for path in MANIFESTS}
    (tmp_path / "made.yaml").write_text(done.stdout)
    tool("kubernetes-validate", "--strict", tmp_path / "made.yaml")


def test_kustomize_names_every_manifest() -> None:
    named = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text(encoding="utf-8"))[
        "resources"
    ]
    assert sorted(named) == [path.name for path in MANIFESTS]


def test_what_is_set_is_a_setting() -> None:
    places = (
        {entry["name"]: entry.get("value", "") for entry in container()["env"]},
        dict.fromkeys(COMPOSE["services"]["darkroom"]["environment"], ""),
    )
    for environment in places:
        assert environment
        read_settings(environment, cores=2)  # refuses what it does not know


def test_nothing_runs_with_more_than_it_needs() -> None:
    pod, own = resource("Deployment")["spec"]["template"]["spec"], container()["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert set(container()["resources"]) == {"requests", "limits"}
    for service in COMPOSE["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    user = f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert user in (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert COMPOSE["services"]["darkroom"]["user"] == user.removeprefix("USER ")


def test_what_compose_mounts_is_there() -> None:
    mounts = [mount for service in COMPOSE["services"].values() for mount in service.get("volumes", ())]
    places = {mount.split(":")[0] for mount in mounts}
    folders = {place for place in places if place.startswith(".")}
    assert places - folders == set(COMPOSE["volumes"])
    for place in folders:
        assert (DEPLOY / place).is_dir(), place
    scraped = yaml.safe_load((DEPLOY / "monitoring/prometheus.yml").read_text(encoding="utf-8"))[
        "scrape_configs"
    ]
    (job,) = scraped
    assert job["authorization"]["credentials_file"] == "/run/secrets/admin-token"
    assert set(COMPOSE["services"]["prometheus"]["secrets"]) == {"admin-token"}
    assert job["static_configs"] == [{"targets": ["darkroom:3000"]}]
    provided = yaml.safe_load((DEPLOY / "grafana/datasources/prometheus.yaml").read_text(encoding="utf-8"))
    assert provided["datasources"][0]["uid"] == "prometheus"
    assert '"uid": "prometheus"' in (DEPLOY / "monitoring/dashboard.json").read_text(encoding="utf-8")


def test_the_probes_ask_what_is_there_and_need_no_token() -> None:
    home, tag, _ = bento_of("digits")
    asked = {container()[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert asked <= set(PROBES)
    assert "/readyz" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    with serve_bento(home, tag, settings={"DARKROOM_ADMIN_TOKENS": TOKEN}) as url:
        for path in asked:
            assert requests.get(url + path, timeout=30).status_code == 200
        assert requests.get(url + "/metrics", timeout=30).status_code == 401


@contextmanager
def contained(bento: Path, log: Path) -> Iterator[str]:
    """Serve an unpacked Bento as the container would."""
    port = free_port()
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", CONTAINED, "sh"]
    with open(log, "w") as said:
        server = subprocess.Popen(
            [*command, str(bento), sys.executable, sys.base_prefix, str(port)],
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=60)


def can_contain() -> bool:
    tools = all(shutil.which(name) for name in ("unshare", "setpriv", "mount"))
    hidden = sys.prefix.startswith(("/root/", "/tmp/"))  # where the script mounts something else
    if not tools or os.getuid() != 0 or hidden or not sys.base_prefix.startswith("/root/"):
        return False
    return subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_contain(), reason="needs root, and mounts of its own")
def test_the_bento_serves_as_nobody_where_nothing_but_tmp_can_be_written(tmp_path: Path) -> None:
    _, _, archive = bento_of("digits")
    bento, log = tmp_path / "bento", tmp_path / "log.txt"
    with tarfile.open(archive) as tar:
        tar.extractall(bento, filter="data")
    for path in (bento, *bento.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with contained(bento, log) as url:
        eventually(lambda: answers(f"{url}/readyz"), log.read_text, seconds=60)
        sent = {"image": encoded(random_image(8, 8, 1))}
        assert requests.post(f"{url}/predict", files=sent, timeout=30).status_code == 200
        kept = requests.post(f"{url}/feedback", files=sent, data={"class": "7"}, timeout=30)
        assert kept.json() == {"class": "7", "new": True}
        assert "darkroom_predictions_total" in requests.get(f"{url}/metrics", timeout=30).text
    said = log.read_text().splitlines()
    assert said[0] == "1034", "something could be written"
