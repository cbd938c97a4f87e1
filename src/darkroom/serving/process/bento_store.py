"""The Bentos in BentoML's store: those that are whole, and the exported one where the store lost its own."""

import sys
from pathlib import Path

NEEDED = ("bento.yaml", "src/models/champion/model.onnx", "src/models/champion/model.json")


def missing_part(home: Path, tag: str) -> str | None:
    """Return the first file that the Bento `tag` lacks in the store at `home`; None where it has them all."""
    folder = home / "bentos" / tag.replace(":", "/")
    return next((name for name in NEEDED if not (folder / name).is_file()), None)


def whole_bentos(home: Path) -> list[str]:
    """Return the tags of the store's Bentos, the newest last; damaged ones are left out, and told on stderr.

    BentoML's own list ends with an exception where one of them is damaged.
    """
    import bentoml  # reads BENTOML_HOME once, when imported

    found = []
    for folder in sorted(path for path in (home / "bentos").glob("*/*") if path.is_dir()):
        tag = f"{folder.parent.name}:{folder.name}"
        problem = missing_part(home, tag)
        problem = problem and f"{problem} is missing"
        if problem is None:
            try:
                found.append((bentoml.bentos.get(tag).info.creation_time, tag))
            except Exception as error:
                problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        if problem:
            print(
                f"The Bento {tag} in {home} is damaged ({problem}) and left out; if it is the champion's, "
                "`dvc repro -s -f package` builds it again.",
                file=sys.stderr,
            )
    return [tag for _, tag in sorted(found)]


def restore_exported(archive: Path) -> str:
    """Import the exported Bento `archive` into the store; return its tag.

    Raises ValueError when the archive is damaged.
    """
    import bentoml

    try:
        tag = str(bentoml.bentos.import_bento(str(archive)).tag)
    except Exception as error:
        raise ValueError(
            f"{archive} is damaged ({str(error).splitlines()[0] if str(error) else type(error).__name__}): "
            "`dvc repro -s -f package` builds it again"
        ) from error
    print(f"{tag} was not in the store any more: it is there again, from {archive}.", file=sys.stderr)
    return tag
