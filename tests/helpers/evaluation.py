"""Six predictions whose metrics are easily worked out by hand."""

import numpy as np

CLASSES = ["cat", "dog", "ship"]
# Predicted: cat cat dog dog ship cat. So cat: 3 predicted, 2 of 3 correct; dog: 2 predicted, 1 of 2 correct;
# ship: 1 predicted, 1 of 1 correct.
PROBABILITIES = np.array(
    [
        [0.7, 0.2, 0.1],
        [0.5, 0.4, 0.1],
        [0.3, 0.6, 0.1],
        [0.1, 0.8, 0.1],
        [0.0, 0.1, 0.9],
        [0.6, 0.1, 0.3],
    ],
    dtype=np.float32,
)
LABELS = np.array([0, 0, 0, 1, 2, 1], dtype=np.int64)
