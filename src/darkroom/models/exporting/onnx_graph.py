"""The export of a classifier from torch to ONNX."""

import tempfile
import warnings
from pathlib import Path

import torch

from darkroom.files import atomic_write
from darkroom.models.classifier import Classifier
from darkroom.models.embedding import ClassifierWithEmbedding
from darkroom.models.heatmaps import with_heat_maps


def export_onnx(classifier: Classifier, path: Path, *, height: int, width: int, channels: int) -> None:
    """Write `classifier` to `path` as an ONNX graph for images of one size, in batches of any size.

    Its input is `images` uint8 [batch,H,W,C]. Its outputs are `probabilities` float32 [batch,classes];
    `heat`, for a net that has heat maps (see `heatmaps`); and `embedding` (see `embedding`).
    """
    with_heat = with_heat_maps(classifier, height=height, width=width)
    model = ClassifierWithEmbedding(with_heat or classifier).eval()
    example = torch.zeros(2, height, width, channels, dtype=torch.uint8)  # 2: an example of 1 fixes the batch
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # torch's exporter warns about its internals (pytrees, opset translation); `parity` checks its graph
        warnings.simplefilter("ignore")
        aside = Path(folder) / "model.onnx"
        torch.onnx.export(
            model,
            (example,),
            aside,
            input_names=["images"],
            output_names=["probabilities", *(["heat"] if with_heat else []), "embedding"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        with atomic_write(path) as file:
            file.write(aside.read_bytes())
