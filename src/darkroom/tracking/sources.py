"""The project's own files: what a copy is made of, and what identifies the code where there is no git."""

import os
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

from darkroom.files import sha256_files
from darkroom.tracking.git import git

CODE = ("src", "pipeline", "requirements", "dvc.yaml", "bentofile.yaml")


def source_files(root: Path) -> list[Path]:
    """Return the files in `root` that git keeps or would keep, as sorted paths relative to it.

    git lists them where it can. Elsewhere, as in an archive of the sources, the .gitignore files decide.
    """
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed:
        names = {Path(os.fsdecode(name)) for name in listed.split(b"\0") if name}
        return sorted(name for name in names if (root / name).is_file())
    return sorted(path.relative_to(root) for path in _not_ignored(root, []))


def code_sha256(root: Path) -> str:
    """Return one SHA-256 for the code in `root`: the library, the stages and the packages they need.

    It leaves out params.yaml, whose values are recorded with each model, and what the stages write.
    """
    return sha256_files([root / name for name in source_files(root) if name.parts[0] in CODE], root)


def _not_ignored(folder: Path, rules: list[tuple[Path, GitIgnoreSpec]]) -> Iterator[Path]:
    """Yield the files below `folder`; `rules` are those of the folders above, each with its folder."""
    if (folder / ".gitignore").is_file():
        text = (folder / ".gitignore").read_text(encoding="utf-8", errors="surrogateescape")
        rules = [*rules, (folder, GitIgnoreSpec.from_lines(text.splitlines()))]
    for path in folder.iterdir():
        is_folder = path.is_dir() and not path.is_symlink()
        if path.name == ".git" or _is_ignored(path, rules, is_folder=is_folder):
            continue
        if is_folder:
            yield from _not_ignored(path, rules)
        elif path.is_file():
            yield path


def _is_ignored(path: Path, rules: list[tuple[Path, GitIgnoreSpec]], *, is_folder: bool) -> bool:
    for folder, spec in reversed(rules):  # the nearest .gitignore that has a rule for the path decides
        name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
        decided = spec.check_file(name).include
        if decided is not None:
            return decided
    return False
