"""Reading a form with images without ever holding more bytes than its limit.

Starlette's parser (python-multipart) takes the form apart; this file counts the bytes as they arrive and
checks the fields.
"""

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
FORM_BYTES = 64_000  # that the lines around the images of a form may take
MAX_FIELDS = 8  # text fields of a form
UPLOAD_SECONDS = 60  # for the whole upload; a slower one is refused


@dataclass(frozen=True)
class Form:
    """What a route takes in its multipart form.

    Attributes:
        image_fields: accepted names of the field with the image or images; the first is the documented one.
        text_field: name of the one text field.
        max_images: images that one request may hold.
        max_bytes: bytes that its images may have together.
    """

    image_fields: tuple[str, ...] = ("image", "file", "picture")
    text_field: str = "k"
    max_images: int = 1
    max_bytes: int = MAX_IMAGE_BYTES

    @property
    def name(self) -> str:
        """The documented name of the field with the images."""
        return self.image_fields[0]

    @property
    def names(self) -> str:
        """All accepted names of that field, for messages."""
        return f"'{self.name}' (also accepted: {', '.join(map(repr, self.image_fields[1:]))})"


PREDICT_FORM = Form()
FEEDBACK_FORM = Form(text_field="class")
FEEDBACK_SETS_FORM = Form(text_field="labels")  # of a model of several labels
BATCH_FORM = Form(("images", "files", "pictures"), max_images=MAX_BATCH_IMAGES, max_bytes=MAX_BATCH_BYTES)


@dataclass(frozen=True)
class Upload:
    """The content of a form: the bytes of its images, in order, and its text field, if it has one."""

    images: list[bytes]
    text: str | None


async def read_form(request: Request, form: Form, memory: RequestMemory) -> Upload:
    """Read the multipart form of `request`.

    The body is counted as it arrives and refused at the first byte too many, whatever length it
    declares; the bytes count into `memory` too.

    Raises:
        RequestError: 413 too large, 408 too slow, 415 not a form, 400 not the fields of `form`, 503 all
            uploads together hold too much.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise RequestError(
            415,
            "not_a_form",
            f"The body {f'is {_quoted(kind)}' if kind else 'has no Content-Type'}; send multipart/form-data "
            f"with the image in the field '{form.name}'.",
        )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > form.max_bytes + FORM_BYTES:
        raise _too_large(f"{int(declared):,} bytes are announced", form.max_bytes)
    parser = MultiPartParser(request.headers, _counted(request, form, memory), max_fields=MAX_FIELDS)
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            content = await parser.parse()
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
            f"or with: curl -F {form.name}=@file",
        ) from error
    try:
        return await _fields(content.multi_items(), form)
    finally:
        await content.close()


async def _counted(request: Request, form: Form, memory: RequestMemory) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of the body, counted; refuse the first byte too many."""
    limit = form.max_bytes + FORM_BYTES
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise _too_large(f"over {limit:,} bytes arrived", form.max_bytes)
        memory.take(len(chunk))
        yield chunk


async def _fields(items: list[tuple[str, UploadFile | str]], form: Form) -> Upload:
    """Return the images and the text of a form's fields; refuse fields that `form` does not have."""
    _check_count(sum(name in form.image_fields for name, _ in items), form)
    images: list[bytes] = []
    text: str | None = None
    for name, value in items:
        if name in form.image_fields:
            if not isinstance(value, UploadFile):
                raise RequestError(
                    400,
                    "not_a_file",
                    f"'{name}' holds text; send the image's bytes as a file (curl -F {name}=@file). "
                    "Addresses and paths are not opened.",
                )
            images.append(await value.read())
        elif name == form.text_field and isinstance(value, str):
            text = value
        else:
            raise RequestError(
                400,
                "unknown_field",
                f"The form has a field {_quoted(name)}; this route takes the file {form.names} and the "
                f"text '{form.text_field}'.",
            )
    if not images:
        raise RequestError(
            400, "no_image", f"The form has no image; send it as a file in the field {form.names}."
        )
    for number, image in enumerate(images, 1):
        if len(image) > MAX_IMAGE_BYTES:
            which = "" if form.max_images == 1 else f"image {number} of {len(images)}: "
            raise _too_large(f"{which}{len(image):,} bytes", MAX_IMAGE_BYTES)
    return Upload(images, text)


def _check_count(count: int, form: Form) -> None:
    if count <= form.max_images:
        return
    one = form.max_images == 1
    advice = "Send several to /predict_batch." if one else "Send the rest in another request."
    raise RequestError(
        400 if one else 413,
        "too_many_images",
        f"The form has {count} images; at most {form.max_images} can be sent here. {advice}",
    )


def _too_large(seen: str, max_bytes: int) -> RequestError:
    if max_bytes <= MAX_IMAGE_BYTES:
        advice = f"at most {max_bytes:,} bytes are accepted. Send a smaller image."
    else:
        advice = f"a batch may hold {max_bytes:,} bytes. Send it in parts."
    return RequestError(413, "too_large", f"Too large ({seen}): {advice}")


def _quoted(text: str) -> str:
    """Return a client's text quoted, printable and short."""
    return ascii(text[:60] + ("…" if len(text) > 60 else ""))
