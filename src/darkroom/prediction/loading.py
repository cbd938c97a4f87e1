"""`darkroom.load`: the entry for programs and notebooks, which reads the environment and params.yaml."""

import os
from pathlib import Path

from darkroom.environment import bento_home
from darkroom.prediction.finding import Places, find_model
from darkroom.prediction.model import Model

ROOT = Path(__file__).resolve().parents[3]


def load(model: str | Path = "", *, uri: str = "", root: Path = ROOT, threads: int = 0) -> Model:
    """Load a model to predict with.

    Args:
        model: `photos@champion` or another alias, `photos/3`, `photos`; a number or alias alone is of the
            data set in params.yaml, and nothing is its champion. Or a Bento's tag (`photos:3-0123abcd`), an
            exported folder with model.onnx and model.json, or a .bento file.
        uri: of the registry; default: MLFLOW_TRACKING_URI, else mlflow.db in the checkout.
        root: the checkout.
        threads: for computing and for decoding; 0: one each core that this process may use.

    Raises:
        darkroom.registry.store.RegistryError: there is no such model, or the registry cannot be read.
        ValueError: its files are damaged.
    """
    places = Places(
        uri=uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow.db'}",
        cache=root / ".checkpoints" / "served",
        bentos=bento_home(root),
        data_name=lambda: _data_name(root),
    )
    folder, version = find_model(str(model), places)
    return Model(folder, version=version, threads=threads)


def _data_name(root: Path) -> str:
    from darkroom.config import load_params

    return load_params(root / "params.yaml").data.name
