"""Every pruner, sampler and engine that params.yaml may name is there, and no other."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from darkroom.config.tune import Tune
from darkroom.tuning.engines import ENGINES
from darkroom.tuning.pruners import PRUNERS
from darkroom.tuning.samplers import SAMPLERS


@pytest.mark.parametrize(("key", "known"), [("pruner", PRUNERS), ("sampler", SAMPLERS), ("engine", ENGINES)])
def test_every_name_in_params_yaml_has_a_function(key: str, known: Mapping[str, Any]) -> None:
    assert list(get_args(Tune.model_fields[key].annotation)) == list(known)
