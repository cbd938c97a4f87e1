"""The export of a classifier from torch to ONNX."""

import tempfile
import warnings
from pathlib import Path

import onnx
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
            file.write(_without_origins(aside.read_bytes()))


def _without_origins(graph: bytes) -> bytes:
    """Return an ONNX graph without the lines of code that torch notes with each node.

    They name this machine's folders: the same model would have another hash in another folder.
    """
    model = onnx.load_from_string(graph)
    graph_parts = (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output)
    for noted in (*graph_parts, *(node for function in model.functions for node in function.node)):
        del noted.metadata_props[:]
    del model.graph.metadata_props[:]
    return bytes(model.SerializeToString())
