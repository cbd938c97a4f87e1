"""Reading a YAML file that people write, exactly as DVC reads it.

DVC decides by what it reads whether a stage runs again (`dvc.utils.serialize`: ruamel.yaml, YAML 1.2). PyYAML
reads YAML 1.1, in which `0500` is 320, `1:30` is 90, `no` is false and `1e-4` is text.
"""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from darkroom.config.messages import ParamsError
from darkroom.config.yaml_errors import describe, key_places

MAX_BYTES = 1_000_000
MAX_VALUES = 100_000  # aliases of aliases turn a short file into billions of values
# by the bytes that a text editor writes first; UTF-32 begins as UTF-16 does, so it is asked first
BYTE_ORDER_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def read_yaml(path: Path) -> dict[str, Any]:
    """Read the file at `path`, whose top level must be keys with values.

    Raises ParamsError, which says where the file cannot be read, why, and what to do: a file that is missing,
    too large, in another encoding or no YAML, and YAML that gives a key twice, has a key that is no text, or
    refers to itself.
    """
    text = read_text(path)
    try:
        tree = YAML(typ="safe").load(text)
    except RecursionError as error:
        raise ParamsError(f"{path} is nested too deeply to be read: it needs a few levels") from error
    except Exception as error:  # a scalar like `!!bool maybe` raises what Python's conversion of it raises
        if not isinstance(error, YAMLError | ArithmeticError | LookupError | TypeError | ValueError):
            raise
        raise ParamsError(f"{path}{describe(error, text)}") from error
    if tree is None:
        raise ParamsError(f"{path} is empty: `git checkout {path.name}` restores what was committed")
    if not isinstance(tree, dict):
        raise ParamsError(f"{path} holds {_kind(tree)}, but must hold keys with values, as `seed: 0`")
    _check_keys(path, text, tree)
    return tree


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8 with Unix's line ends; raises ParamsError as `read_yaml` does."""
    content = _read_bytes(path)
    for mark, name in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            raise ParamsError(f"{path} is in {name}: save it as UTF-8")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = len(content[content.rfind(b"\n", 0, error.start) + 1 : error.start].decode(errors="replace"))
        raise ParamsError(
            f"{path}, line {line}, column {column + 1}: the byte 0x{content[error.start]:02x} is not UTF-8: "
            "save the file as UTF-8 (it may be in Latin-1 or Windows-1252)"
        ) from error
    return io.IncrementalNewlineDecoder(None, translate=True).decode(text, final=True)


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ParamsError(f"{path} is a folder, not a file")
        if path.exists() and not path.is_file():
            raise ParamsError(f"{path} is not a regular file")
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ParamsError(
            f"{path} does not exist: `git checkout {path.name}` restores what was committed"
        ) from error
    except PermissionError as error:
        raise ParamsError(f"{path} cannot be read by this user: `chmod u+r {path.name}` allows it") from error
    except OSError as error:
        raise ParamsError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise ParamsError(f"{path} is larger than {MAX_BYTES:,} bytes: is it the right file?")
    return content


def _check_keys(path: Path, text: str, tree: dict[Any, Any]) -> None:
    """Raise ParamsError for a tree that contains itself, is too large, or has a key that is not text."""
    counts: dict[
        int, int
    ] = {}  # of values, by the id of what holds them; an alias counts as often as it is used
    above: set[int] = set()

    def count(value: Any, keys: tuple[str, ...]) -> int:
        if not isinstance(value, dict | list):
            return 1
        if id(value) in above:
            raise ParamsError(
                f"{path}: {'.'.join(keys)} contains itself by an alias (*): write the values out"
            )
        if id(value) not in counts:
            above.add(id(value))
            for key in value if isinstance(value, dict) else ():
                if not isinstance(key, str):
                    place = key_places(text).get((*keys, str(key)))
                    where = f", line {place[0]}, column {place[1]}" if place else ""
                    raise ParamsError(f"{path}{where}: the key {key!r} is {_kind(key)}, but keys are text")
            items = value.items() if isinstance(value, dict) else enumerate(value)
            counts[id(value)] = 1 + sum(count(item, (*keys, str(key))) for key, item in items)
            above.remove(id(value))
        return counts[id(value)]

    if count(tree, ()) > MAX_VALUES:
        raise ParamsError(f"{path} has more than {MAX_VALUES:,} values, aliases (*) written out")


def _kind(value: Any) -> str:
    """Return what a value is in words for people.

    >>> _kind([1]), _kind("fast"), _kind(None)
    ('a list', 'text', 'null')
    """
    if value is None:
        return "null"
    names = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")
