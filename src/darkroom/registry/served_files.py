"""The files of a version that a prediction needs, on this machine: where they are, or copied once."""

from pathlib import Path

from darkroom.files import copy_file, folder_aside
from darkroom.registry.store import PUT_BACK, SERVED, RegistryError, Store


def served_folder(uri: str, store: Store, name: str, version: str, *, cache: Path) -> Path:
    """Return a folder with the graph and the description of an existing version.

    Files in a folder of this machine are used where they are. Others are downloaded by MLflow's client, which
    takes seconds to import, into `cache`, and not again while the version has the same graph.

    Raises RegistryError where the files are gone, or cannot be read now.
    """
    kept = store.kept_files(name, version)
    if not kept.sha256:
        raise RegistryError(f"version {version} of {name} does not name its files; {PUT_BACK}")
    folder = kept.folder or cache / f"{name}-{kept.sha256[:16]}"
    if not all((folder / file).is_file() for file in SERVED):
        _download(uri, name, version, folder)
    return folder


def _download(uri: str, name: str, version: str, folder: Path) -> None:
    from darkroom.registry.evidence import check_graph, evidence_of
    from darkroom.registry.store_errors import registry_errors
    from darkroom.registry.versions import MlflowClient, get_version
    from darkroom.tracking.artifact_places import relocate_artifacts

    with registry_errors(uri):
        relocate_artifacts(uri)
        found = get_version(MlflowClient(uri), name, version)
        with evidence_of(uri, found) as evidence:
            check_graph(evidence, found)
            with folder_aside(folder) as aside:
                for file in SERVED:
                    copy_file(evidence / file, aside / file)
