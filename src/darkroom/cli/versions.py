"""`list`, `models`, `show`, `compare`, `lineage`, `reproduce`: registered models and their versions."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from darkroom.cli.context import (
    ROOT,
    Registry,
    find_name,
    mlflow_client,
    mlflow_registry,
    named_model,
    registry_uri,
)
from darkroom.cli.options import Options, registry_options, split_version
from darkroom.cli.output import only_the_result_on_stdout, print_result
from darkroom.cli.stoppable import stoppable

if TYPE_CHECKING:
    from darkroom.registry.reproduction import Reproduction
    from darkroom.registry.versions import ModelVersion


@click.command("list")
@click.argument("model", required=False)
@registry_options
@click.pass_obj
def list_(options: Options, model: str | None) -> None:
    """List all versions, with the champion marked.

    MODEL is a registered model; without it, and without --name, the versions of all are listed.
    """
    named = named_model(options, model)
    with registry_uri(options) as uri, mlflow_client(uri):
        from darkroom.registry import versions
        from darkroom.registry.facts import version_facts
        from darkroom.registry.models import list_models
        from darkroom.text import columns

        names = [find_name(uri, named)] if named else [found.name for found in list_models(uri)]
        client, facts, rows = versions.MlflowClient(uri), [], []
        for name in names:
            champion = versions.find_champion(client, name)
            for version in versions.list_versions(client, name):
                facts.append(version_facts(version, champion))
                rows.append(_row(facts[-1]) if named else (name, *_row(facts[-1])))
        if not rows and named:
            text = f"{names[0]} has no versions in {uri}: run `dvc repro`{_others(uri)}"
        elif not rows:
            text = f"there are no versions in {uri}: run `make quickstart` or `dvc repro`"
        else:
            header = ("version", "", "test accuracy", "commit", "verdict")
            text = columns([header if named else ("model", *header), *rows])
    print_result(options, facts, text)


@click.command()
@registry_options
@click.pass_obj
def models(options: Options) -> None:
    """List the registered models.

    A line says how many versions there are and which is champion.
    """
    with registry_uri(options) as uri, mlflow_client(uri):
        from darkroom.registry.models import list_models
        from darkroom.text import columns

        found = list_models(uri)
    text = f"there are no registered models in {uri}: run `make quickstart` or `dvc repro`"
    if found:
        rows = [(model.name, str(model.versions), model.champion or "none") for model in found]
        text = columns([("model", "versions", "champion"), *rows])
    print_result(options, found, text)


@click.command()
@click.argument("version")
@registry_options
@click.pass_obj
def show(options: Options, version: str) -> None:
    """Show a version, its measures and its verdict.

    VERSION is a number or `champion`; with a model also MODEL/3 or MODEL@champion.
    """
    model, which = split_version(version)
    with mlflow_registry(options, model) as opened:
        from darkroom.registry import versions
        from darkroom.registry.facts import INTERNAL, version_facts
        from darkroom.registry.verdicts import read_verdict
        from darkroom.text import columns

        found = _find(opened, which)
        facts = version_facts(found, versions.find_champion(versions.MlflowClient(opened.uri), found.name))
        verdict = read_verdict(found)
        rows: list[tuple[str, ...]] = [
            ("version", f"{found.name} {found.version}"),
            ("champion", "yes" if facts["champion"] else "no"),
            ("verdict", verdict.words if verdict else "not judged"),
            *sorted((key, value) for key, value in found.tags.items() if key not in INTERNAL),
        ]
    print_result(options, facts, columns(rows))


@click.command()
@click.argument("version")
@click.argument("other")
@registry_options
@click.pass_obj
def compare(options: Options, version: str, other: str) -> None:
    """Compare versions on the same test images.

    VERSION and OTHER are numbers or `champion`; with a model also MODEL/3 or MODEL@champion.
    """
    model, which = split_version(version)
    other_model, other_which = split_version(other)
    with mlflow_registry(options, model or other_model) as opened:
        from darkroom.registry import comparison
        from darkroom.registry.facts import comparison_facts

        name = find_name(opened.uri, other_model) if other_model else opened.name
        pair = _find(opened, which), _find(Registry(uri=opened.uri, name=name), other_which)
        if options.as_json:
            print_result(options, comparison_facts(opened.uri, *pair), "")
        else:
            click.echo(comparison.compare(opened.uri, *pair))


@click.command()
@click.argument("version")
@registry_options
@click.pass_obj
def lineage(options: Options, version: str) -> None:
    """Show what a version was made from.

    That is its commit, uncommitted changes, data, parameters, study and environment. VERSION is a number or
    `champion`; with a model also MODEL/3 or MODEL@champion.
    """
    model, which = split_version(version)
    with mlflow_registry(options, model) as opened:
        from darkroom.registry import origin
        from darkroom.registry.facts import origin_facts

        found = _find(opened, which)
        if options.as_json:
            print_result(options, origin_facts(opened.uri, found), "")
        else:
            click.echo(origin.describe_origin(opened.uri, found))


@click.command()
@click.argument("version")
@click.option("--into", type=click.Path(path_type=Path), required=True, help="A new folder.")
@registry_options
@click.pass_context
def reproduce(context: click.Context, version: str, into: Path) -> None:
    """Reproduce a version in a new folder.

    Its weights and metrics are compared with the registered ones; the exit status is 1 where a metric
    differs. VERSION is a number or `champion`; with a model also MODEL/3 or MODEL@champion.
    """
    options: Options = context.obj
    model, which = split_version(version)
    advice = f"The stage that ran can go on in {into}: `python -m pipeline.train` there, and so on."
    with stoppable(advice), mlflow_registry(options, model) as opened:
        from darkroom.registry import reproduction

        found = _find(opened, which)
        with only_the_result_on_stdout(options):
            result = reproduction.reproduce(opened.uri, found, root=ROOT, into=into.resolve())
    facts = {"model": found.name, "version": str(found.version), "into": into.resolve(), **vars(result)}
    print_result(options, facts, _describe(result, str(found.version), into))
    if result.differing:
        context.exit(1)


def _describe(result: "Reproduction", version: str, into: Path) -> str:
    lines = [f"version {version} was reproduced in {into}"]
    for name, (before, here) in result.other_environment.items():
        lines.append(f"  other environment: {name} {here} here, {before} then")
    lines.append("  weights: the same to the bit" if result.same_weights else "  weights: not the same bits")
    if not result.differing:
        lines.append(f"  metrics: all {result.metrics} the same")
    else:
        lines.append(f"  metrics: {len(result.differing)} of {result.metrics} differ (then, now):")
        for key, (before, after) in sorted(result.differing.items()):
            lines.append(f"    {key}: {before}, {after}")
    return "\n".join(lines)


def _find(opened: Registry, which: str) -> "ModelVersion":
    """Return a version by number or by the word `champion`; a model's name alone is refused with a hint."""
    from darkroom.registry import versions
    from darkroom.registry.store import RegistryError, open_store

    if which != "champion" and not which.isdecimal():
        name = find_name(opened.uri, which)
        if open_store(opened.uri).read(name) is not None:
            raise RegistryError(f"{which} is a model: which version? `{which}@champion`, or `{which}/NUMBER`")
    return versions.get_version(versions.MlflowClient(opened.uri), opened.name, which)


def _others(uri: str) -> str:
    """Return which models have versions, as the end of a message that one has none."""
    from darkroom.registry.models import list_models

    names = ", ".join(model.name for model in list_models(uri))
    return f". There are versions of {names}" if names else ""


def _row(facts: Mapping[str, Any]) -> tuple[str, ...]:
    verdict = facts["verdict"]
    return (
        facts["version"],
        "champion" if facts["champion"] else "",
        _accuracy(facts),
        facts.get("commit", "")[:8],
        verdict.outcome if verdict else "not judged",
    )


def _accuracy(facts: Mapping[str, Any]) -> str:
    """Return a version's test accuracy with its interval, as far as it was registered with them."""
    names = ("test_accuracy", "test_accuracy_low", "test_accuracy_high")
    try:
        kept = [f"{float(facts[name]):.2%}" for name in names if facts.get(name) is not None]
    except ValueError:
        return "not a number"  # somebody edited the tag
    return "{} ({} to {})".format(*kept) if len(kept) == 3 else "".join(kept[:1])
