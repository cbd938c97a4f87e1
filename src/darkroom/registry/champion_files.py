"""The champion's files, copied from the registry to the checkout, where packaging takes them."""

from pathlib import Path
from typing import Any

from darkroom.files import copy_file, folder_aside, write_json
from darkroom.registry.evidence import check_graph, evidence_of, read_part
from darkroom.registry.store import RegistryError
from darkroom.registry.versions import MlflowClient, find_champion
from darkroom.tracking.store_errors import without_secrets


def write_champion(uri: str, name: str, folder: Path) -> dict[str, Any]:
    """Write the champion's graph, description, card and reference to `folder`; return the description.

    Raises RegistryError when there is no champion or its files are gone.
    """
    champion = find_champion(MlflowClient(uri), name)
    if champion is None:
        raise RegistryError(
            f"{name} has no champion in {without_secrets(uri)}: make a version champion with "
            "`python -m darkroom promote VERSION --why ...`"
        )
    with evidence_of(uri, champion) as evidence:
        info: dict[str, Any] = read_part(evidence, "model.json")
        info |= {"version": str(champion.version), "run_id": champion.tags["run_id"]}
        check_graph(evidence, champion)
        with folder_aside(folder) as aside:
            copy_file(evidence / "model.onnx", aside / "model.onnx")
            for file in ("card.html", "reference.json"):  # older versions were registered without them
                if (evidence / file).is_file():
                    copy_file(evidence / file, aside / file)
            write_json(aside / "model.json", info)
    return info
