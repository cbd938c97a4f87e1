"""The database of studies."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from darkroom.tuning.errors import StudyError
from darkroom.tuning.storage import open_storage
from darkroom.tuning.study import open_study
from tests.helpers.tuning import params_of


def test_a_storage_that_cannot_be_opened_is_named_without_its_password() -> None:
    with pytest.raises(ValueError, match=r"storage .*cannot be opened|make install-postgres") as refused:
        open_study("postgresql+psycopg://someone:secret@127.0.0.1:1/none", "study", params=params_of())
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("damage", ["overwritten", "cut", "another Optuna's"])
def test_a_damaged_file_of_studies_is_told_with_what_to_do(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "studies.db"
    url = f"sqlite:///{file}"
    open_storage(url, dead_after=60).engine.dispose()
    if damage == "overwritten":
        file.write_bytes(b"no database\n" * 1000)
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    else:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = 'v9.9.9'")
            connection.execute("UPDATE version_info SET schema_version = 99")
    with pytest.raises(
        StudyError, match=r"cannot be opened: .*; move the file away, and the search begins anew"
    ):
        open_storage(url, dead_after=60)
