"""Images degraded in eight ways and five strengths, to measure how robust a classifier is.

To add a corruption, write a file with a `Corruption` and give it a line in `CORRUPTIONS`; the evaluation
report then has it. Not here: predicting the degraded images and tabulating the accuracy (`slices`).

The selection is that of Hendrycks and Dietterich (2019, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", arXiv:1903.12261), computed from the images at hand so that any data set has
it. Noise, blur, contrast, JPEG and pixelation are as strong as in their version of CIFAR-10; brightness, fog
and rotation are similar to theirs or our own, so accuracies do not compare with published ones.
"""

from darkroom.evaluation.corruptions.blur import BLUR
from darkroom.evaluation.corruptions.brightness import BRIGHTNESS
from darkroom.evaluation.corruptions.contrast import CONTRAST
from darkroom.evaluation.corruptions.corruption import Corruption
from darkroom.evaluation.corruptions.fog import FOG
from darkroom.evaluation.corruptions.jpeg import JPEG
from darkroom.evaluation.corruptions.noise import NOISE
from darkroom.evaluation.corruptions.pixelate import PIXELATE
from darkroom.evaluation.corruptions.rotation import ROTATION

STRENGTHS = (1, 2, 3, 4, 5)
CORRUPTIONS: dict[str, Corruption] = {  # add new ones at the end: the place of each is part of its seed
    "noise": NOISE,
    "blur": BLUR,
    "contrast": CONTRAST,
    "brightness": BRIGHTNESS,
    "jpeg": JPEG,
    "pixelate": PIXELATE,
    "fog": FOG,
    "rotation": ROTATION,
}
