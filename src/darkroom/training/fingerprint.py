"""The fingerprint of a run: a checkpoint or a study is resumed only under the same one."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from darkroom.files import sha256_file


def fingerprint(settings: Mapping[str, Any], data: Sequence[str]) -> str:
    """Return a name for what a run depends on: settings, hashes of the data, and the code loaded here.

    A checkpoint is resumed only under the same name: 16 hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(fingerprinted(settings, data), sort_keys=True).encode()).hexdigest()[:16]


def fingerprinted(settings: Mapping[str, Any], data: Sequence[str]) -> dict[str, Any]:
    """Return what `fingerprint` is the hash of.

    That is: `settings`, `data`, `code` (the SHA-256 of each loaded module of Darkroom, by name) and the
    version of `torch`.
    """
    named = {_import_name(name): getattr(module, "__file__", None) for name, module in sys.modules.items()}
    code = {
        name: sha256_file(Path(file))
        for name, file in sorted(named.items())
        if name.partition(".")[0] in ("darkroom", "pipeline", "__main__")
        and file
        # a script inside a library, as that of Ray's workers, is not part of Darkroom
        and not (name == "__main__" and (Path(file).parent / "__init__.py").exists())
    }
    return {"settings": dict(settings), "data": list(data), "code": code, "torch": str(torch.__version__)}


def _import_name(name: str) -> str:
    # `python -m` runs a module under the name __main__
    spec = getattr(sys.modules[name], "__spec__", None)
    return spec.name if name == "__main__" and spec else name
