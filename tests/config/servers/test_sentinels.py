"""`sentinels://`: a master, its replica and three Sentinels, all of them behind TLS, and the master is killed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

from config.environment import sentinels, variables
from config.servers import preflight
from config.servers.deployment import brokers
from tests.config.helpers import free_port, wait_until
from tests.config.servers.test_redis_tls import openssl
from tests.conftest import missing

PASSWORD, OF_SENTINELS = "w0rd", "w0rd2"
COMMON = """
port 0
bind 127.0.0.1
tls-port {port}
tls-cert-file {folder}/server.pem
tls-key-file {folder}/server.key
tls-ca-cert-file {folder}/ca.pem
tls-auth-clients no
tls-replication yes
dir {folder}/{port}
"""
SERVER = f"""
save ""
requirepass {PASSWORD}
masterauth {PASSWORD}
"""
SENTINEL = f"""
requirepass {OF_SENTINELS}
sentinel sentinel-pass {OF_SENTINELS}
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel monitor ours localhost {{master}} 2
sentinel auth-pass ours {PASSWORD}
sentinel down-after-milliseconds ours 1000
sentinel failover-timeout ours 5000
"""


@dataclass
class Cluster:
    folder: Path
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, text: str, *words: str) -> int:
        port = free_port()
        (self.folder / str(port)).mkdir()
        file = self.folder / f"{port}.conf"
        file.write_text(COMMON.format(port=port, folder=self.folder) + text)
        with (self.folder / "log").open("a") as log:
            command = ["redis-server", str(file), *words]
            self.processes[port] = subprocess.Popen(command, stdout=log, stderr=log)
        return port

    def ask(self, port: int, password: str, *words: str) -> Any:
        options: dict[str, Any] = {"ssl": True, "ssl_ca_certs": f"{self.folder}/ca.pem", "socket_timeout": 5}
        with redis.Redis("localhost", port, password=password, decode_responses=True, **options) as client:
            return client.execute_command(*words)

    def said(self) -> str:
        return (self.folder / "log").read_text()[-5000:]

    def kill(self, port: int) -> None:
        self.processes[port].kill()
        self.processes[port].wait(10)


@dataclass(frozen=True)
class Started:
    cluster: Cluster
    master: int
    replica: int
    sentinels: list[int]

    def url(self, options: str = "", *, password: str = PASSWORD) -> str:
        hosts = ",".join(f"localhost:{port}" for port in self.sentinels)
        return (
            f"sentinels://:{password}@{hosts}/ours/1?sentinel_password={OF_SENTINELS}"
            f"&ssl_ca_certs={self.cluster.folder}/ca.pem{options}"
        )


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    for program in ("openssl", "redis-server"):
        if shutil.which(program) is None:
            missing(f"there is no {program}: `apt install openssl redis-server`")
    cluster = Cluster(tmp_path_factory.mktemp("sentinels"))
    openssl(cluster.folder, "-x509 -subj /CN=ca -out ca.pem -keyout ca.key")
    signed = "-CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:localhost"
    openssl(cluster.folder, f"-x509 -subj /CN=server {signed} -out server.pem -keyout server.key")
    try:
        master = cluster.start(SERVER)
        replica = cluster.start(f"{SERVER}replicaof localhost {master}\nreplica-announce-ip localhost\n")
        ports = [cluster.start(SENTINEL.format(master=master), "--sentinel") for _ in range(3)]
        wait_until(lambda: knows_all(cluster, ports), 60, cluster.said)
        yield Started(cluster, master, replica, ports)
    finally:
        for port in cluster.processes:
            cluster.kill(port)


def knows_all(cluster: Cluster, ports: list[int]) -> bool:
    with contextlib.suppress(redis.RedisError):
        states = [cluster.ask(port, OF_SENTINELS, "SENTINEL", "MASTER", "ours") for port in ports]
        found = [
            state if isinstance(state, dict) else dict(zip(state[::2], state[1::2], strict=True)) for state in states
        ]
        return all(int(each["num-slaves"]) == 1 and int(each["num-other-sentinels"]) == 2 for each in found)
    return False


def message_goes_round(read: Any) -> bool:
    """As the site's app sends, and a worker gets. Whoever was asked for the master amid a failover is asked again."""
    app = Celery(set_as_current=False, broker=read.broker_url)
    app.conf.broker_use_ssl = read.ssl
    app.conf.broker_transport_options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, **read.transport_options}
    with contextlib.suppress(redis.RedisError, OperationalError), app.connection_for_write() as connection:
        queue = connection.SimpleQueue(f"through-sentinels-{uuid4()}")
        queue.put("works")
        message = queue.get(timeout=10)
        message.ack()
        queue.close()
        return bool(message.payload == "works")
    return False


def said_before_the_start(read: Any, tmp_path: Path) -> str:
    try:
        preflight.check(SimpleNamespace(REDIS=read, DATA_DIR=tmp_path), ["valkey"])
    except variables.WrongSetting as wrong:
        return str(wrong)
    return ""


def test_both_clients_find_the_master_and_the_next_one(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", started.url())
    read = sentinels.redis("REDIS_URL", "")
    client = read.client(socket_timeout=5)
    monkeypatch.setattr(brokers, "settings", SimpleNamespace(REDIS=read, DATA_DIR=tmp_path))

    def writes() -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(client.set("a", "1"))
        return False

    def becomes(true: Callable[[], bool]) -> None:
        wait_until(true, 90, started.cluster.said)

    becomes(writes)
    assert client.connection_pool.connection_kwargs["db"] == 1
    becomes(lambda: message_goes_round(read))
    becomes(lambda: said_before_the_start(read, tmp_path) == "")
    becomes(lambda: list(brokers.look()) == [])

    started.cluster.kill(started.master)
    becomes(writes)
    becomes(lambda: message_goes_round(read))
    started.cluster.kill(started.sentinels[0])
    becomes(lambda: said_before_the_start(read, tmp_path) == "")
    words = f"has 3 Sentinels, of which localhost:{started.sentinels[0]} can't be asked"
    becomes(lambda: [(level, words in said) for level, said in brokers.look()] == [("warning", True)])
    assert PASSWORD not in " ".join(said for _, said in brokers.look())


def test_what_is_wrong_is_a_sentence(started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for url, words in {
        started.url().replace("/ours/", "/theirs/"): "No master found for 'theirs'",
        started.url(password="wrong"): "invalid username-password pair",
        started.url().replace("ca.pem", "server.pem"): "No master found",
        started.url().replace(f"sentinel_password={OF_SENTINELS}", "sentinel_password=wrong"): "No master found",
    }.items():
        monkeypatch.setenv("REDIS_URL", url)
        read, said = sentinels.redis("REDIS_URL", ""), [""]

        def is_said(read: Any = read, said: list[str] = said, words: str = words) -> bool:
            said[0] = said_before_the_start(read, tmp_path)
            return words in said[0]

        wait_until(is_said, 90, lambda said=said: said[0])  # type: ignore[misc]
        assert said[0].startswith("podium: The Redis of REDIS_URL (sentinels://:***@localhost:"), said
        assert PASSWORD not in said[0]
        assert "\n" not in said[0]
