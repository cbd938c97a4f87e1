"""Which variables are set aside, which are used, and that docs/environment.md lists both."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom import environment
from darkroom.environment import BY_DVC, SET_ASIDE, SILENT, TORCHRUN, USED, chosen, set_aside
from tests.helpers.foreign_environment import NAMES, OTHERS, foreign_environment

PROJECT = Path(__file__).resolve().parents[1]
PAGE = (PROJECT / "docs/environment.md").read_text(encoding="utf-8")
TORCHRUNS = dict.fromkeys(environment.JOINED, "1")
SHOW = """
import json, os, sys, warnings
import pipeline
print(json.dumps([dict(os.environ), sys.path, [entry[0] for entry in warnings.filters]]))
"""


def prepared(folder: Path, **variables: str) -> tuple[dict[str, str], list[str], list[str], str]:
    """Return variables, sys.path and actions on warnings of a stage's process, and what it told."""
    import json

    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=PROJECT, env=clean | variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    values, path, actions = json.loads(done.stdout)
    return values, path, actions, done.stderr


def test_every_foreign_variable_is_set_aside_and_no_other() -> None:
    variables = NAMES | OTHERS | {"OPTUNA_STORAGE": "sqlite:///a.db", "MLFLOW_TRACKING_TOKEN": "t"}
    left = dict(variables)
    assert set(set_aside(left, stage=True)) == set(NAMES)
    assert left == {name: value for name, value in variables.items() if name not in NAMES}


@pytest.mark.parametrize(
    "name",
    [
        *("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_S3_ENDPOINT_URL"),
        *("MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_TRACKING_SERVER_CERT_PATH", "BENTOML_HOME", "RAY_ADDRESS"),
        *(
            "OPTUNA_STORAGE",
            "CUDA_VISIBLE_DEVICES",
            "OMP_NUM_THREADS",
            "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD",
        ),
        *(
            "AWS_ACCESS_KEY_ID",
            "GIT_CONFIG_COUNT",
            "GIT_SSH_COMMAND",
            "PYTORCH_CUDA_ALLOC_CONF",
            "DARKROOM_RATE",
        ),
    ],
)
def test_what_is_meant_stays(name: str) -> None:
    assert set_aside({name: "1"}, stage=False) == []


def test_of_mlflows_variables_only_chosen_ones_stay() -> None:
    """A new MLflow brings new ones: what is not chosen does not reach a stage."""
    source = (Path(sys.prefix) / "lib").glob("python3*/site-packages/mlflow/environment_variables.py")
    names = re.findall(r'"(_?MLFLOW_[A-Z0-9_]+)"', next(source).read_text(encoding="utf-8"))
    assert len(names) > 200
    assert chosen(names, (*USED, *SILENT, *SET_ASIDE)) == sorted(names)
    stays = set(names) - set(set_aside(dict.fromkeys(names, "1"), stage=True))
    assert not stays & {"MLFLOW_RUN_ID", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_ID"}


def test_torchruns_variables_count_only_where_it_started_this_process() -> None:
    assert set_aside(dict(TORCHRUNS), stage=True) == []
    assert set(set_aside(TORCHRUNS | {"DVC_STAGE": "train"}, stage=True)) == set(TORCHRUNS)
    assert set_aside(TORCHRUNS | {"DVC_STAGE": "train", environment.LAUNCHED: "1"}, stage=True) == []
    assert set_aside({"TORCHELASTIC_RUN_ID": "a", "RANK": "0"}, stage=True) == ["RANK", "TORCHELASTIC_RUN_ID"]


def test_dvcs_variables_are_for_stages_and_not_for_commands() -> None:
    variables = {"DVC_ROOT": "/a", "DVC_EXP_NAME": "b", "DVC_STUDIO_TOKEN": "c", "DVC_NO_ANALYTICS": "1"}
    assert set_aside(dict(variables), stage=True) == []
    assert set_aside(dict(variables), stage=False) == ["DVC_EXP_NAME", "DVC_ROOT", "DVC_STUDIO_TOKEN"]


@pytest.mark.parametrize("pattern", sorted({*SILENT, *USED, *SET_ASIDE, *TORCHRUN, *BY_DVC}))
def test_the_page_lists_every_decision(pattern: str) -> None:
    assert f"`{pattern}`" in PAGE


def test_the_page_lists_no_decision_that_the_code_does_not_take() -> None:
    table = PAGE.partition("## Not meant")[2].partition("## Python")[0]
    for name in re.findall(r"`([A-Z_]+)`", table):
        assert chosen([name], (*SET_ASIDE, *TORCHRUN, *BY_DVC)) or name == "PYTHONWARNINGS", name
    for name in re.findall(r"`([A-Z_*]+)`", PAGE.partition("## Meant")[2].partition("Used, and")[0]):
        assert chosen([name], USED), name


def test_a_stage_tells_once_what_it_sets_aside_and_uses() -> None:
    values, _, _, told = prepared(PROJECT, MLFLOW_RUN_ID="0a", OPTUNA_STORAGE="sqlite:///a.db")
    assert "MLFLOW_RUN_ID" not in values
    (line,) = told.splitlines()
    assert line.startswith("environment: set aside MLFLOW_RUN_ID; used OPTUNA_STORAGE")
    assert prepared(PROJECT, **values)[3] == "", "a process that a stage starts says it again"


def test_nothing_is_told_of_an_environment_without_them() -> None:
    assert prepared(PROJECT)[3] == ""


def test_secrets_are_not_told() -> None:
    told = prepared(PROJECT, MLFLOW_TRACKING_URI="http://me:secret@localhost:9")[3]
    assert "MLFLOW_TRACKING_URI" in told
    assert "secret" not in told


def test_pythonpath_outside_the_project_is_searched_last(tmp_path: Path) -> None:
    values = foreign_environment(tmp_path / "foreign")
    left, path, _, told = prepared(PROJECT, PYTHONPATH=values["PYTHONPATH"])
    assert left["PYTHONPATH"] == "src", "BentoML's process would take them"
    assert path[-1] == str(tmp_path / "foreign")
    assert str(PROJECT / "src") in path[:3]
    assert f"searched last PYTHONPATH={tmp_path / 'foreign'}" in told


def test_warnings_are_no_errors_and_other_filters_stay() -> None:
    values, _, actions, told = prepared(PROJECT, PYTHONWARNINGS="error::UserWarning,always::ImportWarning")
    assert "error" not in actions
    assert "always" in actions
    assert values["PYTHONWARNINGS"] == "always::ImportWarning"
    assert "PYTHONWARNINGS=error" in told


@pytest.mark.parametrize(
    ("given", "passed"),
    [("error", []), ("error::DeprecationWarning", []), ("ignore::UserWarning", ["ignore::UserWarning"])],
)
def test_make_passes_no_errors_of_warnings_to_dvc(given: str, passed: list[str]) -> None:
    done = subprocess.run(
        ["make", "-f", "-", "show"],
        cwd=PROJECT,
        env=os.environ | {"PYTHONWARNINGS": given},
        input="include Makefile\nshow:\n\t@env\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert re.findall("^PYTHONWARNINGS=(.*)$", done.stdout, re.MULTILINE) == passed


def test_requests_to_this_machine_bypass_a_proxy() -> None:
    values = prepared(PROJECT, HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="example.org")[0]
    for name in ("NO_PROXY", "no_proxy"):
        assert values[name].split(",") == ["example.org", "localhost", "127.0.0.1", "::1"]
    assert "NO_PROXY" not in prepared(PROJECT)[0]


def test_text_that_the_terminal_lacks_is_escaped() -> None:
    code = "import pipeline; print('犬 ü')"
    variables = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=variables, capture_output=True)
    assert done.stdout == rb"\u72ac \xfc" + b"\n", done.stderr
    left = prepared(PROJECT, PYTHONIOENCODING="ascii")[0]
    assert left["PYTHONIOENCODING"] == "ascii:backslashreplace", "DVC and BentoML print such text too"
    assert "PYTHONIOENCODING" not in prepared(PROJECT)[0]


@pytest.mark.integration
@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_a_folder_with_other_letters_works_without_utf8(tmp_path: Path, locale: str) -> None:
    folder = tmp_path / "Bilder (ä) 日本"
    for name in ("src", "pipeline"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".venv").symlink_to(sys.prefix)
    code = "import pipeline, torch; print(pipeline.ROOT.name, torch.ones(1).item())"
    variables = {"PATH": os.environ["PATH"], "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    python = [str(folder / ".venv/bin/python"), "-c", code]
    done = subprocess.run(python, cwd=folder, env=variables, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (0, "Bilder (ä) 日本 1.0\n"), done.stderr
    python.insert(1, "-Xutf8=0")
    refused = subprocess.run(python, cwd=folder, env=variables, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "runs with -X utf8=0" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run a process as another user")
def test_a_user_without_a_name_and_a_home_gets_both() -> None:
    code = (
        "import getpass, os; from pathlib import Path; from darkroom.environment import prepare_process\n"
        "root = Path.cwd(); os.setgid(54321); os.setuid(54321)\n"  # who may not read the libraries, perhaps
        "prepare_process(root, stage=True); print(getpass.getuser(), Path.home())"
    )
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, cwd=PROJECT, capture_output=True, text=True
    )
    assert done.stdout == "uid54321 /nonexistent\n", done.stderr


def test_without_the_current_folder_python_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.train"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "`unset PYTHONSAFEPATH`" in done.stderr
    assert "Traceback" not in done.stderr
