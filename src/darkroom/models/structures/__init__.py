"""Structures over labels: what turns independent scores of labels into joint ones, one file a method.

Each takes calibrated logits float [B,L], whose sigmoids are probabilities of each label by itself, and gives
joint probabilities [B,L] (`structure.Structure`). `model.structure` names one; `fitting` fits it.
"""

from darkroom.models.structures.chain import CHAIN
from darkroom.models.structures.chain_ensemble import CHAIN_ENSEMBLE
from darkroom.models.structures.co_occurrence import CO_OCCURRENCE
from darkroom.models.structures.crf import CRF
from darkroom.models.structures.dependency_network import DEPENDENCY_NETWORK
from darkroom.models.structures.label_sets import LABEL_SETS
from darkroom.models.structures.matrix_completion import MATRIX_COMPLETION
from darkroom.models.structures.rakel import RAKEL
from darkroom.models.structures.structure import Method

STRUCTURES: dict[str, Method] = {
    "co_occurrence": CO_OCCURRENCE,
    "crf": CRF,
    "dependency_network": DEPENDENCY_NETWORK,
    "chain": CHAIN,
    "chain_ensemble": CHAIN_ENSEMBLE,
    "label_sets": LABEL_SETS,
    "rakel": RAKEL,
    "matrix_completion": MATRIX_COMPLETION,
}
