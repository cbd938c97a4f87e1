"""What each epoch sees: at which resolution, and which of the images."""

from dataclasses import dataclass

from darkroom.config.train import Train


@dataclass(frozen=True)
class EpochPlan:
    """What an epoch sees."""

    side: int  # of the images, in pixels; 0 is full size
    images: int  # how many: those of the greatest loss when they were last seen


def plan_epochs(settings: Train, images: int) -> list[EpochPlan]:
    """Return what each epoch sees of `images` training images.

    The first epochs see all, at low resolution. Those of full size see the share with the greatest last
    loss, after "Online Batch Selection" (Loshchilov & Hutter 2015, arXiv:1511.06343): what is known well
    already teaches little. An image that was left out keeps its loss, and returns when the losses of the
    others have fallen below it.
    """
    low = settings.low_resolutions[: settings.epochs]
    hardest = max(round(settings.hardest_share * images), min(settings.batch_size, images))
    full = [EpochPlan(0, hardest)] * (settings.epochs - len(low))
    return [EpochPlan(side, images) for side in low] + full
