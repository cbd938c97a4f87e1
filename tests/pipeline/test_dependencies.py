"""dvc.yaml names all the code a stage reaches, and only evaluation reads the test set."""

import ast
from typing import Any

import pytest

from darkroom.config import read_yaml
from darkroom.config.data import Data
from tests.helpers.imports import PROJECT, anywhere, at_once, parsed, reached

STAGES: dict[str, Any] = read_yaml(PROJECT / "dvc.yaml")["stages"]


def reached_names(stage: str) -> set[str]:
    """Return all the project's code that a stage's script reaches, as paths from the project's root."""
    return {str(path.relative_to(PROJECT)) for path in reached(stage)}


def covers(deps: list[str], path: str) -> bool:
    return any(path == dep or path.startswith(f"{dep}/") for dep in deps)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_all_its_code(stage: str) -> None:
    missing = sorted(path for path in reached_names(stage) if not covers(STAGES[stage]["deps"], path))
    assert not missing, f"stage {stage} in dvc.yaml lacks the deps {', '.join(missing)}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_no_code_it_does_not_reach(stage: str) -> None:
    named = [dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")]
    assert sorted(set(named) - reached_names(stage)) == []


@pytest.mark.parametrize("stage", ["download", "preprocess"])
def test_the_splits_depend_on_the_whole_section_data_but_the_folds(stage: str) -> None:
    named = {name for name in STAGES[stage]["params"] if name.startswith("data.")}
    assert named == {f"data.{key}" for key in Data.model_fields if key != "folds"}


def test_the_walk_sees_imports() -> None:
    assert {
        "src/darkroom/models/networks/__init__.py",
        "src/darkroom/files.py",
        "pipeline/__init__.py",
    } <= reached_names("train")


def test_only_evaluate_and_the_data_report_read_the_test_set() -> None:
    readers = [
        name
        for name, stage in STAGES.items()
        if covers(["data/test"], "data/test")
        and any(dep in ("data", "data/test") or dep.startswith("data/test/") for dep in stage["deps"])
    ]
    assert readers == ["inspect", "evaluate"]
    scripts = {
        path.stem for path in (PROJECT / "pipeline").glob("*.py") if 'DATA / "test"' in path.read_text()
    }
    assert scripts == {"evaluate"}


def test_no_stage_uses_what_the_data_report_finds() -> None:
    """The report reads the test images: what it finds must not reach a model."""
    outs = {
        name
        for kind in ("outs", "metrics")
        for out in STAGES["inspect"][kind]
        for name in ([out] if isinstance(out, str) else out)
    }
    assert "reports/data.html" in outs
    assert not [name for name, stage in STAGES.items() if outs & set(stage["deps"])]


def test_every_script_is_a_stage() -> None:
    assert {path.stem for path in (PROJECT / "pipeline").glob("*.py")} - {"__init__", "stage"} == set(STAGES)
    assert all(stage["cmd"] == f"python -m pipeline.{name}" for name, stage in STAGES.items())


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("mlflow", {"tracking", "registry"}),
        ("optuna", {"tuning"}),
        ("ray", {"tuning"}),
        ("bentoml", {"serving"}),
    ],
)
def test_each_outside_system_is_imported_in_its_rooms_alone(library: str, rooms: set[str]) -> None:
    src = PROJECT / "src/darkroom"
    for path in src.rglob("*.py"):
        if library in anywhere(path):
            assert path.relative_to(src).parts[0] in rooms, f"{path} imports {library}"


@pytest.mark.parametrize("room", ["images", "serving"])
def test_what_a_bento_carries_imports_darkroom_relatively(room: str) -> None:
    """A Bento has the package as `src.darkroom`: an absolute import would find another one, or none."""
    for path in (PROJECT / "src/darkroom" / room).rglob("*.py"):
        nodes = list(ast.walk(parsed(path)))
        names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
        assert not any(name.split(".")[0] == "darkroom" for name in names), path


@pytest.mark.parametrize("stage", ["tune", "train"])
def test_another_figure_repeats_neither_search_nor_training(stage: str) -> None:
    assert not covers(STAGES[stage]["deps"], "src/darkroom/reporting/study_report.py")
    assert covers(STAGES["study"]["deps"], "src/darkroom/reporting/study_report.py")


# what takes long to import, and the stages that cannot do without it
SLOW_LIBRARIES: dict[str, set[str]] = {
    "torch": {"inspect", "tune", "train", "calibrate", "evaluate", "export"},
    "mlflow": {
        *("preprocess", "inspect", "tune", "study", "train", "calibrate", "evaluate", "export", "register"),
        "package",
    },
    "matplotlib": {"evaluate", "study"},
    "optuna": {"tune"},
    "sklearn": {"inspect", "evaluate"},  # evaluate: a metric of one's own, as CONTRIBUTING.md adds it
    "scipy.stats": set(),
    "scipy.optimize": set(),
    "onnxruntime": {"export"},
    "openvino": {"export"},
    "bentoml": set(),
}


@pytest.mark.parametrize("library", SLOW_LIBRARIES)
def test_a_stage_starts_without_the_slow_libraries_that_it_does_not_need(library: str) -> None:
    """Where only some runs need one, the function that uses it imports it."""
    importing = {
        stage: sorted(path.name for path in reached(stage, at_once) if library in at_once(path))
        for stage in STAGES
        if stage not in SLOW_LIBRARIES[library]
    }
    assert {stage: files for stage, files in importing.items() if files} == {}
    for stage in SLOW_LIBRARIES[library]:
        assert any(library in anywhere(path) for path in reached(stage)), f"{stage} does not use {library}"
