"""`list`, `show`, `compare`, `lineage`, `reproduce`: the versions of a registered model."""

from collections.abc import Mapping
from pathlib import Path

import click

from darkroom.cli.context import ROOT, Options, mlflow_registry


@click.command("list")
@click.pass_obj
def list_(options: Options) -> None:
    """List all versions, with the champion marked."""
    with mlflow_registry(options) as opened:
        from darkroom.registry import versions
        from darkroom.registry.verdicts import read_verdict
        from darkroom.text import columns

        client = versions.MlflowClient(opened.uri)
        champion = versions.find_champion(client, opened.name)
        rows = []
        for version in versions.list_versions(client, opened.name):
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
            click.echo(f"{opened.name} has no versions in {opened.uri}: run `dvc repro`")
            return
        click.echo(columns([("version", "", "test accuracy", "commit", "verdict"), *rows]))


@click.command()
@click.argument("version")
@click.pass_obj
def show(options: Options, version: str) -> None:
    """Show a version, its measures and its verdict.

    VERSION is a number, or `champion`.
    """
    with mlflow_registry(options) as opened:
        from darkroom.registry import versions
        from darkroom.registry.verdicts import read_verdict
        from darkroom.text import columns

        client = versions.MlflowClient(opened.uri)
        found = versions.get_version(client, opened.name, version)
        champion = versions.find_champion(client, opened.name)
        verdict = read_verdict(found)
        rows: list[tuple[str, ...]] = [("version", f"{found.name} {found.version}")]
        rows.append(
            ("champion", "yes" if champion is not None and champion.version == found.version else "no")
        )
        rows.append(("verdict", verdict.words if verdict else "not judged"))
        rows += sorted(
            (key, value) for key, value in found.tags.items() if key not in ("verdict", "mlflow.modelId")
        )
        click.echo(columns(rows))


@click.command()
@click.argument("version")
@click.argument("other")
@click.pass_obj
def compare(options: Options, version: str, other: str) -> None:
    """Compare versions on the same test images.

    VERSION and OTHER are numbers, or `champion`.
    """
    with mlflow_registry(options) as opened:
        from darkroom.registry import comparison, versions

        client = versions.MlflowClient(opened.uri)
        first, second = (versions.get_version(client, opened.name, which) for which in (version, other))
        click.echo(comparison.compare(opened.uri, first, second))


@click.command()
@click.argument("version")
@click.pass_obj
def lineage(options: Options, version: str) -> None:
    """Show what a version was made from.

    That is its commit, uncommitted changes, data, parameters, study and environment. VERSION is a number,
    or `champion`.
    """
    with mlflow_registry(options) as opened:
        from darkroom.registry import origin, versions

        found = versions.get_version(versions.MlflowClient(opened.uri), opened.name, version)
        click.echo(origin.describe_origin(opened.uri, found))


@click.command()
@click.argument("version")
@click.option("--into", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.pass_context
def reproduce(context: click.Context, version: str, into: Path) -> None:
    """Reproduce a version in a new folder.

    Its weights and metrics are compared with the registered ones; the exit status is 1 where a metric
    differs. VERSION is a number, or `champion`.
    """
    with mlflow_registry(context.obj) as opened:
        from darkroom.registry import reproduction, versions

        found = versions.get_version(versions.MlflowClient(opened.uri), opened.name, version)
        result = reproduction.reproduce(opened.uri, found, root=ROOT, into=into.resolve())
    click.echo(f"version {found.version} was reproduced in {into}")
    for name, (before, here) in result.other_environment.items():
        click.echo(f"  other environment: {name} {here} here, {before} then")
    click.echo("  weights: the same to the bit" if result.same_weights else "  weights: not the same bits")
    if not result.differing:
        click.echo(f"  metrics: all {result.metrics} the same")
        return
    click.echo(f"  metrics: {len(result.differing)} of {result.metrics} differ (then, now):")
    for key, (before, after) in sorted(result.differing.items()):
        click.echo(f"    {key}: {before}, {after}")
    context.exit(1)


def _accuracy(tags: Mapping[str, str]) -> str:
    """Return a version's test accuracy with its interval, as far as the tags hold them."""
    names = ("test_accuracy", "test_accuracy_low", "test_accuracy_high")
    try:
        kept = [f"{float(tags[name]):.2%}" for name in names if name in tags]
    except ValueError:
        return "not a number"  # somebody edited the tag
    return "{} ({} to {})".format(*kept) if len(kept) == 3 else "".join(kept[:1])
