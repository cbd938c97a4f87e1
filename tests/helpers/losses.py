"""What people delete, rename and edit in MLflow, its files and its database: each done to a test's store."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner
from mlflow.tracking import MlflowClient

from darkroom.registry.store import CHAMPION, evidence_folder, registered_name
from tests.helpers.revisions import NEWER, OLDER, database, set_revision

NAME = registered_name("digits")


@dataclass(frozen=True)
class Lossy:
    """A store with the experiment `digits` and three versions: 1 was champion, 2 is, 3 never was."""

    uri: str

    @property
    def client(self) -> MlflowClient:
        """MLflow's client of the store."""
        return MlflowClient(self.uri)

    @property
    def file(self) -> Path:
        """The sqlite file."""
        return database(self.uri)

    def experiment(self, name: str = "digits") -> str:
        """Return the id of an experiment."""
        found = self.client.get_experiment_by_name(name)
        assert found is not None
        return str(found.experiment_id)

    def run(self, version: str) -> str:
        """Return the id of the run that trained a version."""
        return str(self.client.get_model_version(NAME, version).tags["run_id"])

    def evidence(self, version: str) -> Path:
        """Return the folder of a version's files."""
        tags = self.client.get_model_version(NAME, version).tags
        folder = self.file.parent / "mlruns/digits" / tags["run_id"] / "artifacts"
        return folder / evidence_folder(tags["sha256"])

    def sql(self, statement: str, *values: str) -> None:
        """Change the database by hand."""
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute(statement, values)

    def collect_garbage(self) -> None:
        """Run `mlflow gc`, which removes for good what was deleted."""
        from mlflow.cli import gc  # takes seconds, and every process of pytest's imports this file

        done = CliRunner().invoke(gc, ["--backend-store-uri", self.uri, "--tracking-uri", self.uri])
        assert done.exit_code == 0, done.output


def delete_experiment(store: Lossy) -> None:
    store.client.delete_experiment(store.experiment())


def purge_experiment(store: Lossy) -> None:
    delete_experiment(store)
    store.collect_garbage()


def rename_experiment(store: Lossy) -> None:
    store.client.rename_experiment(store.experiment(), "old digits")


def recreate_experiment(store: Lossy) -> None:
    rename_experiment(store)
    store.client.create_experiment("digits")


def delete_champion_run(store: Lossy) -> None:
    store.client.delete_run(store.run("2"))


def purge_champion_run(store: Lossy) -> None:
    delete_champion_run(store)
    store.collect_garbage()


def delete_model(store: Lossy) -> None:
    store.client.delete_registered_model(NAME)


def rename_model(store: Lossy) -> None:
    store.client.rename_registered_model(NAME, "fox-finder")


def delete_champion(store: Lossy) -> None:
    store.client.delete_model_version(NAME, "2")


def delete_earlier(store: Lossy) -> None:
    store.client.delete_model_version(NAME, "1")


def delete_alias(store: Lossy) -> None:
    store.client.delete_registered_model_alias(NAME, CHAMPION)


def move_alias(store: Lossy) -> None:
    store.client.set_registered_model_alias(NAME, CHAMPION, "3")


def lead_alias_astray(store: Lossy) -> None:
    store.sql("UPDATE registered_model_aliases SET version = 9")


def fail_registration(store: Lossy) -> None:
    store.sql("UPDATE model_versions SET status = 'FAILED_REGISTRATION' WHERE version = 3")


def remove_tags(store: Lossy) -> None:
    for key in store.client.get_model_version(NAME, "2").tags:
        store.client.delete_model_version_tag(NAME, "2", key)


def edit_tags(store: Lossy) -> None:
    for key in store.client.get_model_version(NAME, "2").tags:
        store.client.set_model_version_tag(NAME, "2", key, "edited, [")


def remove_history(store: Lossy) -> None:
    for key in store.client.get_registered_model(NAME).tags:
        store.client.delete_registered_model_tag(NAME, key)


def edit_history(store: Lossy) -> None:
    for key, text in zip(store.client.get_registered_model(NAME).tags, ("edited, [", "[1]"), strict=True):
        store.client.set_registered_model_tag(NAME, key, text)


def record_what_did_not_happen(store: Lossy) -> None:
    """Leave what a process leaves that was killed between recording a change and making it."""
    change = {"when": "2026-01-01", "who": "me", "action": "promote", "before": "2", "after": "3", "why": "x"}
    store.client.set_registered_model_tag(NAME, "history.000003.x", json.dumps(change))


def remove_champion_files(store: Lossy) -> None:
    shutil.rmtree(store.evidence("2"))


def remove_earlier_files(store: Lossy) -> None:
    shutil.rmtree(store.evidence("1"))


def remove_graph(store: Lossy) -> None:
    (store.evidence("2") / "model.onnx").unlink()


def remove_predictions(store: Lossy) -> None:
    (store.evidence("2") / "predictions.parquet").unlink()


def remove_lineage(store: Lossy) -> None:
    for name in ("lineage.json", "uncommitted.diff", "metrics.json"):
        (store.evidence("2") / name).unlink()


def damage_files(store: Lossy) -> None:
    for path in store.evidence("2").iterdir():
        path.write_bytes(path.read_bytes()[:7])


def remove_all_artifacts(store: Lossy) -> None:
    shutil.rmtree(store.file.parent / "mlruns")


def move_artifacts(store: Lossy) -> None:
    (store.file.parent / "mlruns").rename(store.file.parent / "elsewhere")


def delete_database(store: Lossy) -> None:
    store.file.unlink()


def empty_database(store: Lossy) -> None:
    store.file.write_bytes(b"")


def cut_database(store: Lossy) -> None:
    content = store.file.read_bytes()
    store.file.write_bytes(content[: len(content) // 3])


def overwrite_database(store: Lossy) -> None:
    store.file.write_bytes(b"no database\n" * 1000)


def replace_database(store: Lossy) -> None:
    store.file.unlink()
    store.sql("CREATE TABLE songs (title TEXT)")


def age_database(store: Lossy) -> None:
    set_revision(store.uri, OLDER)


def renew_database(store: Lossy) -> None:
    set_revision(store.uri, NEWER)


ON_ANY_STORE: tuple[Callable[[Lossy], None], ...] = (
    delete_experiment,
    rename_experiment,
    delete_champion_run,
    delete_model,
    rename_model,
    delete_champion,
    delete_earlier,
    delete_alias,
    move_alias,
    remove_tags,
    edit_tags,
    remove_history,
    edit_history,
    record_what_did_not_happen,
)
ON_A_FILE: tuple[Callable[[Lossy], None], ...] = (
    purge_experiment,
    recreate_experiment,
    purge_champion_run,
    lead_alias_astray,
    fail_registration,
    remove_champion_files,
    remove_earlier_files,
    remove_graph,
    remove_predictions,
    remove_lineage,
    damage_files,
    remove_all_artifacts,
    move_artifacts,
    delete_database,
    empty_database,
    cut_database,
    overwrite_database,
    replace_database,
    age_database,
    renew_database,
)


def adopt_artifacts(file: Path, old: Path) -> None:
    """Let a copied sqlite file use the artifacts copied beside it, and not those of the original in `old`."""
    columns = (
        ("experiments", "artifact_location"),
        ("runs", "artifact_uri"),
        ("logged_models", "artifact_location"),
        ("model_versions", "storage_location"),
        ("model_versions", "source"),
    )
    with closing(sqlite3.connect(file)) as connection, connection:
        for table, column in columns:
            connection.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)",  # noqa: S608  names from above
                (old.as_uri(), file.parent.as_uri()),
            )
