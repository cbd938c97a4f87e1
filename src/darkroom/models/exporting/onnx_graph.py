"""The export of a classifier from torch to ONNX."""

import tempfile
import warnings
from pathlib import Path

import torch

from darkroom.files import atomic_write
from darkroom.models.classifier import Classifier
from darkroom.models.exporting.outputs import every_output


def export_onnx(classifier: Classifier, path: Path, *, height: int, width: int, channels: int) -> None:
    """Write `classifier` to `path` as an ONNX graph for images of one size, in batches of any size.

    Its input is `images` uint8 [batch,H,W,C]. Its outputs are `probabilities` float32 [batch,classes];
    `heat`, for a net that has heat maps (see `heatmaps`); and `embedding` (see `embedding`). Where the
    classifier says when one view is enough, those are of all views, and further outputs are of one view
    (see `outputs`).
    """
    model, names = every_output(classifier, height=height, width=width)
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
            output_names=names,
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        with atomic_write(path) as file:
            file.write(aside.read_bytes())
