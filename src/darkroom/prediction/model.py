"""A model for programs and notebooks: paths or arrays in, a DataFrame out."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from darkroom.machine import cores
from darkroom.prediction.flow import Classified, classify
from darkroom.prediction.items import Item
from darkroom.prediction.results import layout_of, table
from darkroom.prediction.values import items_of
from darkroom.serving.prediction.model import Classifier

if TYPE_CHECKING:
    import pandas as pd

REMOTE_THREADS = 16  # that read over the network, most of which wait
LEAST_THREADS = 2  # that read and decode: one may wait for a disk


class Model:
    """An exported model on this machine, with the service's decoder, graph and runtime.

    Attributes:
        name: of the registered model.
        version: of the registered model; empty for an exported one that was not registered.
        classes: in the order of the probabilities.
        shape: height, width and channels in pixels of what the graph takes; images of any size are resized.
        confident_from: the probability from which a prediction counts as confident; None: it is not known.
    """

    def __init__(self, folder: Path, *, version: str = "", threads: int = 0) -> None:
        """Load model.onnx and model.json from `folder`; `darkroom.load` finds it.

        Args:
            folder: where the files are.
            version: of the registered model, where model.json does not state it.
            threads: for computing and for decoding; 0: one each core that this process may use.

        Raises FileNotFoundError, and ValueError where the files do not belong together.
        """
        self.classifier = Classifier(folder, threads=threads, version=version)
        self.name, self.version = self.classifier.name, self.classifier.version
        self.classes = tuple(self.classifier.classes)
        self.shape, self.confident_from = self.classifier.shape, self.classifier.confident_from
        self.sha256 = str(self.classifier.about["sha256"])
        self._threads = threads or max(LEAST_THREADS, cores().count)

    def __repr__(self) -> str:
        """Name the model and what it takes."""
        height, width, channels = self.shape
        version = f"/{self.version}" if self.version else ""
        return f"<Model {self.name}{version}: {len(self.classes)} classes, {height}x{width}x{channels}>"

    def predict(
        self,
        images: Any,
        *,
        top: int = 1,
        probabilities: bool | None = None,
        column: str = "",
        progress: bool = False,
    ) -> "pd.DataFrame":
        """Return a row for each image: path, prediction, probability, unsure, probabilities, reason.

        Args:
            images: a path (of a file, a folder, an archive, a table; globs too), a URL, the bytes of a file,
                an open file, a Pillow image, an array [height, width] or [height, width, channels] of uint8
                or of floats from 0 to 1, a tensor (PyTorch's with its channels first), or several of them:
                a list, a generator, an array [images, height, width, channels].
            top: how many of the most probable classes have columns of their own (`prediction_2`, ...).
            probabilities: whether each class has a column `p_<class>`; by default up to 100 classes.
            column: of a table, that names the images; empty: it is found.
            progress: whether to show how far it is.

        Returns:
            The columns that `darkroom predict` writes. A file that cannot be used is a row with a `reason`.

        Raises:
            TypeError: `images` holds what is no image.
            ValueError: an array has a shape or values that no image has, or `top` is less than 1.
            darkroom.data.storage.SourceError: a place names nothing, or does not answer any more.
        """
        layout = layout_of(self.classifier, top=top, probabilities=probabilities)
        items: Iterable[Item] = items_of(images, Path.cwd(), column=column)
        total = len(images) if isinstance(images, list | tuple) else None
        with tqdm(total=total, desc="predict", unit=" images", disable=not progress) as bar:
            return table(list(self._shown(items, bar)), layout)

    def classified(self, items: Iterable[Item]) -> Iterator[Classified]:
        """Yield what the model says of images, in their order and in batches; as `classify` in `flow`."""
        iterator = iter(items)
        first = next(iterator, None)
        if first is not None:
            threads = REMOTE_THREADS if first.remote else self._threads
            yield from classify(chain([first], iterator), self.classifier, threads=threads)

    def _shown(self, items: Iterable[Item], bar: "tqdm[Any]") -> Iterator[Classified]:
        for part in self.classified(items):
            bar.update(len(part.items))
            yield part
