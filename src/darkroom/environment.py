"""The environment of a process: which variables are meant for Darkroom, and which are set aside.

docs/environment.md lists the decisions and their reasons. A stage, a command and the service call
`prepare_process` before they import a library, since libraries read their variables when they are imported.
"""

import logging
import os
import pwd
import sys
import warnings
from collections.abc import Iterable, Mapping, MutableMapping
from fnmatch import fnmatchcase
from pathlib import Path

# Where several patterns fit a name, the first of these groups that has one decides.
SILENT = (  # meant, and so common or so harmless that nothing is said
    *("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "MLFLOW_LOGGING_LEVEL"),
    *("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "BENTOML_DO_NOT_TRACK"),
    *("BENTOML_DEBUG", "BENTOML_QUIET", "BENTOML_VERBOSITY"),
)
USED = (  # meant: where things are kept, how they are reached, and what numbers are computed with
    *("OPTUNA_STORAGE", "BENTOML_HOME", "RAY_ADDRESS", "DARKROOM_MIRROR", "DARKROOM_CACHE"),
    *("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
    *("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_INSECURE_TLS"),
    *("MLFLOW_TRACKING_*_CERT_PATH", "MLFLOW_WORKSPACE", "MLFLOW_KERBEROS_*", "MLFLOW_AUTH_*"),
    *("MLFLOW_HTTP_*", "MLFLOW_ALLOW_HTTP_REDIRECTS", "MLFLOW_ALLOW_FILE_STORE"),
    *("MLFLOW_SQLALCHEMYSTORE_*", "MLFLOW_MYSQL_SSL_*"),
    *("MLFLOW_S3_*", "MLFLOW_BOTO_*", "MLFLOW_GCS_*", "MLFLOW_PYARROW_EXTRA_CONF"),
    *("MLFLOW_*MULTIPART*", "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT", "MLFLOW_DOWNLOAD_CHUNK_TIMEOUT"),
    *("CUDA_*", "CUBLAS_*", "CUDNN_*", "NVIDIA_TF32_OVERRIDE", "NCCL_*", "GLOO_*"),
    *("OMP_*", "GOMP_*", "KMP_*", "MKL_*", "OPENBLAS_*", "DNNL_*", "ONEDNN_*", "ATEN_CPU_CAPABILITY"),
    *("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES"),
)
SET_ASIDE = (  # not meant: left by other programs, or made for other uses of the same libraries
    *("MLFLOW_*", "_MLFLOW_*"),
    *("BENTOML_*", "__BENTOML_*", "BENTO_CLOUD_*", "YATAI_*"),
    *("PET_*", "TORCHDYNAMO_*", "TORCHINDUCTOR_*", "TORCH_COMPILE_*", "PYTORCH_JIT*"),
    *("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"),
    *("MPLBACKEND", "MATPLOTLIBRC", "PANDAS_*", "SKLEARN_*", "SCIPY_*", "NPY_PROMOTION_STATE", "ORT_*"),
    *("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"),
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE"),
    *("GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_*_PATHSPECS", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS"),
    "GIT_ATTR_SOURCE",
)
TORCHRUN = (  # of a group of processes; set aside where none was started for this stage
    *("TORCHELASTIC_*", "RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "ROLE_NAME"),
    *("WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
)
# DVC sets these for its stages; a command that starts DVC must not pass another project's on
BY_DVC = ("DVC_ROOT", "DVC_STAGE", "DVC_EXP_*", "DVC_STUDIO_*", "DVC_DAEMON*")

DEFAULTS = {  # nothing here phones home unless its user asks for it
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # artifacts are a dozen small files
}
LAUNCHED = "_DARKROOM_LAUNCHED"  # set by models/processes.py for the processes that it starts
TOLD = "_DARKROOM_TOLD"  # what was told once is not repeated by the processes started from here
JOINED = ("TORCHELASTIC_RUN_ID", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR")
LOCALHOST = ("localhost", "127.0.0.1", "::1")


def prepare_process(root: Path, *, stage: bool = False) -> None:
    """Set aside the variables that are not meant for Darkroom, and tell on stderr which.

    Call it before libraries are imported. It changes `os.environ`, so processes that are started from here
    see the same; `sys.path`, for PYTHONPATH; and the filters of `warnings`, for PYTHONWARNINGS.

    Args:
        root: of the checkout.
        stage: whether this is a stage. DVC's variables are meant for it, and what is used is told as well.
    """
    read_paths_as_utf8(root)
    print_any_text()
    aside = set_aside(os.environ, stage=stage)
    if without_errors(os.environ):
        warnings.filters = [entry for entry in warnings.filters if entry[0] != "error"]
        aside = [*aside, "PYTHONWARNINGS=error"]
    after = folders_after(os.environ.get("PYTHONPATH", ""), root)
    if after:
        sys.path[:] = [*(place for place in sys.path if place not in after), *after]
        # processes started from here, such as BentoML's, would search them first again
        given = os.environ["PYTHONPATH"].split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(folder for folder in given if folder not in after)
    find_local_servers(os.environ)
    name_user(os.environ)
    # MLflow logs a traceback of each error of the database that it then raises
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    told = [f"set aside {', '.join(aside)}"] if aside else []
    told += [f"searched last PYTHONPATH={os.pathsep.join(after)}"] if after else []
    used = chosen(os.environ, USED, but=SILENT)
    told += [f"used {', '.join(used)}"] if stage and used else []
    if told and TOLD not in os.environ:
        print(f"environment: {'; '.join(told)} (docs/environment.md)", file=sys.stderr, flush=True)
        os.environ[TOLD] = "1"


def read_paths_as_utf8(root: Path) -> None:
    """Start this process again in Python's UTF-8 mode where a folder's name cannot be read without it.

    PYTHONUTF8=0 in the locale C, for example, leaves an ä as two bytes that are no text, with which torch
    cannot even be imported. Processes that are started from here are in that mode too.
    """
    if (f"{root}{sys.prefix}").isascii() or sys.getfilesystemencoding() == "utf-8":
        return
    if os.environ.get("PYTHONUTF8") == "1":
        raise SystemExit(
            f"{sys.executable} runs with -X utf8=0, and cannot read the name of {root}: leave it away"
        )
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  its own command again


def bento_home(root: Path) -> Path:
    """Return BentoML's home: BENTOML_HOME, as BentoML reads it, else the folder .bentoml of the checkout."""
    given = os.environ.get("BENTOML_HOME")
    return Path(os.path.expandvars(given)).expanduser().resolve() if given else root / ".bentoml"


def user_cache() -> Path:
    """Return the folder of Darkroom's cache: DARKROOM_CACHE, else one in the user's cache directory."""
    given = os.environ.get("DARKROOM_CACHE", "").strip()
    if given:
        return Path(given).expanduser().absolute()
    usual = Path("~").expanduser() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or usual) / "darkroom"


def chosen(names: Iterable[str], patterns: Iterable[str], *, but: Iterable[str] = ()) -> list[str]:
    """Return the names that fit one of `patterns` and none of `but`, sorted.

    >>> chosen(["MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI", "HOME"], ["MLFLOW_*"], but=["*_URI"])
    ['MLFLOW_RUN_ID']
    """
    but = tuple(but)
    patterns = tuple(patterns)
    return sorted(name for name in names if _fits(name, patterns) and not _fits(name, but))


def set_aside(environment: MutableMapping[str, str], *, stage: bool) -> list[str]:
    """Remove the variables that are not meant for a stage, or else for a command; return their names.

    >>> variables = {"MLFLOW_RUN_ID": "0a1b", "MLFLOW_TRACKING_URI": "sqlite:///a.db", "RANK": "0"}
    >>> set_aside(variables, stage=True), variables
    (['MLFLOW_RUN_ID', 'RANK'], {'MLFLOW_TRACKING_URI': 'sqlite:///a.db'})
    """
    patterns = SET_ASIDE if stage else (*SET_ASIDE, *BY_DVC)
    if not in_group(environment):
        patterns = (*patterns, *TORCHRUN)
    names = chosen(environment, patterns, but=(*SILENT, *USED))
    for name in names:
        del environment[name]
    return names


def in_group(environment: Mapping[str, str]) -> bool:
    """Return whether torchrun started this process for the stage.

    DVC starts a stage as one process, which starts others itself: what it finds then was left by a program
    around DVC, and to join that group would wait for ever. Without DVC a torchrun of the user's own counts.
    """
    ours = LAUNCHED in environment or "DVC_STAGE" not in environment
    return ours and all(name in environment for name in JOINED)


def without_errors(environment: MutableMapping[str, str]) -> bool:
    """Take what makes errors of warnings out of PYTHONWARNINGS; return whether there was something.

    >>> variables = {"PYTHONWARNINGS": "error,ignore::UserWarning"}
    >>> without_errors(variables), variables
    (True, {'PYTHONWARNINGS': 'ignore::UserWarning'})
    """
    options = [option for option in environment.get("PYTHONWARNINGS", "").split(",") if option.strip()]
    kept = [option for option in options if not option.strip().startswith("e")]
    if len(kept) == len(options):
        return False
    environment["PYTHONWARNINGS"] = ",".join(kept)
    return True


def folders_after(python_path: str, root: Path) -> list[str]:
    """Return the folders of PYTHONPATH outside the checkout, which Python is to search last.

    Those of another project may hold a `darkroom` or a `pipeline`, or libraries of other versions.

    >>> folders_after("src:/opt/other/lib", Path("/home/me/darkroom"))
    ['/opt/other/lib']
    """
    folders = [folder for folder in python_path.split(os.pathsep) if folder]
    return [
        folder
        for folder in folders
        if Path(folder).is_absolute() and not Path(folder).resolve().is_relative_to(root.resolve())
    ]


def find_local_servers(environment: MutableMapping[str, str]) -> None:
    """Let requests to this machine pass by a proxy, which could not reach it.

    >>> variables = {"https_proxy": "http://proxy.example:3128", "no_proxy": "example.org"}
    >>> find_local_servers(variables)
    >>> variables["no_proxy"], variables["NO_PROXY"]
    ('example.org,localhost,127.0.0.1,::1', 'example.org,localhost,127.0.0.1,::1')
    """
    if not any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in environment):
        return
    # libraries read the one or the other first
    known = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    names = [name.strip() for name in known.split(",") if name.strip()]
    if "*" not in names:
        names += [name for name in LOCALHOST if name not in names]
    environment["no_proxy"] = environment["NO_PROXY"] = ",".join(names)


def name_user(environment: MutableMapping[str, str]) -> None:
    """Set HOME and USER where neither they nor the system's list of users tell them, as in a container.

    MLflow asks for the user's name, and others for the home, and end with an error where there is none.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        environment.setdefault("HOME", "/nonexistent")  # Debian's word for it
        if not any(environment.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
            environment["USER"] = f"uid{os.getuid()}"


def print_any_text() -> None:
    """Let prints escape what the encoding lacks that PYTHONIOENCODING, PYTHONUTF8=0 or a locale set.

    Those of processes that are started from here too: DVC and BentoML print more than ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="backslashreplace")
            os.environ["PYTHONIOENCODING"] = f"{stream.encoding}:backslashreplace"


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
