"""The service's settings from environment variables."""

import pytest

from darkroom.serving.settings import Settings, read_settings


def test_settings_are_read_from_the_environment() -> None:
    environment = {
        "DARKROOM_PREDICT_TOKENS": "a" * 16 + ", " + "b" * 20,
        "DARKROOM_ADMIN_TOKENS": "c" * 16,
        "DARKROOM_WORKERS": "3",
        "DARKROOM_RATE": "120",
        "DARKROOM_ORIGINS": "https://a.example,http://localhost:8080",
        "DARKROOM_HOSTS": "A.example",
        "DARKROOM_ACCESS_LOG": "1",
        "DARKROOM_MIRROR": "of the download stage",
        "OTHER": "x",
    }
    assert read_settings(environment, cores=8) == Settings(
        workers=3,
        threads=2,
        tokens={"a" * 16: "predict", "b" * 20: "predict", "c" * 16: "admin"},
        requests_per_minute=120,
        origins=("https://a.example", "http://localhost:8080"),
        hosts=("a.example",),
        access_log=True,
    )
    assert read_settings({}, cores=4) == Settings(workers=4, threads=1, tokens={})


@pytest.mark.parametrize(
    ("cores", "gigabytes", "given", "workers", "threads", "held"),
    [
        (64, 64, None, 64, 1, 256),
        (64, 4, None, 7, 9, 157),
        (2, 0.4, None, 1, 2, 72),
        (1, 0.3, None, 1, 1, 50),
        (4, 1, 4, 4, 1, 50),
    ],
    ids=["enough", "a limit", "hardly one", "less than one", "the user decides"],
)
def test_workers_and_uploads_fit_into_the_memory(
    cores: int, gigabytes: float, given: int | None, workers: int, threads: int, held: int
) -> None:
    environment = {} if given is None else {"DARKROOM_WORKERS": str(given)}
    settings = read_settings(environment, cores=cores, memory=int(gigabytes * 1e9))
    assert (settings.workers, settings.threads) == (workers, threads)
    assert settings.held_bytes // 1_000_000 == held


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DARKROOM_ADMIN_TOKENS", "short", "DARKROOM_ADMIN_TOKENS holds a token of 5 characters"),
        ("DARKROOM_WORKERS", "0", "DARKROOM_WORKERS is '0'; needed: a number from 1"),
        ("DARKROOM_RATE", "many", "DARKROOM_RATE is 'many'"),
        ("DARKROOM_QUEUE_SECONDS", "nan", "DARKROOM_QUEUE_SECONDS is 'nan'"),
        ("DARKROOM_ORIGINS", "*", r"DARKROOM_ORIGINS holds '\*'"),
        ("DARKROOM_ORIGINS", "https://a.example/x", "needed: origins such as"),
        ("DARKROOM_TOKEN", "x", "DARKROOM_TOKEN is not a setting; known are DARKROOM_ACCESS_LOG"),
    ],
)
def test_an_invalid_setting_is_named_in_the_error(name: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_settings({name: value}, cores=2)
