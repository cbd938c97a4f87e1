"""The control socket of the supervisor and its client."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom.serving.process.control import (
    ControlSocket,
    SupervisorError,
    change_bento,
    read_state,
    write_state,
)

PORT = 3000  # names the state file; nothing listens on it


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlSocket]:
    control = ControlSocket(tmp_path / "control")
    yield control
    control.close()


def respond_in_thread(control: ControlSocket, response: dict[str, object]) -> threading.Thread:
    def respond() -> None:
        request = control.accept()
        assert request is not None
        request.respond({**response, "tag": request.tag})

    thread = threading.Thread(target=respond)
    thread.start()
    return thread


def test_a_change_returns_the_response_of_the_supervisor(control: ControlSocket, tmp_path: Path) -> None:
    write_state(tmp_path, PORT, control=control.path, tag="model:1", before=None)
    assert read_state(tmp_path, PORT)["tag"] == "model:1"
    thread = respond_in_thread(control, {"before": "model:1", "seconds": 2.5})
    assert change_bento(tmp_path, PORT, "model:2") == {"tag": "model:2", "before": "model:1", "seconds": 2.5}
    thread.join()


def test_a_failed_change_raises_the_error_of_the_supervisor(control: ControlSocket, tmp_path: Path) -> None:
    write_state(tmp_path, PORT, control=control.path, tag="model:1", before=None)
    thread = respond_in_thread(control, {"error": "model:2 does not serve: no memory"})
    with pytest.raises(SupervisorError, match="no memory"):
        change_bento(tmp_path, PORT, "model:2")
    thread.join()


@pytest.mark.parametrize("message", [b"", b"no JSON", b"[]", b"{}"])
def test_a_malformed_request_is_ignored(control: ControlSocket, message: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(control.path))
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        assert control.accept() is None
        assert client.recv(100) == b""


def test_the_state_of_a_supervisor_that_ended_is_an_error(control: ControlSocket, tmp_path: Path) -> None:
    with pytest.raises(SupervisorError, match="start it with `make serve`"):
        read_state(tmp_path, PORT)
    script = (
        "import sys; from pathlib import Path; from darkroom.serving.process.control import write_state\n"
        f"write_state(Path(sys.argv[1]), {PORT}, control=Path('control'), tag='model:1', before=None)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, env={"PYTHONPATH": "src"})
    with pytest.raises(SupervisorError, match="start it with `make serve`"):
        read_state(tmp_path, PORT)
