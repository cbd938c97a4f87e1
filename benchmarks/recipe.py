"""Print a recipe of recipes/ as options of dvc: `dvc exp run $(python -m benchmarks.recipe NAME)`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkroom.config import Params, load_params, parse_params, read_yaml
from darkroom.config.trees import flatten, merge
from pipeline import ROOT

RECIPES = Path(__file__).parent / "recipes"


def read_recipe(name: str) -> dict[str, Any]:
    """Return the changes to params.yaml that a recipe makes; raises SystemExit with the known names."""
    path = RECIPES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in RECIPES.glob("*.yaml")))
        raise SystemExit(f"there is no recipe {name!r}: {known}")
    return read_yaml(path)


def params_of_search(recipe: Mapping[str, Any]) -> Params:
    """Return params.yaml with a recipe laid over it, whose search space takes the place of params.yaml's."""
    tree = load_params(ROOT / "params.yaml").model_dump(mode="json")
    del tree["tune"]["space"]  # the recipe's would be merged into it
    return parse_params(merge(tree, recipe), source=str(ROOT / "params.yaml"))


def main() -> None:
    """Print the options."""
    if len(sys.argv) != 2:
        raise SystemExit("name one recipe: python -m benchmarks.recipe airbench94")
    for key, value in flatten(read_recipe(sys.argv[1])).items():
        # without blanks: the shell splits the words
        print("-S", f"{key}={json.dumps(value, separators=(',', ':')) if isinstance(value, list) else value}")


if __name__ == "__main__":
    main()
