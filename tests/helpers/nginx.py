"""A real nginx before a service, with its own configuration in a temporary folder."""

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.checkouts import PROJECT
from tests.helpers.serving import free_port
from tests.helpers.waiting import eventually

# Debian installs it where only root's PATH leads
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
EXAMPLE = f'include "{PROJECT}/deploy/nginx.conf";'
HEADERS = """
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
"""
# nginx neither removes the prefix nor names it
PASSED_ON = f"location /vision {{ proxy_pass http://darkroom; client_max_body_size 41m; {HEADERS} }}"
# every byte of an upload reaches the service at once
UNBUFFERED = f"location / {{ proxy_pass http://darkroom; proxy_request_buffering off; {HEADERS} }}"
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/errors;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access;
    types {{ text/html html; }}
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream darkroom {{ server {service}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port}{tls};
        location = /favicon.ico {{ return 204; }}  # a browser asks for it where a document has no icon
        {locations}
    }}
}}
"""


@contextmanager
def nginx(service: str, locations: str = EXAMPLE, *, tls: str = "") -> Iterator[str]:
    """Start nginx before the service at the URL `service`; yield nginx's own URL.

    Args:
        service: the URL of the service.
        locations: the `location` blocks.
        tls: files of a certificate and its key as nginx's directives; empty: no TLS.
    """
    if NGINX is None:
        pytest.skip("nginx is not installed: `apt-get install nginx`")
    folder = Path(tempfile.mkdtemp(prefix="darkroom-nginx-"))
    port = free_port()
    text = CONFIGURATION.format(
        folder=folder,
        service=service.removeprefix("http://"),
        port=port,
        tls=" ssl" if tls else "",
        locations=tls + locations,
    )
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]
    try:
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        server = subprocess.Popen(command)
        url = f"http{'s' if tls else ''}://127.0.0.1:{port}"
        try:
            eventually(lambda: _listens(port), "nginx listens", seconds=30, process=server)
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True
