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
        "DARKROOM_PROXIES": "127.0.0.1, 10.0.0.0/8,fd00::/8, unix:",
        "DARKROOM_ROOT_PATH": "/vision/",
        "DARKROOM_MIRROR": "of the download stage",
        "DARKROOM_CACHE": "of the train stage",
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
        proxies=("127.0.0.1/32", "10.0.0.0/8", "fd00::/8", "unix:"),
        root_path="/vision",
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
        ("DARKROOM_PROXIES", "localhost", "DARKROOM_PROXIES holds 'localhost'"),
        ("DARKROOM_PROXIES", "10.0.0.0/33", "needed: addresses and networks"),
        ("DARKROOM_PROXIES", "10.0.0.1/8", "has host bits set"),
        ("FORWARDED_ALLOW_IPS", "nginx", "FORWARDED_ALLOW_IPS holds 'nginx'"),
        ("DARKROOM_ROOT_PATH", "vision", "DARKROOM_ROOT_PATH is 'vision'; needed: a path such as /vision"),
        ("DARKROOM_ROOT_PATH", "//example.org", "needed: a path"),
        ("DARKROOM_ACCESS_LOG", "yes", "DARKROOM_ACCESS_LOG is 'yes'; needed: 1 for yes"),
        ("DARKROOM_TOKEN", "x", "DARKROOM_TOKEN is not a setting; known are DARKROOM_ACCESS_LOG"),
    ],
)
def test_an_invalid_setting_is_named_in_the_error(name: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_settings({name: value}, cores=2)


def test_the_proxies_that_uvicorn_would_trust_are_trusted_where_ours_are_not_named() -> None:
    uvicorns = {"FORWARDED_ALLOW_IPS": "192.0.2.1"}
    assert read_settings(uvicorns, cores=1).proxies == ("192.0.2.1/32",)
    assert read_settings(uvicorns | {"DARKROOM_PROXIES": "10.0.0.1"}, cores=1).proxies == ("10.0.0.1/32",)
    assert read_settings(uvicorns | {"DARKROOM_PROXIES": ""}, cores=1).proxies == ("192.0.2.1/32",)
    assert read_settings({"FORWARDED_ALLOW_IPS": "*"}, cores=1).proxies == ("*",)  # some platforms set it
