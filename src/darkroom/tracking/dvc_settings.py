"""DVC's local settings, in .dvc/config.local, which git ignores."""

from collections.abc import Mapping
from pathlib import Path

from configobj import ConfigObj

from darkroom.files import atomic_write
from darkroom.tracking.git import has_git

LOCAL = Path(".dvc/config.local")


def adapt_to_git(root: Path) -> None:
    """Tell DVC whether the project in `root` is in git; untold, its commands fail where it is not.

    The setting is `core.no_scm`. It is made where an archive of the sources was unpacked, also within
    another repository, and is taken back after `git init`.
    """
    # DVC reads repositories without the command `git`, so a repository of this folder needs no question to it
    without = not (root / ".git").exists() and not has_git(root)
    change_settings(root, {"core": {"no_scm": "true" if without else None}})


def change_settings(root: Path, changes: Mapping[str, Mapping[str, str | None]]) -> None:
    """Set DVC's local settings of the project in `root`, by section and name; None removes one.

    Others stay as they are, and without a change nothing is written.
    """
    path = root / LOCAL
    # as DVC reads it, whose own command takes a second for each setting
    settings = ConfigObj(str(path), encoding="utf-8", interpolation=False)
    before = settings.dict()
    for section, values in changes.items():
        settings.setdefault(section, {})
        for name, value in values.items():
            if value is None:
                settings[section].pop(name, None)
            else:
                settings[section][name] = value
        if not settings[section]:
            del settings[section]
    if settings.dict() == before:
        return
    settings.filename = None  # then it returns its lines
    with atomic_write(path) as file:
        file.writelines(line + b"\n" for line in settings.write())


if __name__ == "__main__":
    adapt_to_git(Path(__file__).resolve().parents[3])
