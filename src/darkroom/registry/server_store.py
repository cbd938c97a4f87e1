"""The registry behind MLflow's server, through its documented REST API and without MLflow's client."""

import os
from typing import Any

import requests
from requests.adapters import HTTPAdapter, Retry

from darkroom.registry.store import (
    CHAMPION,
    SERVED,
    KeptFiles,
    RegisteredModel,
    RegistryError,
    evidence_folder,
)
from darkroom.tracking.store_errors import explain, without_secrets

TIMEOUT_SECONDS = 30.0  # for a response
NOT_FOUND = "RESOURCE_DOES_NOT_EXIST"
RETRIED = (408, 429, 500, 502, 503, 504)  # statuses after which a request is repeated, as by MLflow's client


class ServerStore:
    """A registry behind MLflow's server.

    It takes the same environment variables as MLflow's client and repeats requests as the client does.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")
        self._shown_uri = without_secrets(self._uri)
        self._session = requests.Session()
        retries = Retry(
            int(os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")),
            backoff_factor=0.5,
            status_forcelist=RETRIED,
            allowed_methods=None,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retries))
        user, password = (os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD"))
        if user and password:
            self._session.auth = (user, password)
        elif token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
            self._session.headers["Authorization"] = f"Bearer {token}"
        if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
            self._session.verify = False
        elif certificates := os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"):
            self._session.verify = certificates
        if client_certificate := os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"):
            self._session.cert = client_certificate

    def read(self, name: str) -> RegisteredModel | None:
        """Return a registered model; None where none has this name."""
        response = self._request("GET", "registered-models/get", {"name": name}, accept=(NOT_FOUND,))
        if response is None:
            return None
        model = response.get("registered_model")
        if not isinstance(model, dict):
            raise RegistryError(
                f"{self._shown_uri} does not respond as MLflow's server does: check the address"
            )
        aliases = {alias["alias"]: str(alias["version"]) for alias in model.get("aliases", [])}
        tags = {tag["key"]: str(tag.get("value", "")) for tag in model.get("tags", [])}
        return RegisteredModel(tags=tags, champion=aliases.get(CHAMPION), aliases=aliases)

    def versions(self, name: str) -> list[str]:
        """Return the numbers of a model's versions that are not deleted."""
        found: list[str] = []
        page = ""
        while True:
            query = {"filter": f"name='{name}'", "max_results": 1000} | ({"page_token": page} if page else {})
            response = self._request("GET", "model-versions/search", query) or {}
            found += [str(version["version"]) for version in response.get("model_versions", [])]
            page = response.get("next_page_token", "")
            if not page:
                return found

    def has_files(self, name: str, version: str) -> bool:
        """Return whether a version's graph and description exist; True where that cannot be found out now."""
        try:
            tags = self._version_tags(name, version)
            if not tags.get("run_id") or not tags.get("sha256"):
                return False
            query = {"run_id": tags["run_id"], "path": evidence_folder(tags["sha256"])}
            listed = self._request("GET", "artifacts/list", query, accept=(NOT_FOUND,)) or {}
        except RegistryError:
            return True
        return set(SERVED) <= {file["path"].rpartition("/")[2] for file in listed.get("files", [])}

    def kept_files(self, name: str, version: str) -> KeptFiles:
        """Return what is known of an existing version's files, which are behind the server."""
        return KeptFiles(sha256=self._version_tags(name, version).get("sha256", ""))

    def set_tag(self, name: str, key: str, value: str) -> None:
        """Set a tag of a registered model."""
        self._request("POST", "registered-models/set-tag", {"name": name, "key": key, "value": value})

    def set_champion(self, name: str, version: str) -> None:
        """Let the alias `champion` name a version."""
        self._request(
            "POST", "registered-models/alias", {"name": name, "alias": CHAMPION, "version": version}
        )

    def create(self, name: str, tags: dict[str, str]) -> bool:
        """Create a registered model; return False where one has this name already."""
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        response = self._request(
            "POST",
            "registered-models/create",
            {"name": name, "tags": pairs},
            accept=("RESOURCE_ALREADY_EXISTS", NOT_FOUND),  # not found: deleted while the server looked it up
        )
        return response is not None

    def delete(self, name: str) -> None:
        """Delete a registered model without versions, if it exists."""
        self._request("DELETE", "registered-models/delete", {"name": name}, accept=(NOT_FOUND,))

    def _version_tags(self, name: str, version: str) -> dict[str, str]:
        query = {"name": name, "version": version}
        found = self._request("GET", "model-versions/get", query, accept=(NOT_FOUND,)) or {}
        return {tag["key"]: tag.get("value", "") for tag in found.get("model_version", {}).get("tags", [])}

    def _request(
        self, method: str, path: str, arguments: dict[str, Any], *, accept: tuple[str, ...] = ()
    ) -> dict[str, Any] | None:
        """Return the server's response; None where it is an error whose code is in `accept`."""
        try:
            response = self._session.request(
                method,
                f"{self._uri}/api/2.0/mlflow/{path}",
                params=arguments if method == "GET" else None,
                json=None if method == "GET" else arguments,
                timeout=TIMEOUT_SECONDS,
            )
        except OSError as error:  # also a plain one, for a REQUESTS_CA_BUNDLE that is not there
            raise RegistryError(explain(self._uri, error)) from error
        if response.status_code in (401, 403):
            refusal = f"the server refuses with status {response.status_code}"
            raise RegistryError(explain(self._uri, PermissionError(refusal)))
        try:
            content: dict[str, Any] = dict(response.json())
        except (requests.JSONDecodeError, TypeError, ValueError) as error:
            raise RegistryError(
                f"{self._shown_uri} does not respond as MLflow's server does: status {response.status_code}; "
                "check the address, in MLFLOW_TRACKING_URI or after --uri"
            ) from error
        if response.ok:
            return content
        if content.get("error_code") in accept:
            return None
        message = content.get("message") or response.status_code
        raise RegistryError(f"the registry at {self._shown_uri} refused the request: {message}")
