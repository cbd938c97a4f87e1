"""The seed and the number of a trial decide its values."""

from pathlib import Path

import pytest

from tests.helpers.tuning import Study, params_of


@pytest.mark.integration  # takes seconds
def test_the_same_seed_draws_the_same_values(tmp_path: Path) -> None:
    studies = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        studies.append(Study(tmp_path / name / "study.db"))
        studies[-1].run(5, params=params_of().model_copy(update={"seed": seed}))
    a, b, c = (study.values for study in studies)
    assert a == b
    assert a[0] == c[0], "the defaults"
    assert all(one != other for one, other in zip(a[1:], c[1:], strict=True))


def test_a_resumed_study_does_not_repeat_its_values(study: Study) -> None:
    study.run(4)
    study.run(8)
    assert len({tuple(values.values()) for values in study.values}) == 8
