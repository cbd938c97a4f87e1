"""Networks: one file an architecture, found in `NETWORKS` by its name in params.yaml (model.architecture)."""

from collections.abc import Callable, Mapping
from typing import Any

from darkroom.models.networks import classic, fast, resnet18
from darkroom.models.networks.net import Net

NETWORKS: dict[str, Callable[[Mapping[str, Any]], Net]] = {
    "fast": fast.build,
    "classic": classic.build,
    "resnet18": resnet18.build,
}


def build_net(config: Mapping[str, Any]) -> Net:
    """Build the net that `config` (models/model_config.json) describes, with fresh weights.

    They depend on torch's global seed. The net takes standardised images float [B,C,H,W] and returns logits
    [B,classes]. Raises ValueError for an architecture that is not in `NETWORKS`.
    """
    name = config["architecture"]
    if name not in NETWORKS:
        raise ValueError(f"architecture {name!r} is unknown: {', '.join(NETWORKS)}")
    return NETWORKS[name](config)
