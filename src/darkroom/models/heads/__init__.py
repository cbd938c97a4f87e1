"""Heads on a frozen backbone's last maps, for several labels: one file a method, found in `HEADS`.

The names are those in params.yaml (model.head). Here belong: what a head computes and what it refuses. Not
here: how it is trained (`darkroom.training.map_head`).
"""

from collections.abc import Callable

from darkroom.models.heads.cnn_rnn import CnnRnn
from darkroom.models.heads.gcn import Gcn
from darkroom.models.heads.hypotheses import Hypotheses
from darkroom.models.heads.maps_head import MapsHead
from darkroom.models.heads.ml_decoder import MlDecoder
from darkroom.models.heads.query2label import Query2Label
from darkroom.models.heads.spatial import Spatial

# Each is built from the number of maps, of labels, and the maps' rows and columns.
HEADS: dict[str, Callable[[int, int, int, int], MapsHead]] = {
    "ml_decoder": lambda features, labels, rows, columns: MlDecoder(features=features, labels=labels),
    "query2label": lambda features, labels, rows, columns: Query2Label(
        features=features, labels=labels, rows=rows, columns=columns
    ),
    "cnn_rnn": lambda features, labels, rows, columns: CnnRnn(
        features=features, labels=labels, by_frequency=False
    ),
    "cnn_rnn_frequency": lambda features, labels, rows, columns: CnnRnn(
        features=features, labels=labels, by_frequency=True
    ),
    "spatial": lambda features, labels, rows, columns: Spatial(
        features=features, labels=labels, rows=rows, columns=columns
    ),
    "hypotheses": lambda features, labels, rows, columns: Hypotheses(
        features=features, labels=labels, rows=rows, columns=columns
    ),
    "gcn": lambda features, labels, rows, columns: Gcn(features=features, labels=labels),
}
