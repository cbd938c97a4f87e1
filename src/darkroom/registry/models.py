"""All registered models of a registry."""

from dataclasses import dataclass

from darkroom.registry.champion_lock import LOCK_SUFFIX
from darkroom.registry.versions import MlflowClient, find_champion, list_versions


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """A registered model: how many versions it has and which is champion, None where none is."""

    name: str
    versions: int
    champion: str | None


def list_models(uri: str) -> list[ModelSummary]:
    """Return the registered models that have versions, by name."""
    client = MlflowClient(uri)
    names, page = [], None
    while True:
        found = client.search_registered_models(page_token=page)
        names += [model.name for model in found if not model.name.endswith(LOCK_SUFFIX)]
        page = found.token
        if not page:
            break
    summaries = []
    for name in sorted(names):
        champion = find_champion(client, name)
        count = len(list_versions(client, name))
        if count:
            version = None if champion is None else str(champion.version)
            summaries.append(ModelSummary(name=name, versions=count, champion=version))
    return summaries
