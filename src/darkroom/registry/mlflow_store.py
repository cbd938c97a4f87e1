"""The registry through MLflow's client, which serves every kind of store that MLflow knows."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from darkroom.registry import versions
from darkroom.registry.store import CHAMPION, SERVED, KeptFiles, RegisteredModel, RegistryError
from darkroom.registry.store_errors import registry_errors
from darkroom.registry.version_files import file_names
from darkroom.tracking.schema import check_schema


class MlflowStore:
    """A registry at any URI that MLflow knows."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def read(self, name: str) -> RegisteredModel | None:
        """Return a registered model; None where none has this name."""
        with self._client() as client:
            try:
                model = client.get_registered_model(name)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
        aliases = {alias: str(version) for alias, version in model.aliases.items()}
        return RegisteredModel(tags=dict(model.tags), champion=aliases.get(CHAMPION), aliases=aliases)

    def versions(self, name: str) -> list[str]:
        """Return the numbers of a model's versions that are not deleted."""
        with self._client() as client:
            return [str(version.version) for version in versions.list_versions(client, name)]

    def has_files(self, name: str, version: str) -> bool:
        """Return whether a version's graph and description exist; True where that cannot be found out now."""
        try:
            with self._client() as client:
                return set(SERVED) <= file_names(client, client.get_model_version(name, version))
        except RegistryError:
            return True

    def kept_files(self, name: str, version: str) -> KeptFiles:
        """Return what is known of an existing version's files."""
        with self._client() as client:
            return KeptFiles(sha256=client.get_model_version(name, version).tags.get("sha256", ""))

    def set_tag(self, name: str, key: str, value: str) -> None:
        """Set a tag of a registered model."""
        with self._client() as client:
            client.set_registered_model_tag(name, key, value)

    def set_champion(self, name: str, version: str) -> None:
        """Let the alias `champion` name a version."""
        with self._client() as client:
            client.set_registered_model_alias(name, CHAMPION, version)

    def create(self, name: str, tags: dict[str, str]) -> bool:
        """Create a registered model; return False where one has this name already."""
        with self._client() as client:
            try:
                client.create_registered_model(name, tags=tags)
            except MlflowException as error:
                # "does not exist": another process deleted it while MLflow composed its error message
                if error.error_code in ("RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"):
                    return False
                raise
        return True

    def delete(self, name: str) -> None:
        """Delete a registered model without versions, if it exists."""
        with self._client() as client:
            try:
                client.delete_registered_model(name)
            except MlflowException as error:
                # "does not exist": already deleted by a request that MLflow repeated
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise

    @contextmanager
    def _client(self) -> Iterator[MlflowClient]:
        with registry_errors(self._uri):
            check_schema(self._uri)
            yield MlflowClient(self._uri)
