"""Commands as people type them: options anywhere, models without a prefix, any case, hints for the rest."""

import json
from pathlib import Path

import pytest

from darkroom.cli.main import main
from tests.helpers.gate import correct_but
from tests.helpers.registry import new_store, register_model

DIGITS, LETTERS = "darkroom-digits", "darkroom-letters"


@pytest.fixture(scope="module")
def digits_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a registry as the quickstart leaves it: a version of the digits, none of params.yaml's data."""
    folder = tmp_path_factory.mktemp("digits")
    store = new_store(folder / "mlflow.db")
    register_model(store, DIGITS, folder / "a", correct_but(0, 100))
    return store


@pytest.fixture(scope="module")
def two_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a registry of two models, neither of them of params.yaml's data."""
    folder = tmp_path_factory.mktemp("two")
    store = new_store(folder / "mlflow.db")
    register_model(store, DIGITS, folder / "a", correct_but(0, 100))
    register_model(store, DIGITS, folder / "b", correct_but(0, 50))
    register_model(store, LETTERS, folder / "c", correct_but(50, 150))
    return store


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command; return what it printed on standard output."""
    capsys.readouterr()
    main(list(words))
    return capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that fails; return its message."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code
    message = ended.value.code if isinstance(ended.value.code, str) else ""
    return message + capsys.readouterr().err


def test_options_may_stand_before_and_after_the_command(
    two_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = printed(capsys, "--uri", two_uri, "--name", DIGITS, "list")
    assert [line.split()[0] for line in expected.splitlines()] == ["version", "2", "1"]
    for words in (
        ["list", "--uri", two_uri, "--name", DIGITS],
        ["--uri", two_uri, "list", "--name", DIGITS],
        ["--name", DIGITS, "list", "--uri", two_uri],
        ["--name", LETTERS, "list", "--name", DIGITS, "--uri", two_uri],  # the later one counts
        ["list", "--uri", two_uri, "--name", "digits"],
        ["list", "digits", "--uri", two_uri],
        ["list", DIGITS, "--uri", two_uri],
        ["LIST", "digits", "--URI", two_uri],
        ["ls", "digits", "--uri", two_uri],
        ["versions", "digits", "--uri", two_uri],
    ):
        assert printed(capsys, *words) == expected, words
    for words in (["show", "1"], ["lineage", "1"], ["compare", "1", "2"], ["history"]):
        before = printed(capsys, "--uri", two_uri, "--name", DIGITS, *words)
        assert printed(capsys, *words, "--uri", two_uri, "--name", DIGITS) == before


def test_two_models_by_argument_and_option_are_refused(
    two_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "two models are named: digits, and letters" in refusal(
        capsys, "list", "digits", "--name", "letters", "--uri", two_uri
    )


def test_list_without_a_name_lists_every_model(two_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed = [line.split()[:3] for line in printed(capsys, "list", "--uri", two_uri).splitlines()]
    assert listed == [
        ["model", "version", "test"],
        [DIGITS, "2", "champion"],
        [DIGITS, "1", "90.00%"],
        [LETTERS, "1", "champion"],
    ]
    listed = [line.split() for line in printed(capsys, "models", "--uri", two_uri).splitlines()]
    assert listed == [["model", "versions", "champion"], [DIGITS, "2", "2"], [LETTERS, "1", "1"]]
    assert printed(capsys, "model", "--uri", two_uri) == printed(capsys, "models", "--uri", two_uri)


def test_an_empty_registry_says_what_to_do(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no versions in" in printed(capsys, "list", "--uri", uri)
    assert "make quickstart" in printed(capsys, "list", "--uri", uri)
    assert "no registered models in" in printed(capsys, "models", "--uri", uri)
    assert json.loads(printed(capsys, "list", "--uri", uri, "--json")) == []


def test_a_model_without_versions_is_told_beside_those_with_some(
    two_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = printed(capsys, "list", "cifar10", "--uri", two_uri)
    assert "cifar10 has no versions in" in told
    assert f"There are versions of {DIGITS}, {LETTERS}" in told


@pytest.mark.parametrize("reference", ["1", "v1", "champion", "Champion"])
def test_after_the_quickstart_its_model_needs_no_name(
    digits_uri: str, capsys: pytest.CaptureFixture[str], reference: str
) -> None:
    main(["show", reference, "--uri", digits_uri])
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == ["version", DIGITS, "1"]
    assert f"{DIGITS} is meant" in err
    assert "none -> 1" in printed(capsys, "history", "--uri", digits_uri)


def test_of_several_models_one_must_be_named(two_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["show", "1"], ["promote", "1", "--why", "x"], ["rollback"], ["history"]):
        assert f"Name one after --name: {DIGITS}, {LETTERS}" in refusal(capsys, *words, "--uri", two_uri)


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("digits@champion", "2"),
        ("darkroom-digits@champion", "2"),
        ("digits/1", "1"),
        ("models:/darkroom-digits/1", "1"),
        ("models:/darkroom-digits@champion", "2"),
        ("digits/v1", "1"),
    ],
)
def test_a_version_is_named_with_its_model(
    two_uri: str, capsys: pytest.CaptureFixture[str], reference: str, version: str
) -> None:
    shown = printed(capsys, "show", reference, "--uri", two_uri)
    assert shown.splitlines()[0].split() == ["version", DIGITS, version]
    assert f"{DIGITS} version {version}" in printed(capsys, "lineage", reference, "--uri", two_uri)


def test_versions_of_two_models_are_compared(two_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    compared = printed(capsys, "compare", "digits/1", "letters@champion", "--uri", two_uri)
    assert "only this version is correct on 50" in compared


def test_a_model_in_the_place_of_a_version_is_refused_with_a_hint(
    two_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refusal(capsys, "show", "letters", "--uri", two_uri, "--name", DIGITS)
    assert "letters is a model: which version? `letters@champion`" in told
    assert "no version '9'; there are: 2, 1" in refusal(capsys, "show", "digits/9", "--uri", two_uri)


def test_champions_change_by_model_and_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = new_store(tmp_path / "mlflow.db")
    register_model(uri, DIGITS, tmp_path / "a", correct_but(0, 100))
    register_model(uri, DIGITS, tmp_path / "b", correct_but(0, 120))
    promoted = printed(capsys, "promote", "digits/2", "--why", "smaller", "--uri", uri)
    assert f"{DIGITS}: version 2 is champion, it was 1" in promoted
    assert "version 1 is champion, it was 2" in printed(capsys, "rollback", "digits", "--uri", uri)
    assert len(printed(capsys, "history", "digits", "--uri", uri).splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["lst"], "Did you mean 'list'?"),
        (["promot", "3"], "Did you mean 'promote'?"),
        (["rolback"], "Did you mean 'rollback'?"),
        (["feedback", "reveiw"], "Did you mean 'review'?"),
        (["list", "--nmae", "x"], "Did you mean '--name'?"),
        (["list", "--jsn"], "Did you mean '--json'?"),
        (["promote", "3", "--wy", "x"], "Did you mean '--why'?"),
        (["version"], "Did you mean --version?"),
        (["3", "show"], "The command comes first: "),
        (["digits", "list"], " list digits"),
        (["help", "lst"], "Did you mean 'list'?"),
    ],
    ids=" ".join,
)
def test_unknown_words_end_with_a_hint(
    capsys: pytest.CaptureFixture[str], words: list[str], hint: str
) -> None:
    assert hint in refusal(capsys, *words)


@pytest.mark.parametrize(
    ("words", "explains"),
    [
        ([], "[OPTIONS] [COMMAND]"),
        (["help"], "[OPTIONS] [COMMAND]"),
        (["-h"], "[OPTIONS] [COMMAND]"),
        (["help", "show"], " show [OPTIONS] VERSION"),
        (["help", "feedback", "list"], " feedback list [OPTIONS]"),
        (["feedback"], " feedback [OPTIONS] [COMMAND]"),
        (["reports", "--help"], " report [OPTIONS]"),
        (["Rollback", "-h"], " rollback [OPTIONS] [MODEL]"),
    ],
    ids=" ".join,
)
def test_help_is_printed(capsys: pytest.CaptureFixture[str], words: list[str], explains: str) -> None:
    assert explains in printed(capsys, *words).splitlines()[0]


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--version").split()[0] == "darkroom"
