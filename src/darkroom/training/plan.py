"""What each epoch sees: at which resolution, and which of the images."""

from dataclasses import dataclass

from darkroom.config.train import Train


@dataclass(frozen=True)
class EpochPlan:
    """What an epoch sees.

    Attributes:
        side: the shorter side of the images, in pixels; 0 is full size.
        images: how many images: those of the greatest loss when they were last seen.
        steps: how many whole batches these make.
    """

    side: int
    images: int
    steps: int


def plan_epochs(settings: Train, images: int) -> list[EpochPlan]:
    """Return what each epoch sees of `images` training images.

    The first epochs see all of them at low resolution. Those of full size see the share with the greatest
    last loss, after "Online Batch Selection" (Loshchilov & Hutter 2015, arXiv:1511.06343): images that are
    predicted well already teach little. An image that was left out keeps its loss, and returns when the
    losses of the others have fallen below it.

    >>> from types import SimpleNamespace
    >>> settings = SimpleNamespace(epochs=3, low_resolutions=(20,), hardest_share=0.5, batch_size=100)
    >>> for plan in plan_epochs(settings, 1000):
    ...     print(plan)
    EpochPlan(side=20, images=1000, steps=10)
    EpochPlan(side=0, images=500, steps=5)
    EpochPlan(side=0, images=500, steps=5)
    """
    batch = min(settings.batch_size, images)
    low = settings.low_resolutions[: settings.epochs]
    hardest = max(round(settings.hardest_share * images), batch)
    full = [EpochPlan(0, hardest, hardest // batch)] * (settings.epochs - len(low))
    return [EpochPlan(side, images, images // batch) for side in low] + full
