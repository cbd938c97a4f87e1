"""Which modules a file imports, and which of the project's files a stage's script reaches by imports."""

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


@cache
def module_file(name: str) -> Path | None:
    """Return the project's file of a module, None for anybody else's."""
    base = PROJECT / ("src" if name.split(".")[0] == "darkroom" else ".") / name.replace(".", "/")
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file() and name.split(".")[0] in ("darkroom", "pipeline"):
            return path
    return None


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def anywhere(path: Path) -> frozenset[str]:
    """Return the modules that a file imports, wherever in it, and the packages above them."""
    return _modules(path, ast.walk(parsed(path)))


@cache
def at_once(path: Path) -> frozenset[str]:
    """Return the modules that are imported as soon as a file is, and the packages above them."""
    return _modules(path, _outside_functions(parsed(path)))


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        for_types = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        if not for_types and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _outside_functions(child)


def _modules(path: Path, nodes: Iterable[ast.AST]) -> frozenset[str]:
    package = path.relative_to(PROJECT / "src" if "src" in path.parts else PROJECT).with_suffix("").parts[:-1]
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    for name in tuple(names):
        while name := name.rpartition(".")[0]:
            names.add(name)
    return frozenset(names)


def reached(stage: str, modules: Callable[[Path], frozenset[str]] = anywhere) -> set[Path]:
    """Return the project's files that a stage's script imports, and those that these import."""
    script = PROJECT / "pipeline" / f"{stage}.py"
    found, todo = {script}, [script]
    while todo:
        files = {file for name in modules(todo.pop()) if (file := module_file(name))}
        todo += files - found
        found |= files
    return found
