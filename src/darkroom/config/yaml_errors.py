"""What is wrong with a YAML text, and where: ruamel.yaml's errors in words for people."""

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

Place = tuple[int, int]  # line and column, from 1


def describe(error: Exception, text: str) -> str:
    """Return where `text` could not be read and why, to be put behind the name of the file."""
    if isinstance(error, ReaderError):
        before = text[: error.position]
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        code = text[error.position : error.position + 1]
        return f"{_at(place)}: the character {code!a} is not allowed in YAML: delete it, or save as UTF-8"
    if not isinstance(error, MarkedYAMLError):
        return _describe_scalar(error, text)
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = str(error.problem or error.context).strip()
    if isinstance(error, DuplicateKeyError):
        return f"{_at(place)}: {_describe_duplicate(text, place)}"
    if "another document" in problem:
        return f"{_at(place)}: another document begins here (---), but the file must hold one"
    if r"'\t'" in problem:
        return f"{_at(place)}: a tab: YAML is indented with spaces"
    if "constructor for the tag" in problem:
        tag = problem.split("'")[1].replace("tag:yaml.org,2002:", "!!")
        return f"{_at(place)}: the value is of type {tag}, which cannot be read: quote it if it is text"
    context = f" {error.context}" if error.context and error.context != problem else ""
    return f"{_at(place)}: this is not YAML: {problem}{context}"


def key_places(text: str) -> dict[tuple[str, ...], Place]:
    r"""Return where the keys of a YAML text stand, by their path; the places in a list are counted from 0.

    >>> key_places("train:\n  epochs: 16\n")
    {('train',): (1, 1), ('train', 'epochs'): (2, 3)}
    """
    places: dict[tuple[str, ...], Place] = {}

    def walk(node: Node, keys: tuple[str, ...], above: tuple[Node, ...]) -> None:
        if node in above:  # an alias of what it stands in
            return
        if isinstance(node, MappingNode):
            for key, value in node.value:
                path = (*keys, str(key.value))
                places.setdefault(path, _start(key))
                walk(value, path, (*above, node))
        elif isinstance(node, SequenceNode):
            for index, value in enumerate(node.value):
                places[(*keys, str(index))] = _start(value)
                walk(value, (*keys, str(index)), (*above, node))

    root = YAML(typ="safe").compose(text)
    if root is not None:
        walk(root, (), ())
    return places


def _describe_duplicate(text: str, second: Place) -> str:
    """Return which key stands at `second` and where the same map has it for the first time."""
    for node in _nodes(YAML(typ="safe").compose(text)):
        if not isinstance(node, MappingNode):
            continue
        keys = [key for key, _ in node.value]
        for number, key in enumerate(keys):
            if _start(key) == second:
                first = next((_start(other) for other in keys[:number] if other.value == key.value), None)
                where = f"first in line {first[0]}, column {first[1]}" if first else "in another spelling"
                return f"the key {key.value!r} is given twice, {where}: delete one of them"
    return "a key is given twice: delete one of them"


def _describe_scalar(error: Exception, text: str) -> str:
    """Return which scalar of the text raises an error when it is converted."""
    yaml = YAML(typ="safe")
    for node in _nodes(yaml.compose(text)):
        if isinstance(node, ScalarNode):
            try:
                yaml.constructor.construct_object(node)
            except Exception as found:  # whatever the conversion raises: that it does is what is looked for
                shown = node.value if len(node.value) <= 40 else f"{node.value[:40]}…"
                kind = str(node.tag).replace("tag:yaml.org,2002:", "!!")
                why = f": {found}" if isinstance(found, ValueError) else ""
                return f"{_at(_start(node))}: the value {shown!r} cannot be read as {kind}{why}"
    return f": {error}"


def _nodes(root: Any) -> list[Node]:
    """Return a node and all below it, each once."""
    found: dict[int, Node] = {}
    waiting = [root] if root is not None else []
    while waiting:
        node = waiting.pop()
        if id(node) in found:
            continue
        found[id(node)] = node
        if isinstance(node, MappingNode):
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, SequenceNode):
            waiting += node.value
    return list(found.values())


def _start(node: Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _at(place: Place) -> str:
    """Return a place as it is written behind the name of a file.

    >>> _at((3, 5))
    ', line 3, column 5'
    """
    return f", line {place[0]}, column {place[1]}"
