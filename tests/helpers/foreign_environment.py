"""Variables that other programs leave in people's environments, each with a value that does harm."""

from pathlib import Path

NAMES = {  # of MLflow, BentoML, torch, git, DVC and others: none may change what a stage does
    "MLFLOW_RUN_ID": "0123456789abcdef0123456789abcdef",
    "MLFLOW_EXPERIMENT_ID": "4711",
    "MLFLOW_EXPERIMENT_NAME": "somebody's",
    "MLFLOW_REGISTRY_URI": "http://127.0.0.1:9",
    "MLFLOW_ACTIVE_MODEL_ID": "m-0123456789abcdef",
    "MLFLOW_RUN_CONTEXT": "{not json",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "true",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true",
    "MLFLOW_BACKEND_STORE_URI": "http://127.0.0.1:9",
    "MLFLOW_DEFAULT_ARTIFACT_ROOT": "/proc/nonexistent",
    "MLFLOW_TRACKING_DIR": "/proc/nonexistent",
    "MLFLOW_DFS_TMP": "/proc/nonexistent",
    "MLFLOW_ENABLE_WORKSPACES": "true",
    "MLFLOW_TRUNCATE_LONG_VALUES": "false",
    "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": "^never$",
    "_MLFLOW_TESTING": "true",
    "BENTOML_CONFIG": "/proc/nonexistent/bentoml.yaml",
    "BENTOML_CONFIG_OPTIONS": "services.darkroom.workers=99",
    "BENTOML_CONFIG_OVERRIDES": "{not json",
    "BENTOML_PORT": "1",
    "BENTOML_HOST": "192.0.2.1",
    "BENTOML_API_WORKERS": "99",
    "BENTO_CLOUD_API_KEY": "none",
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "1",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "2",
    "MASTER_ADDR": "192.0.2.1",
    "MASTER_PORT": "29500",
    "PET_NNODES": "2",
    "TORCHDYNAMO_DISABLE": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
    "PYTORCH_JIT": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MATPLOTLIBRC": "/proc/nonexistent",
    "PANDAS_FUTURE_INFER_STRING": "0",
    "PANDAS_COPY_ON_WRITE": "warn",
    "SKLEARN_ASSUME_FINITE": "1",
    "SKLEARN_WARNINGS_AS_ERRORS": "1",
    "SCIPY_ARRAY_API": "1",
    "NPY_PROMOTION_STATE": "legacy",
    "ORT_DEBUG_NODE_IO_DUMP_INPUT_DATA": "1",
    "PROMETHEUS_MULTIPROC_DIR": "/proc/nonexistent",
    "GIT_DIR": "/proc/nonexistent/.git",
    "GIT_WORK_TREE": "/proc/nonexistent",
    "GIT_INDEX_FILE": "/proc/nonexistent/index",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_EXTERNAL_DIFF": "/proc/nonexistent/difftool",
}
PYTHON = {
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "1",
    "PYTHONHASHSEED": "4711",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": "ascii",
    "PYTHONSTARTUP": "/proc/nonexistent.py",
    "PYTHONNOUSERSITE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
OTHERS = {  # not set aside, and harmless
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "NO_PROXY": "",
    "SSL_CERT_FILE": "/proc/nonexistent.pem",
    "REQUESTS_CA_BUNDLE": "/proc/nonexistent.pem",
    "LC_ALL": "C",
    "LANG": "tr_TR.UTF-8",
    "TZ": "Mars/Olympus",
    "COLUMNS": "7",
    "NO_COLOR": "1",
    "SOURCE_DATE_EPOCH": "0",
    "MPLCONFIGDIR": "/proc/nonexistent",
    "XDG_CACHE_HOME": "/proc/nonexistent",
    "XDG_CONFIG_HOME": "/proc/nonexistent",
    "HOME": "/proc/nonexistent",
    "TMPDIR": "/proc/nonexistent",
    "CUDA_VISIBLE_DEVICES": "",
    "KMP_AFFINITY": "none",
    "DEBUG": "1",
    "PORT": "1",
    "HOST": "192.0.2.1",
    "WEB_CONCURRENCY": "99",
}


def foreign_environment(folder: Path) -> dict[str, str]:
    """Return all of them, and PYTHONPATH with a `darkroom`, a `pipeline` and a `numpy` in `folder`.

    Each of those ends the program that imports it.
    """
    for name in ("darkroom", "pipeline", "numpy"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"raise SystemExit('took a foreign {name}')\n")
    return {**NAMES, **PYTHON, **OTHERS, "PYTHONPATH": f"{folder}:src"}
