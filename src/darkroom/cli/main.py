"""The registry and its models by hand: `python -m darkroom --help` lists what can be asked and done."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.cli import feedback
from darkroom.text import columns

if TYPE_CHECKING:  # each command imports what it needs: a rollback shall not wait for MLflow
    from darkroom.registry.champion import Change, Store

ROOT = Path(__file__).resolve().parents[3]
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # a dozen small files
os.environ.setdefault(
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"
)  # its 7 are four minutes before a server is given up


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says; errors end it with a message."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.command == "report":
        from darkroom.reporting.change_report import pr_report

        print(pr_report(ROOT, against=asked.against))
        return
    if asked.command == "quickstart":
        from darkroom.cli.quickstart import main as quickstart

        quickstart()
        return
    if asked.command == "feedback":
        print(feedback.run(ROOT, asked))
        return
    if asked.command == "drift":
        print(_drift(asked))
        return
    from darkroom.registry.champion import RegistryError, registered_name
    from darkroom.registry.stores import open_store

    uri = asked.uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{ROOT / 'mlflow.db'}"
    try:
        _check_store(uri)
        name = asked.name or registered_name(_data_name())
        store = open_store(uri) if asked.command in QUICK else None
        print(_by_mlflow(uri, name, asked) if store is None else QUICK[asked.command](store, name, asked))
    except (RegistryError, FileExistsError) as error:
        raise SystemExit(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m darkroom", description=__doc__)
    parser.add_argument(
        "--name", help="of the registered model; default: darkroom-<data.name of params.yaml>"
    )
    parser.add_argument(
        "--uri", help="of the registry; default: MLFLOW_TRACKING_URI or the checkout's mlflow.db"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("quickstart", help="every stage on the digits, in a scratch copy of the checkout")
    commands.add_parser("list", help="all versions, the champion marked")
    show = commands.add_parser("show", help="a version, its measures and its verdict")
    compare = commands.add_parser("compare", help="two versions on the same test images")
    promote = commands.add_parser("promote", help="make a version champion by hand, with a reason")
    rollback = commands.add_parser("rollback", help="make the champion before this one champion again")
    deploy = commands.add_parser("deploy", help="serve the champion's Bento, without a failed request")
    commands.add_parser("history", help="who made which version champion, when, from which, why")
    lineage = commands.add_parser("lineage", help="all that a version comes from")
    reproduce = commands.add_parser("reproduce", help="make a version again in a new folder, and compare")
    report = commands.add_parser("report", help="the reports beside another commit's, as Markdown")
    feedback_parser = commands.add_parser("feedback", help="what people said of images: look, decide, export")
    feedback.add_to(feedback_parser, ROOT)
    drift = commands.add_parser("drift", help="a prediction log beside the model's reference, as a page")
    promote.add_argument("version", help="its number")
    for command in (show, lineage, reproduce):
        command.add_argument("version", help="its number, or champion")
    compare.add_argument("version", help="its number, or champion")
    compare.add_argument("other", help="the version to compare it with")
    promote.add_argument("--why", required=True, help="the reason, kept in the history")
    deploy.add_argument("--bento", metavar="TAG", help="another Bento than the champion's")
    deploy.add_argument("--port", type=int, default=3000, help="of the service (default: %(default)s)")
    rollback.add_argument("--why", default="rolled back", help="the reason, kept in the history")
    reproduce.add_argument("--into", type=Path, required=True, help="a folder that is not there yet")
    drift.add_argument("--log", type=Path, required=True, help="the folder in DARKROOM_LOG")
    drift.add_argument(
        "--reference",
        type=Path,
        default=ROOT / "models/champion/reference.json",
        help="of the model (default: the champion's)",
    )
    drift.add_argument("--version", help="of the model; default: that of the newest line")
    drift.add_argument("--html", type=Path, required=True, help="where the page is written")
    report.add_argument("--against", default="main", help="commit or branch (default main)")
    return parser


def _drift(asked: argparse.Namespace) -> str:
    """Write the report on drift; return what it found."""
    from darkroom.files import write_text
    from darkroom.reporting.drift_report import DriftError, drift_page
    from darkroom.serving.monitoring.drift import read_reference

    try:
        page, verdict = drift_page(asked.log, read_reference(asked.reference), version=asked.version)
    except FileNotFoundError as error:
        raise SystemExit(
            f"{error.filename} is not there: `dvc repro register` writes the champion's"
        ) from error
    except (DriftError, ValueError) as error:
        raise SystemExit(str(error)) from error
    write_text(asked.html, page)
    return f"{verdict}\n{asked.html} shows it."


def _data_name() -> str:
    from darkroom.config import ParamsError, load_params

    try:
        return load_params(ROOT / "params.yaml").data.name
    except ParamsError as error:
        raise SystemExit(str(error)) from error


def _check_store(uri: str) -> None:
    """End with a message where the store is a file that is not there: MLflow would make an empty one."""
    path = uri.removeprefix("sqlite:///")
    if path != uri and not Path(path).is_file():
        raise SystemExit(
            f"{path} is not there, so nothing is registered: run `make quickstart` or `dvc repro`; in a "
            "clone whose files came by `dvc pull`, `dvc repro -s -f register` rebuilds it"
        )


def _by_mlflow(uri: str, name: str, asked: argparse.Namespace) -> str:
    """Do what is asked with MLflow's client, whose import takes seconds."""
    from darkroom.registry import versions
    from darkroom.tracking.runs import follow_move

    with versions.plain_errors(uri):
        follow_move(uri)
        if asked.command in QUICK:
            return QUICK[asked.command](versions.MlflowStore(versions.MlflowClient(uri)), name, asked)
        return COMMANDS[asked.command](uri, name, asked)


def _list(uri: str, name: str, asked: argparse.Namespace) -> str:
    from darkroom.registry import versions
    from darkroom.registry.comparison import read_verdict

    client = versions.MlflowClient(uri)
    champion = versions.find_champion(client, name)
    rows = []
    for version in versions.versions(client, name):
        mark = "champion" if champion is not None and champion.version == version.version else ""
        verdict = read_verdict(version)
        rows.append(
            (
                str(version.version),
                mark,
                _accuracy(version.tags),
                version.tags.get("commit", "")[:8],
                verdict.outcome if verdict else "not judged",
            )
        )
    if not rows:
        return f"{name} has no versions in {uri}: run `dvc repro`"
    return columns([("version", "", "test accuracy", "commit", "verdict"), *rows])


def _accuracy(tags: Mapping[str, str]) -> str:
    """Return a version's test accuracy with its interval, as far as they are kept."""
    names = ("test_accuracy", "test_accuracy_low", "test_accuracy_high")
    kept = [f"{float(tags[name]):.2%}" for name in names if name in tags]
    return "{} ({} to {})".format(*kept) if len(kept) == 3 else "".join(kept[:1])


def _show(uri: str, name: str, asked: argparse.Namespace) -> str:
    from darkroom.registry import versions
    from darkroom.registry.comparison import read_verdict

    client = versions.MlflowClient(uri)
    version = versions.get_version(client, name, asked.version)
    champion = versions.find_champion(client, name)
    verdict = read_verdict(version)
    rows: list[tuple[str, ...]] = [("version", f"{version.name} {version.version}")]
    rows.append(("champion", "yes" if champion is not None and champion.version == version.version else "no"))
    rows.append(("verdict", verdict.words if verdict else "not judged"))
    rows += sorted(
        (key, value) for key, value in version.tags.items() if key not in ("verdict", "mlflow.modelId")
    )
    return columns(rows)


def _compare(uri: str, name: str, asked: argparse.Namespace) -> str:
    from darkroom.registry import versions
    from darkroom.registry.comparison import compare

    client = versions.MlflowClient(uri)
    first, second = (versions.get_version(client, name, which) for which in (asked.version, asked.other))
    return compare(uri, first, second)


def _promote(store: "Store", name: str, asked: argparse.Namespace) -> str:
    from darkroom.registry.champion import promote

    return _said(name, promote(store, name, asked.version, why=asked.why))


def _rollback(store: "Store", name: str, asked: argparse.Namespace) -> str:
    from darkroom.registry.champion import rollback

    return _said(name, rollback(store, name, why=asked.why))


def _said(name: str, change: "Change") -> str:
    return (
        f"{name}: version {change.after} is champion, it was {change.before or 'none'}.\n"
        "What is served stays until `python -m darkroom deploy`"
    )


def _deploy(store: "Store", name: str, asked: argparse.Namespace) -> str:
    from darkroom.registry.champion import RegistryError
    from darkroom.registry.deploy import SupervisorError, deploy

    try:
        done = deploy(ROOT, store, name, port=asked.port, tag=asked.bento)
    except SupervisorError as error:
        raise RegistryError(str(error)) from error
    if done["tag"] == done["before"]:
        return f"{done['tag']} is served already"
    told = f"{done['tag']} is served, it was ready after {done['seconds']} s"
    return f"{told}; {done['before']} ends with its last answer"


def _history(store: "Store", name: str, asked: argparse.Namespace) -> str:
    from darkroom.registry.champion import history

    changes = history(store, name)
    if not changes:
        return f"{name} has no history: no version was ever champion"
    rows = [
        (c.when[:19].replace("T", " "), c.who, c.action, f"{c.before or 'none'} -> {c.after}", c.why)
        for c in changes
    ]
    return columns([("when (UTC)", "who", "action", "champion", "why"), *rows])


def _lineage(uri: str, name: str, asked: argparse.Namespace) -> str:
    from darkroom.registry import provenance, versions

    return provenance.tell(uri, versions.get_version(versions.MlflowClient(uri), name, asked.version)).rstrip(
        "\n"
    )


def _reproduce(uri: str, name: str, asked: argparse.Namespace) -> str:
    from darkroom.registry import provenance, versions

    version = versions.get_version(versions.MlflowClient(uri), name, asked.version)
    found = provenance.reproduce(uri, version, root=ROOT, into=asked.into.resolve())
    lines = [f"version {version.version} was made again in {asked.into}"]
    for name_, (before, here) in found.other_environment.items():
        lines.append(f"  other environment: {name_} {here} here, {before} then")
    lines.append("  weights: the same to the bit" if found.same_weights else "  weights: not the same bits")
    if not found.differing:
        return "\n".join([*lines, f"  metrics: all {found.metrics} the same"])
    lines.append(f"  metrics: {len(found.differing)} of {found.metrics} differ (then, now):")
    lines += [f"    {key}: {before}, {after}" for key, (before, after) in sorted(found.differing.items())]
    print("\n".join(lines))
    sys.exit(1)


COMMANDS: dict[str, Callable[[str, str, argparse.Namespace], str]] = {
    "list": _list,
    "show": _show,
    "compare": _compare,
    "lineage": _lineage,
    "reproduce": _reproduce,
}
QUICK: dict[str, Callable[["Store", str, argparse.Namespace], str]] = {
    "promote": _promote,
    "rollback": _rollback,
    "deploy": _deploy,
    "history": _history,
}
