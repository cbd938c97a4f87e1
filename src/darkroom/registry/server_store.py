"""The registry behind MLflow's server, by its documented REST API and without MLflow's client."""

import os
from typing import Any

import requests
from requests.adapters import HTTPAdapter, Retry

from darkroom.registry.champion import CHAMPION, Model, RegistryError, without_secrets

SECONDS = 30.0  # that a server may take for an answer
GONE = "RESOURCE_DOES_NOT_EXIST"
AGAIN = (408, 429, 500, 502, 503, 504)  # answers after which a request is repeated, as by MLflow's client


class ServerStore:
    """A registry behind MLflow's server, asked as MLflow's client asks it: same variables, same repeats."""

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")
        self._said = without_secrets(self._uri)
        self._session = requests.Session()
        tries = Retry(
            int(os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")),
            backoff_factor=0.5,
            status_forcelist=AGAIN,
            allowed_methods=None,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=tries))
        user, password = (os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD"))
        if user and password:
            self._session.auth = (user, password)
        elif token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
            self._session.headers["Authorization"] = f"Bearer {token}"
        if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
            self._session.verify = False
        elif certificates := os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"):
            self._session.verify = certificates
        if own := os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"):
            self._session.cert = own

    def read(self, name: str) -> Model | None:
        """Return a registered model; None where there is none of this name."""
        answer = self._ask("GET", "registered-models/get", {"name": name}, unless=(GONE,))
        if answer is None:
            return None
        model = answer["registered_model"]
        aliases = {alias["alias"]: str(alias["version"]) for alias in model.get("aliases", [])}
        tags = {tag["key"]: str(tag.get("value", "")) for tag in model.get("tags", [])}
        return Model(tags=tags, champion=aliases.get(CHAMPION))

    def versions(self, name: str) -> list[str]:
        """Return the numbers of a model's versions that are not deleted."""
        found: list[str] = []
        page = ""
        while True:
            asked: dict[str, Any] = {"filter": f"name='{name}'", "max_results": 1000}
            answer = self._ask("GET", "model-versions/search", asked | ({"page_token": page} if page else {}))
            answer = answer or {}
            found += [str(version["version"]) for version in answer.get("model_versions", [])]
            page = answer.get("next_page_token", "")
            if not page:
                return found

    def tag(self, name: str, key: str, value: str) -> None:
        """Give a registered model a tag."""
        self._ask("POST", "registered-models/set-tag", {"name": name, "key": key, "value": value})

    def point(self, name: str, version: str) -> None:
        """Point the alias to a version."""
        self._ask("POST", "registered-models/alias", {"name": name, "alias": CHAMPION, "version": version})

    def create(self, name: str, tags: dict[str, str]) -> bool:
        """Make a registered model; return whether it was made."""
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        answer = self._ask(
            "POST",
            "registered-models/create",
            {"name": name, "tags": pairs},
            unless=("RESOURCE_ALREADY_EXISTS", GONE),  # gone: deleted while the server looked at it
        )
        return answer is not None

    def delete(self, name: str) -> None:
        """Delete a registered model without versions, if it is there."""
        self._ask("DELETE", "registered-models/delete", {"name": name}, unless=(GONE,))

    def _ask(
        self, method: str, what: str, asked: dict[str, Any], *, unless: tuple[str, ...] = ()
    ) -> dict[str, Any] | None:
        """Return what the server answers; None where it is one of the errors in `unless`."""
        try:
            answer = self._session.request(
                method,
                f"{self._uri}/api/2.0/mlflow/{what}",
                params=asked if method == "GET" else None,
                json=None if method == "GET" else asked,
                timeout=SECONDS,
            )
        except requests.RequestException as error:
            raise RegistryError(f"the registry at {self._said} does not answer: {error}") from error
        try:
            told: dict[str, Any] = answer.json()
        except requests.JSONDecodeError as error:
            raise RegistryError(
                f"{self._said} does not answer as MLflow's server does: status {answer.status_code}"
            ) from error
        if answer.ok:
            return told
        if told.get("error_code") in unless:
            return None
        raise RegistryError(
            f"the registry at {self._said} refused: {told.get('message') or answer.status_code}"
        )
