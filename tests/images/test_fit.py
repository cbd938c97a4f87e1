"""How an image of another aspect ratio becomes a model's input, and how large JPEGs are decoded for it."""

import io
import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from darkroom.images.decoding import decode, load_for_model
from darkroom.images.formats import open_image
from darkroom.images.resizing import FITS, MARGIN, Fit, to_model_input
from tests.helpers.icc import P3_COLORANTS, rgb_profile

# grey levels of 255 that a pixel may differ from decoding at full size: at most, and on average
MOST, MEAN = 24, 1.5


def stripes(width: int, height: int) -> Image.Image:
    """Return an image whose outer thirds, along the longer side, are black and whose middle is white."""
    pixels = np.zeros((height, width, 3), np.uint8)
    if width > height:
        pixels[:, width // 3 : 2 * width // 3] = 255
    else:
        pixels[height // 3 : 2 * height // 3] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [(300, 100), (100, 300)])
def test_pad_keeps_the_whole_image_between_grey_margins(size: tuple[int, int]) -> None:
    padded = to_model_input(stripes(*size), height=48, width=48, channels=3, fit="pad")
    padded = padded if size[0] > size[1] else padded.transpose(1, 0, 2)
    assert (padded[:16] == MARGIN).all()
    assert (padded[32:] == MARGIN).all()
    assert padded[16:32, :14].max() < 20
    assert padded[16:32, 18:30].min() > 235
    assert padded[16:32, 34:].max() < 20


@pytest.mark.parametrize("size", [(300, 100), (100, 300)])
def test_squeeze_keeps_the_whole_image_without_margins(size: tuple[int, int]) -> None:
    squeezed = to_model_input(stripes(*size), height=48, width=48, channels=3, fit="squeeze")
    squeezed = squeezed if size[0] > size[1] else squeezed.transpose(1, 0, 2)
    assert squeezed[:, :14].max() < 20
    assert squeezed[:, 18:30].min() > 235
    assert squeezed[:, 34:].max() < 20


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (31, 33), (24, 32), (48, 64)])
def test_every_fit_takes_every_size(fit: Fit, size: tuple[int, int]) -> None:
    for channels in (1, 3):
        image = Image.new("RGB", size, (90, 90, 90))
        pixels = to_model_input(image, height=32, width=24, channels=channels, fit=fit)
        assert pixels.shape == (32, 24, channels)
        assert set(np.unique(pixels)) <= ({90, MARGIN} if fit == "pad" else {90})


def test_an_unknown_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="'stretch'; supported are crop, pad, squeeze"):
        to_model_input(Image.new("L", (4, 4)), height=4, width=4, channels=1, fit="stretch")  # type: ignore[arg-type]


def photo(width: int, height: int) -> NDArray[np.uint8]:
    """Return an image with edges, gradients and fine noise, as a photograph has."""
    y, x = np.mgrid[0 : 1 : 1j * height, 0 : 1 : 1j * width]
    random = np.random.default_rng(0)
    planes = [
        120 + 90 * np.sin(9 * x + k) * np.cos(7 * y - k) + 40 * ((x - 0.4) ** 2 + (y - 0.6) ** 2 < 0.05)
        for k in range(3)
    ]
    noisy = np.stack(planes, -1) + random.normal(0, 10, (height, width, 1))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def jpeg(image: Image.Image, *, orientation: int = 1, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92, exif=exif, **options)
    return file.getvalue()


def for_model(
    data: bytes, fit: Fit, *, height: int = 48, width: int = 64
) -> tuple[Image.Image, NDArray[np.uint8]]:
    image = load_for_model(open_image(data), height=height, width=width, fit=fit)
    return image, to_model_input(image, height=height, width=width, channels=3, fit=fit)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("RGB", {"progressive": True}),
        ("RGB", {"subsampling": 0, "icc_profile": rgb_profile(2.2, P3_COLORANTS)}),
        ("L", {}),
        ("CMYK", {}),
    ],
)
def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(mode: str, options: dict[str, object]) -> None:
    image = Image.fromarray(photo(1000, 700)).convert(mode)
    for fit, orientation in itertools.product(FITS, (1, 6)):
        data = jpeg(image, orientation=orientation, **options)
        whole = decode(data)
        reduced, pixels = for_model(data, fit)
        assert reduced.width < whole.width
        assert (reduced.width > reduced.height) == (whole.width > whole.height)
        assert min(reduced.width, reduced.height) >= 96
        expected = to_model_input(whole, height=48, width=64, channels=3, fit=fit)
        difference = np.abs(pixels.astype(int) - expected)
        assert difference.max() <= MOST, (fit, orientation)
        assert difference.mean() <= MEAN, (fit, orientation)


@pytest.mark.parametrize("size", [(127, 95), (128, 200), (1023, 130)])
def test_a_jpeg_that_is_not_twice_as_large_is_decoded_whole(size: tuple[int, int]) -> None:
    data = jpeg(Image.fromarray(photo(*size)))
    for fit in ("crop", "squeeze"):
        image, _ = for_model(data, fit, height=96, width=96)
        assert image.size == size
        assert image.tobytes() == decode(data).tobytes()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
def test_other_formats_are_decoded_whole(kind: str) -> None:
    file = io.BytesIO()
    Image.fromarray(photo(600, 400)).save(file, kind)
    assert for_model(file.getvalue(), "crop")[0].size == (600, 400)


def test_a_jpeg_of_several_images_gives_its_first_one() -> None:
    first, second = Image.fromarray(photo(800, 600)), Image.new("RGB", (800, 600), "red")
    file = io.BytesIO()
    first.save(file, "MPO", save_all=True, append_images=[second])
    data = file.getvalue()
    assert open_image(data).format == "MPO"
    reduced, pixels = for_model(data, "crop")
    assert reduced.width == 400 or reduced.width == 200
    expected = to_model_input(decode(data), height=48, width=64, channels=3)
    assert np.abs(pixels.astype(int) - expected).mean() <= MEAN
