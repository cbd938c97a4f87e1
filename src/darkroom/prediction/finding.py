"""Which files of a model a name means: a version in the registry, a Bento, or an exported folder."""

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from darkroom.files import folder_aside, sha256_file
from darkroom.registry.champion import no_model, no_version
from darkroom.registry.references import split_version
from darkroom.registry.served_files import served_folder
from darkroom.registry.store import CHAMPION, SERVED, RegistryError, open_store, registered_name
from darkroom.tracking.mlflow_tables import sqlite_file

IN_BENTO = "src/models/champion"


@dataclass(frozen=True)
class Places:
    """Where models are looked for.

    Attributes:
        uri: of the registry.
        cache: folder for files that are not on this machine as such.
        bentos: BentoML's home.
        data_name: returns the name of the data set whose champion is meant where no model is named.
    """

    uri: str
    cache: Path
    bentos: Path
    data_name: Callable[[], str]


def find_model(reference: str, places: Places) -> tuple[Path, str]:
    """Return the folder with model.onnx and model.json, and the version; empty where the files state it.

    Args:
        reference: a folder, a model.onnx or a .bento file; a Bento's tag (`name:version`); `photos@champion`
            or another alias, `photos/3`, `photos` for its champion; `3` or `champion` of the data set in
            params.yaml; empty for that champion.
        places: where to look.

    Raises RegistryError, whose message says what there is.
    """
    path = Path(reference).expanduser()
    if reference and _is_path(reference, path):
        return _at_path(path, places.cache), ""
    if ":" in reference and not reference.startswith("models:/"):
        return _in_bento_store(reference, places.bentos), ""
    return _registered(reference, places)


def _is_path(reference: str, path: Path) -> bool:
    """Whether a path is meant: a folder of images may have the same name as the model made of them."""
    if path.is_file() or any((path / inside / SERVED[0]).is_file() for inside in (".", IN_BENTO)):
        return True
    return reference.startswith(("/", "./", "../", "~")) or reference.endswith((".onnx", ".bento"))


def _at_path(path: Path, cache: Path) -> Path:
    if path.is_file() and path.suffix == ".bento":
        return _unpacked(path, cache)
    if path.is_file() and path.name != SERVED[0]:
        raise RegistryError(
            f"{path} is no model: name the folder with model.onnx and model.json, or a .bento"
        )
    folder = path.parent if path.is_file() else path
    for inside in (folder, folder / IN_BENTO):
        if all((inside / name).is_file() for name in SERVED):
            return inside
    missing = next(name for name in SERVED if not (folder / name).is_file())
    raise RegistryError(
        f"{folder / missing} is missing: an exported model is a folder with model.onnx and model.json, such "
        "as models/champion"
        if path.exists()
        else f"there is no model at {path}"
    )


def _unpacked(archive: Path, cache: Path) -> Path:
    """Return the folder with the model of an exported Bento, which is unpacked once."""
    folder = cache / f"bento-{sha256_file(archive)[:16]}"
    if folder.is_dir():
        return folder
    try:
        with tarfile.open(archive) as tar, folder_aside(folder) as aside:
            names = {name.removeprefix("./"): name for name in tar.getnames()}
            for name in SERVED:
                content = tar.extractfile(names[f"{IN_BENTO}/{name}"])
                assert content is not None, "the model's files are files"
                (aside / name).write_bytes(content.read())
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise RegistryError(f"{archive} is no whole exported Bento with a model in it: {error}") from error
    return folder


def _in_bento_store(tag: str, home: Path) -> Path:
    name, _, version = tag.partition(":")
    store = home / "bentos" / name
    if version == "latest" and (store / "latest").is_file():
        version = (store / "latest").read_text(encoding="utf-8").strip()
    folder = store / version / IN_BENTO
    if version and all((folder / file).is_file() for file in SERVED):
        return folder
    tags = [f"{one.parent.name}:{one.name}" for one in sorted((home / "bentos").glob("*/*")) if one.is_dir()]
    there = f"there are {', '.join(tags[-5:])}" if tags else "there are none"
    raise RegistryError(f"BentoML's store in {home} has no Bento {tag!r} with a model; {there}")


def _registered(reference: str, places: Places) -> tuple[Path, str]:
    _check_file(places.uri, places.cache)
    model, version = split_version(reference or CHAMPION)
    if model is None and not version.isdecimal() and version not in (CHAMPION, "latest"):
        model, version = version, CHAMPION
    store = open_store(places.uri)
    name = registered_name(places.data_name()) if model is None else model
    known = store.read(name)
    if known is None and model is not None:
        name, known = registered_name(model), store.read(registered_name(model))
        name = name if known else model
    if known is None:
        raise RegistryError(no_model(name))
    existing = sorted(store.versions(name), key=int, reverse=True)
    if not existing:
        raise RegistryError(no_model(name))
    wanted = existing[0] if version == "latest" else known.aliases.get(version, version)
    if wanted == CHAMPION:
        raise RegistryError(
            f"{name} has no champion: `darkroom promote VERSION --why ...` makes one, or name a version: "
            f"{', '.join(f'{name}/{one}' for one in existing[:5])}"
        )
    if wanted not in existing:
        aliases = f"; aliases: {', '.join(sorted(known.aliases))}" if known.aliases else ""
        raise RegistryError(no_version(name, wanted, existing) + aliases)
    return served_folder(places.uri, store, name, wanted, cache=places.cache), wanted


def _check_file(uri: str, cache: Path) -> None:
    """Raise RegistryError where the registry is a file that is missing: MLflow would make it."""
    database = sqlite_file(uri)
    if database is None or (database.is_file() and database.stat().st_size):
        return
    champion = database.parent / "models/champion"
    instead = f"; {champion} can be named instead" if (champion / SERVED[0]).is_file() else ""
    raise RegistryError(
        f"{database} does not exist or is empty, so no model is registered: run `dvc repro` or "
        f"`make quickstart`{instead}"
    )
