"""How each command answers each loss of `losses`: it goes on, or ends with a sentence."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom.cli.main import main
from darkroom.registry.champion import history
from darkroom.registry.store import open_store
from darkroom.serving.process.bento_store import NEEDED
from darkroom.serving.process.control import write_state
from tests.helpers import losses
from tests.helpers.losses import NAME, Lossy

PORT = "3999"
COMMANDS = {
    "list": ["list"],
    "show": ["show", "champion"],
    "show 2": ["show", "2"],
    "compare": ["compare", "1", "2"],
    "lineage": ["lineage", "champion"],
    "history": ["history"],
    "reproduce": ["reproduce", "champion"],
    "deploy": ["deploy", "--port", PORT],
    "promote": ["promote", "3", "--why", "x"],
    "rollback": ["rollback"],
}
# What a command prints that goes on; of one that ends with a sentence, that sentence after "! ". `reproduce`
# and `deploy` go on until they need what no test of the registry has: the version's commit, and a service.
GOES_ON = {
    "list": r"\n2 +champion",
    "show": r"champion +yes\n",
    "show 2": "darkroom-digits 2\n",
    "compare": r"test accuracy +90\.00% .* +95\.00%",
    "lineage": "darkroom-digits version 2\n",
    "history": "none -> 1 .*\n.* 1 -> 2",
    "reproduce": "! commit 0123456789abcdef0123456789abcdef01234567 is not in",
    "deploy": f"! the service on port {PORT} does not respond",
    "promote": "version 3 is champion, it was 2",
    "rollback": "version 2 is champion, it was 3",
}
NO_CHAMPION = dict.fromkeys(("show", "lineage", "reproduce"), "! has no champion: .* promote VERSION")
NO_CHAMPION |= {"deploy": "! has no champion to serve: run `dvc repro`, or promote"}
NO_CHAMPION |= {"list": r"\n1 +90", "promote": "version 3 is champion, it was none"}
NO_MODEL = dict.fromkeys(GOES_ON, "! has no versions: if the model was renamed in MLflow, give its name")
PUT_BACK = r".*in the checkout that holds the model, `dvc repro -s -f register` puts its files back"
GONE_2 = {
    **dict.fromkeys(
        ("compare", "lineage", "reproduce"), rf"! files of {NAME} version 2 are not in .*{PUT_BACK}"
    ),
    "rollback": "version 1 is champion, it was 3",  # 2 could not be served
}
ALL_GONE = GONE_2 | {
    "compare": f"! files of {NAME} version 1 are not in .*{PUT_BACK}",
    "promote": f"! version 3 of {NAME} could not be served: its files are gone{PUT_BACK}",
    "rollback": r"! no earlier champion whose files exist \(those of 1 are gone\)",
}
NO_TAGS = {"list": r"\n2 +champion", "show": "not judged", **GONE_2}
# the same for every command
NO_STORE = {
    losses.delete_database: r"mlflow\.db does not exist, so nothing is registered: run `make quick",
    losses.empty_database: r"mlflow\.db is empty, so nothing is registered: run `make quickstart`",
    losses.cut_database: "malformed; the file is damaged or something else: restore a backup",
    losses.overwrite_database: "not a database; the file is damaged or something else: restore a backup",
    losses.replace_database: "is a database of another program .*: name another file",
    losses.age_database: "was written by an older MLflow .*: copy the file, then run `mlflow db upgrade",
    losses.renew_database: "was written by a newer MLflow .*: update the checkout and run `make install`",
}
EXPECTED: dict[Callable[[Lossy], None], dict[str, str]] = {
    losses.purge_experiment: ALL_GONE,
    losses.purge_champion_run: GONE_2,
    losses.delete_model: NO_MODEL | {"list": "has no versions"},
    losses.rename_model: NO_MODEL | {"list": "has no versions"},
    losses.delete_champion: NO_CHAMPION
    | {
        "show 2": "! has no version '2'; there are: 3, 1",
        "compare": "! has no version '2'; there are: 3, 1",
        "rollback": "version 1 is champion, it was 3",
    },
    losses.delete_earlier: {"compare": "! has no version '1'; there are: 3, 2"},
    losses.delete_alias: NO_CHAMPION,
    losses.move_alias: {
        "list": r"\n?3 +champion",
        "lineage": "version 3\n",
        "promote": "! is the champion already",
    },
    losses.lead_alias_astray: NO_CHAMPION
    | {"deploy": "! version 9, was deleted: roll back", "promote": "version 3 is champion, it was 9"},
    losses.remove_tags: NO_TAGS,
    losses.edit_tags: NO_TAGS | {"list": r"\n2 +champion +edited"},
    losses.remove_history: {"history": "has no history"},
    losses.edit_history: {"history": "has no history"},
    losses.remove_champion_files: GONE_2,
    losses.remove_earlier_files: {"compare": f"! files of {NAME} version 1 are not in"},
    losses.remove_graph: GONE_2,
    losses.remove_predictions: {"compare": f"! the test predictions of {NAME} version 2 are gone{PUT_BACK}"},
    losses.remove_lineage: dict.fromkeys(
        ("lineage", "reproduce"), f"! version 2 has no lineage: .*lineage.json was removed{PUT_BACK}"
    ),
    losses.damage_files: {
        "compare": f"! the test predictions of {NAME} version 2 are damaged{PUT_BACK}",
        **dict.fromkeys(("lineage", "reproduce"), f"! lineage.json is damaged{PUT_BACK}"),
    },
    losses.remove_all_artifacts: ALL_GONE,
    losses.move_artifacts: ALL_GONE,
    **{loss: dict.fromkeys(GOES_ON, f"! {said}") for loss, said in NO_STORE.items()},
}


def write_bentos(home: Path) -> None:
    """Give each version a Bento, and say that a service runs, which does not respond."""
    for version in "123":
        for part in NEEDED:
            path = home / f"bentos/{NAME}/{version}-x" / part
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    write_state(home, int(PORT), control=home / "none", tag="x:1", before=None)


def tried(uri: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command in this process; return what it printed, after "! " where it failed."""
    failed = ""
    try:
        main(["--uri", uri, "--name", NAME, *words])
    except SystemExit as end:
        failed = f"! {end.code}"
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    if failed:
        assert re.fullmatch(r"! [^\n]+", failed), "an error is one line"
        return failed
    return printed.out


def check_consistent(uri: str, before: set[str]) -> None:
    """Check that champion and history agree, and that no version is lost but those that were deleted."""
    store = open_store(uri)
    assert set(store.versions(NAME)) >= before
    model = store.read(NAME)
    assert model is not None
    if model.champion in before:
        assert history(store, NAME)[-1].after == model.champion
    assert open_store(uri).read(f"{NAME}.lock") is None


def check_commands(
    store: Lossy, lose: Callable[[Lossy], None], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Try every command after a loss, and check what it answers and what is left.

    A file that cannot be used must stay as it is.
    """
    lose(store)
    content = _content(store) if lose in NO_STORE else None
    known: set[str] = set() if lose in NO_STORE else set(open_store(store.uri).versions(NAME))
    expected = GOES_ON | EXPECTED.get(lose, {})
    for command, words in COMMANDS.items():
        into = ["--into", str(folder / "into")] if command == "reproduce" else []
        said = tried(store.uri, [*words, *into], capsys)
        wanted = expected[command]
        assert said.startswith("! ") == wanted.startswith("! "), f"{command}: {said}"
        assert re.search(wanted.removeprefix("! "), said), f"{command}: {said}"
        assert not (folder / "into").exists()
    if lose in NO_STORE:
        assert _content(store) == content
    elif known:
        check_consistent(store.uri, known)


def _content(store: Lossy) -> bytes | None:
    return store.file.read_bytes() if store.file.exists() else None
