"""`rediss://` to a real server behind TLS, by both clients: redis-py, and Celery's.

The Valkey that Podium brings is built without TLS, as it listens on a socket alone, so TLS ends before it, here.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
import redis
from celery import Celery
from django.conf import settings

from config.environment import addresses, variables
from config.servers import embedded, preflight
from tests.config.helpers import REPOSITORY, environ, valkey, wait_until
from tests.conftest import missing

PASSWORD = "w0rd"


# --- A certificate of one's own, and TLS before the server ------------------------------------------------------------


@dataclass(frozen=True)
class Tls:
    folder: Path
    port: int
    strict_port: int  # asks for a client's certificate

    def url(self, options: str = "", *, host: str = "localhost", port: int = 0, scheme: str = "rediss") -> str:
        """Where `options` names a certificate, it is one of the folder."""
        query = options.replace("=ca", f"={self.folder}/ca").replace("=other", f"={self.folder}/other")
        return f"{scheme}://:{PASSWORD}@{host}:{port or self.port}/1{'?' if query else ''}{query}"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    if shutil.which("openssl") is None:
        missing("there is no openssl: `apt install openssl`")
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ca", "other"):
        openssl(folder, f"-x509 -subj /CN={name} -out {name}.pem -keyout {name}.key")
    for name, host in (("server", "localhost"), ("client", "podium")):
        signed = f"-CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:{host}"
        openssl(folder, f"-x509 -subj /CN={name} {signed} -out {name}.pem -keyout {name}.key")
    with (
        valkey(folder, "--requirepass", PASSWORD) as target,
        ends_tls(folder, target) as port,
        ends_tls(folder, target, ask_client=True) as strict_port,
    ):
        yield Tls(folder, port, strict_port)


def openssl(folder: Path, words: str) -> None:
    command = f"openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 {words}"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)


@contextlib.contextmanager
def ends_tls(folder: Path, target: int, *, ask_client: bool = False) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    if ask_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "ca.pem")

    def serve() -> None:
        with contextlib.suppress(OSError):  # until it is closed
            while True:
                threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    def answer(plain: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            context.wrap_socket(plain, server_side=True) as client,
            socket.create_connection(("127.0.0.1", target)) as behind,
        ):
            threading.Thread(target=pass_on, args=(behind, client), daemon=True).start()
            pass_on(client, behind)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


# --- The two clients --------------------------------------------------------------------------------------------------


def by_redis(read: addresses.Redis) -> str:
    """As /readyz asks."""
    with redis.Redis.from_url(read.url, socket_timeout=5) as client:
        assert client.connection_pool.connection_kwargs["db"] == 1
        return "works" if client.ping() else "doesn't"


def by_celery(read: addresses.Redis) -> str:
    """As the site's app sends, and a worker gets: with its settings."""
    app = Celery(set_as_current=False, broker=read.broker_url)
    app.conf.broker_use_ssl = read.ssl
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    with app.connection_for_write() as connection:
        queue = connection.SimpleQueue(f"tls-{uuid4()}")
        queue.put("works")
        message = queue.get(timeout=5)
        message.ack()
        queue.close()
        return str(message.payload)


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> object:
    """What both clients say of an address, and the sentence that a process would end with, '' if it would go on."""

    def of(url: str) -> tuple[str, str, str]:
        monkeypatch.setenv("REDIS_URL", url)
        read = addresses.redis("REDIS_URL", "")
        said = []
        for client in (by_redis, by_celery):
            try:
                said.append(client(read))
            except Exception as error:
                said.append(str(error))
        try:
            preflight.check(SimpleNamespace(REDIS=read, DATA_DIR=tmp_path), ["valkey"])
        except variables.WrongSetting as error:
            return said[0], said[1], str(error)
        return said[0], said[1], ""

    return of


WORKS = (
    "ssl_ca_certs=ca.pem",
    "ssl_cert_reqs=required&ssl_ca_certs=ca.pem",
    "ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs=ca.pem",
    "ssl_cert_reqs=optional&ssl_ca_certs=ca.pem",
    "ssl_cert_reqs=none",
    "ssl_cert_reqs=CERT_NONE",
)


@pytest.mark.parametrize("options", WORKS)
def test_both_clients_read_the_documented_spelling_alike(tls: Tls, outcomes: object, options: str) -> None:
    assert outcomes(tls.url(options)) == ("works", "works", "")  # type: ignore[operator]


@pytest.mark.parametrize("options", ["ssl_cert_reqs=none", "ssl_ca_certs=ca.pem&ssl_check_hostname=false"])
def test_another_host_name_passes_where_that_is_asked_for(tls: Tls, outcomes: object, options: str) -> None:
    assert outcomes(tls.url(options, host="127.0.0.1")) == ("works", "works", "")  # type: ignore[operator]


REFUSED = {
    "an authority that nobody knows": ("", "localhost", "certificate verify failed"),
    "another authority": ("ssl_ca_certs=other.pem", "localhost", "certificate verify failed"),
    "another authority, optional": ("ssl_cert_reqs=optional&ssl_ca_certs=other.pem", "localhost", "verify failed"),
    "another host name": ("ssl_ca_certs=ca.pem", "127.0.0.1", "certificate is not valid for '127.0.0.1'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_both_clients_refuse_a_certificate_that_is_not_the_server_s(tls: Tls, outcomes: object, kind: str) -> None:
    options, host, words = REFUSED[kind]
    by_redis, by_celery, sentence = outcomes(tls.url(options, host=host))  # type: ignore[operator]
    assert words in by_redis
    assert words in by_celery
    assert words in sentence
    assert sentence.startswith(f"podium: The Redis of REDIS_URL (rediss://:***@{host}:{tls.port}/1")
    assert "\n" not in sentence


def test_a_server_that_asks_for_a_certificate_gets_ours(tls: Tls, outcomes: object) -> None:
    ours = f"ssl_ca_certs=ca.pem&ssl_certfile={tls.folder}/client.pem&ssl_keyfile={tls.folder}/client.key"
    assert outcomes(tls.url(ours, port=tls.strict_port)) == ("works", "works", "")  # type: ignore[operator]
    without = outcomes(tls.url("ssl_ca_certs=ca.pem", port=tls.strict_port))  # type: ignore[operator]
    assert "works" not in without
    assert "can't be used: " in without[2]


def test_a_file_that_is_not_there_and_a_scheme_that_is_not_the_server_s_are_said(tls: Tls, outcomes: object) -> None:
    *clients, sentence = outcomes(tls.url("ssl_ca_certs=/nowhere/ca.pem"))  # type: ignore[operator]
    assert "works" not in clients
    assert "/nowhere/ca.pem" in sentence
    assert "can't be used: " in sentence
    *clients, sentence = outcomes(tls.url(scheme="redis"))  # type: ignore[operator]
    assert "works" not in clients
    assert "It may speak TLS: rediss:// is with." in sentence


# --- Podium itself ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_worker_gets_its_messages_over_tls_and_ends_where_it_may_not(tls: Tls, tmp_path: Path) -> None:
    name = settings.DATABASES["default"]["NAME"]
    variables = environ(
        DATABASE_URL=embedded.database_url(settings.DATA_DIR).replace("/podium?", f"/{name}?"),
        REDIS_URL=tls.url("ssl_ca_certs=ca.pem"),
        PODIUM_DATA_DIR=str(tmp_path),
    )
    command = [sys.executable, "-m", "celery", "--app", "config", "--quiet"]
    words = [*command, "worker", "--loglevel", "INFO", "--pool", "solo", "--hostname", "tls@%h"]
    with (tmp_path / "log").open("w") as log:
        worker = subprocess.Popen(words, cwd=REPOSITORY, env=variables, stdout=log, stderr=log)
    try:
        wait_until(lambda: " ready." in (tmp_path / "log").read_text(), 60, (tmp_path / "log").read_text)
        ask = [*command, "inspect", "ping", "--timeout", "10"]
        asked = subprocess.run(ask, cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False)
        assert "tls@" in asked.stdout, asked.stderr
    finally:
        worker.kill()
        worker.wait(10)
    wrong = variables | {"REDIS_URL": tls.url("ssl_ca_certs=other.pem")}
    done = subprocess.run(words, cwd=REPOSITORY, env=wrong, capture_output=True, text=True, timeout=60, check=False)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert "certificate verify failed" in line
