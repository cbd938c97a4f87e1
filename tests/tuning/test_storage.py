"""The database of studies."""

import pytest

from darkroom.tuning.study import open_study
from tests.helpers.tuning import params_of


def test_a_storage_that_cannot_be_opened_is_named_without_its_password() -> None:
    with pytest.raises(ValueError, match=r"storage .*cannot be opened|make install-postgres") as refused:
        open_study("postgresql+psycopg://someone:secret@127.0.0.1:1/none", "study", params=params_of())
    assert "secret" not in str(refused.value)
