"""Reading a form with images without ever holding more than its limit."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from ..errors import RequestError
from ..memory import RequestMemory

MAX_IMAGE_BYTES = 10_000_000
MAX_BATCH_BYTES = 40_000_000
MAX_BATCH_IMAGES = 64
FORM_BYTES = 64_000  # what the lines around the images of a form may weigh
UPLOAD_SECONDS = 60  # a sender slower than this is let go


@dataclass
class Upload:
    """The bytes of the images in a form, in order, and its text, if there is one."""

    images: list[bytes]
    text: str | None


async def read_images(
    request: Request, memory: RequestMemory, *, field: str, max_bytes: int, max_images: int, text: str = "k"
) -> Upload:
    """Read the multipart form of `request`: files named `field`, and perhaps one named `text`.

    The body is counted as it arrives and refused at the first byte too many, whatever length it
    declares; it counts into `memory` too.

    Raises:
        RequestError: too long, too slow, not a form, or not the fields named here.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise RequestError(
            415,
            "not_a_form",
            f"The body is {_shown(kind) if kind else 'of no named type'}; send multipart/form-data with the "
            f"image in the field '{field}'.",
        )
    limit = max_bytes + FORM_BYTES
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(f"{int(declared):,} bytes are announced", max_bytes)
    parser = MultiPartParser(request.headers, _counted(request, memory, limit, max_bytes), max_fields=8)
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            form = await parser.parse()
    except TimeoutError as error:
        raise RequestError(
            408,
            "too_slow",
            f"The upload was not complete after {UPLOAD_SECONDS} seconds. Send less or try again.",
        ) from error
    except (MultiPartException, KeyError) as error:
        raise RequestError(
            400,
            "bad_form",
            "The body is not a well-formed multipart/form-data form. Build it with a library, "
            "or with: curl -F " + field + "=@file",
        ) from error
    try:
        return await _fields(form.multi_items(), field, text, max_images)
    finally:
        await form.close()


async def _fields(
    items: list[tuple[str, UploadFile | str]], field: str, text: str, max_images: int
) -> Upload:
    images: list[bytes] = []
    given: str | None = None
    if (count := sum(name == field for name, _ in items)) > max_images:
        advice = "Send several to /predict_batch." if max_images == 1 else "Send the rest in another request."
        raise RequestError(
            400 if max_images == 1 else 413,
            "too_many_images",
            f"The form has {count} images; at most {max_images} can be sent here. {advice}",
        )
    for name, value in items:
        if name == field and isinstance(value, UploadFile):
            images.append(await value.read())
        elif name == field:
            raise RequestError(
                400,
                "not_a_file",
                f"'{field}' holds text; send the image's bytes as a file (curl -F {field}=@file). "
                "Addresses and paths are not opened.",
            )
        elif name == text and isinstance(value, str):
            given = value
        else:
            raise RequestError(
                400,
                "unknown_field",
                f"The form has a field {_shown(name)}; this route takes the file '{field}' and the text "
                f"'{text}'.",
            )
    if not images:
        raise RequestError(
            400, "no_image", f"The form has no field '{field}'; send the image in it as a file."
        )
    for number, image in enumerate(images, 1):
        if len(image) > MAX_IMAGE_BYTES:
            which = "" if max_images == 1 else f"image {number} of {len(images)}: "
            raise _too_large(f"{which}{len(image):,} bytes", MAX_IMAGE_BYTES)
    return Upload(images, given)


async def _counted(
    request: Request, memory: RequestMemory, limit: int, max_bytes: int
) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise _too_large(f"over {limit:,} bytes arrived", max_bytes)
        memory.take(len(chunk))
        yield chunk


def _too_large(seen: str, max_bytes: int) -> RequestError:
    return RequestError(
        413,
        "too_large",
        f"Too large ({seen}): at most {max_bytes:,} bytes are accepted. Send a smaller image."
        if max_bytes <= MAX_IMAGE_BYTES
        else f"Too large ({seen}): a batch may hold {max_bytes:,} bytes. Send it in parts.",
    )


def _shown(text: str) -> str:
    """Return a client's text quoted, printable and short."""
    return ascii(text[:60] + ("…" if len(text) > 60 else ""))
