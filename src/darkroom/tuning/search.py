"""What all workers of one search have in common: its parameters, its name and its places."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.config import Params
from darkroom.data.splits import split_sha256
from darkroom.training.fingerprint import fingerprint, fingerprinted
from darkroom.tuning.trial_training import FIXED

SECTIONS = {"seed", "data", "model", "augment", "train", "tune"}  # of params.yaml, that a search depends on
# by section, the parameters that may change while a study continues
CHANGEABLE = {
    "train": {"epochs", "threads", *FIXED},
    "tune": {"trials", "minutes", "workers", "engine", "dead_after"},
}


@dataclass(frozen=True)
class Places:
    """Where a search reads and writes."""

    root: Path
    """The checkout, in which worker processes are started."""
    data: Path
    """The folder with the splits `train` and `validation`, and meta.json."""
    checkpoints: Path
    """The folder for the checkpoints of running trials and the logs of workers."""
    storage: str
    """The URL of the studies' database."""
    tracking_uri: str
    """MLflow's tracking URI."""


@dataclass(frozen=True)
class Search:
    """A search as its workers share it."""

    params: Params
    places: Places
    study: str
    """The study's name: the data set's, and a hash of settings, data and code."""
    about: dict[str, Any]
    """What that hash is of."""
    settings: dict[str, Any]
    """The parameters, by section, on which the study depends."""

    @property
    def folder(self) -> Path:
        """The folder on this machine for the checkpoints of running trials and the logs of workers."""
        return self.places.checkpoints / f"tune-{self.study.rpartition('-')[2]}"


def prepare_search(params: Params, places: Places) -> Search:
    """Return the search to which the parameters, the data and the code of this process belong.

    Every worker must call this with the same modules imported: their source is part of the study's name.
    """
    settings = params.model_dump(mode="json", include=SECTIONS)
    for section, names in CHANGEABLE.items():
        settings[section] = {name: value for name, value in settings[section].items() if name not in names}
    data = [split_sha256(places.data / split) for split in ("train", "validation")]
    return Search(
        params=params,
        places=places,
        study=f"{params.data.name}-{fingerprint(settings, data)}",
        about={"data_name": params.data.name, **fingerprinted(settings, data)},
        settings=settings,
    )
