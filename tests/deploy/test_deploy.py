"""The files in deploy/ are valid for their tools, and agree with the service."""

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
# A container without an engine: its own mounts, all read-only but /tmp, and a user without privileges.
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
    'for place in /srv /usr /var/tmp /root; do touch "$place/x" 2>/dev/null && echo "$place is writable"; done
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
def test_compose_follows_its_specification() -> None:
    assert "ok" in tool(
        "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"
    )


@pytest.mark.deploy
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_each_manifest_fits_the_schema_of_kubernetes(path: Path) -> None:
    assert "passed" in tool("kubernetes-validate", "--strict", path)


@pytest.mark.deploy
def test_the_tools_reject_broken_files(tmp_path: Path) -> None:
    for name, arguments, source, good, bad in (
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
        broken.write_text(source.read_text(encoding="utf-8").replace(good, bad), encoding="utf-8")
        done = subprocess.run([TOOLS / name, *arguments, broken], capture_output=True, check=False)
        assert done.returncode != 0, name


@pytest.mark.deploy
@pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl, which includes kustomize, is not installed"
)
def test_kustomize_builds_all_manifests(tmp_path: Path) -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY / "kubernetes")], capture_output=True, text=True, check=True
    )
    built = [tree for tree in yaml.safe_load_all(done.stdout) if tree]
    assert {tree["kind"] for tree in built} == {
        yaml.safe_load(path.read_text())["kind"] for path in MANIFESTS
    }
    (tmp_path / "built.yaml").write_text(done.stdout)
    tool("kubernetes-validate", "--strict", tmp_path / "built.yaml")


def test_kustomize_names_every_manifest() -> None:
    named = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text(encoding="utf-8"))[
        "resources"
    ]
    assert sorted(named) == [path.name for path in MANIFESTS]


def test_environment_variables_are_settings_of_the_service() -> None:
    places = (
        {entry["name"]: entry.get("value", "") for entry in container()["env"]},
        dict.fromkeys(COMPOSE["services"]["darkroom"]["environment"], ""),
    )
    for environment in places:
        assert environment
        read_settings(environment, cores=2)  # refuses unknown settings


def test_containers_run_with_least_privilege() -> None:
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


def test_mounts_and_targets_of_compose_exist() -> None:
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


def test_the_probes_exist_and_need_no_token() -> None:
    home, tag, _ = bento_of("digits")
    probed = {container()[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert probed <= set(PROBES)
    assert "/readyz" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    with serve_bento(home, tag, settings={"DARKROOM_ADMIN_TOKENS": TOKEN}) as url:
        for path in probed:
            assert requests.get(url + path, timeout=30).status_code == 200
        assert requests.get(url + "/metrics", timeout=30).status_code == 401


@contextmanager
def contained(bento: Path, log: Path) -> Iterator[str]:
    """Serve an unpacked Bento as the container would."""
    port = free_port()
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", CONTAINED, "sh"]
    with open(log, "w") as output:
        server = subprocess.Popen(
            [*command, str(bento), sys.executable, sys.base_prefix, str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=60)


def can_contain() -> bool:
    tools = all(shutil.which(name) for name in ("unshare", "setpriv", "mount"))
    hidden = sys.prefix.startswith(("/root/", "/tmp/"))  # the script mounts over these
    if not tools or os.getuid() != 0 or hidden or not sys.base_prefix.startswith("/root/"):
        return False
    return subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_contain(), reason="needs root and mount namespaces")
def test_the_bento_serves_as_an_unprivileged_user_with_only_tmp_writable(tmp_path: Path) -> None:
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
    output = log.read_text().splitlines()
    assert output[0] == "1034", "a folder was writable"
