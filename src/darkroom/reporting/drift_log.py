"""Reading a prediction log for the report on drift: the rows of one version of the model."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.serving.monitoring.drift_score import MIN_IMAGES
from darkroom.serving.monitoring.prediction_log import read_predictions
from darkroom.serving.monitoring.reference import Reference


class DriftError(ValueError):
    """There is nothing to report on; the message says why and what to do."""


@dataclass(frozen=True)
class LoggedPredictions:
    """The predictions of one version of a model, the oldest first.

    Attributes:
        rows: of features, float32 `[N, columns]`, as `Reference.rows` returns them.
        times: of the predictions, N of them.
        lines: of the log, N of them.
        left_out: number of other lines in the log, by the reason.
    """

    rows: NDArray[np.float32]
    times: list[datetime]
    lines: list[dict[str, Any]]
    left_out: dict[str, int]


def read_log(folder: Path, reference: Reference, *, version: str | None = None) -> LoggedPredictions:
    """Read the lines of a prediction log that belong to a version of the model.

    Args:
        folder: that DARKROOM_LOG named.
        reference: of the model.
        version: None is that of the newest line.

    Raises:
        DriftError: the log has fewer than `MIN_IMAGES` usable lines of that version.
    """
    if not folder.is_dir():
        raise DriftError(f"{folder} is not a folder: name the one in DARKROOM_LOG")
    every = list(read_predictions(folder))
    if not every:
        raise DriftError(
            f"{folder} holds no prediction: is it the folder in DARKROOM_LOG of a service that gets requests?"
        )
    wanted = version or _version(every[-1])
    rows, times, lines, left_out = [], [], [], dict[str, int]()
    for line in every:
        found = _version(line)
        try:
            if found != wanted:
                raise ValueError(f"of version {found}")
            row, time = reference.row_from_log(line), datetime.fromisoformat(line["time"])
        except (KeyError, TypeError, ValueError) as error:
            reason = str(error) if found != wanted else "without the features of this reference"
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        rows.append(row)
        times.append(time)
        lines.append(line)
    if len(rows) < MIN_IMAGES:
        raise DriftError(
            f"{folder} holds {len(rows)} usable predictions of version {wanted}; {MIN_IMAGES} are needed. "
            f"Left out: {', '.join(f'{count} {reason}' for reason, count in left_out.items()) or 'none'}"
        )
    return LoggedPredictions(np.array(rows, dtype=np.float32), times, lines, left_out)


def _version(line: dict[str, Any]) -> str:
    return str(line.get("model", {}).get("version"))
