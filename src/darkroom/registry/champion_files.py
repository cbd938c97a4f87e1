"""The champion's files, copied from the registry to the checkout, where packaging takes them."""

from pathlib import Path
from typing import Any

from darkroom.files import copy_file, folder_aside, read_json, write_json
from darkroom.registry.evidence import evidence_of
from darkroom.registry.store import RegistryError
from darkroom.registry.versions import MlflowClient, find_champion


def write_champion(uri: str, name: str, folder: Path) -> dict[str, Any]:
    """Write the champion's graph, description, card and reference to `folder`; return the description.

    Raises RegistryError when there is no champion or its files are gone.
    """
    champion = find_champion(MlflowClient(uri), name)
    if champion is None:
        raise RegistryError(
            f"{name} has no champion in {uri}: make a version champion with "
            "`python -m darkroom promote VERSION --why ...`"
        )
    with evidence_of(uri, champion) as evidence:
        info: dict[str, Any] = read_json(evidence / "model.json")
        info |= {"version": str(champion.version), "run_id": champion.tags["run_id"]}
        with folder_aside(folder) as aside:
            for file in ("model.onnx", "card.html"):
                copy_file(evidence / file, aside / file)
            if (evidence / "reference.json").is_file():  # older versions were registered without it
                copy_file(evidence / "reference.json", aside / "reference.json")
            write_json(aside / "model.json", info)
    return info
