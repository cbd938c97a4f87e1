"""Parameters: `params.yaml` as a frozen, typed tree.

Here belong: a file for each section of params.yaml, reading it, and the messages about what is wrong in it.
Not here: what a parameter does. Imports no other room.
"""

from darkroom.config.loading import load_params, load_tuned, override, parse_params
from darkroom.config.messages import ParamsError
from darkroom.config.params import Params
from darkroom.config.yaml_file import read_yaml

__all__ = ["Params", "ParamsError", "load_params", "load_tuned", "override", "parse_params", "read_yaml"]
