"""`manage.py up`: everything Podium consists of, in one terminal."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import BaseCommand, CommandError, call_command, get_commands
from django.core.management.base import OutputWrapper
from django.db import connections

from config import logs
from config.environment import file_permissions, folders, variables
from config.processes import command_lines
from config.processes.healthcheck import answers
from config.processes.output import Output, Own
from config.processes.supervisor import Supervisor
from config.servers import embedded

LEAST_FREE_BYTES = 300_000_000


class Command(BaseCommand):
    help = "Starts the databases, the web server, the workers and beat, and stops all of it at Ctrl-C."
    requires_system_checks = []  # `migrate` runs them, when there is a database to check

    def add_arguments(self, parser: ArgumentParser) -> None:
        # Read in `handle`, so that a wrong one is a sentence and no list of all options.
        parser.add_argument("--port", help="of the web server (default: 8000, or PORT)")
        parser.add_argument(
            "--host", default="127.0.0.1", help="of the web server (default: 127.0.0.1, this machine alone)"
        )
        parser.add_argument("--rewards-port", help="of the scoring service (default: the next one after --port)")
        # manage.py reads it before the settings do; here it is only to be known.
        parser.add_argument("--data-dir", help="where everything is kept (default: .podium, or PODIUM_DATA_DIR)")
        parser.add_argument("--json", action="store_true", help="log one JSON object a line (or PODIUM_LOG=json)")
        parser.add_argument("--no-sample", action="store_true", help="don't load the sample project")
        parser.add_argument("--workers", type=int, default=2, help="processes of the web server (default: 2)")

    def handle(
        self,
        *,
        port: str | None,
        rewards_port: str | None,
        host: str,
        data_dir: str | None,
        json: bool,
        no_sample: bool,
        workers: int,
        **options: Any,
    ) -> None:
        began = time.monotonic()
        output = self.takes_over_output()
        web_port = as_port("--port", port) if port else variables.port("PORT", 8000)
        scores_port = as_port("--rewards-port", rewards_port) if rewards_port else web_port + 1
        where = folders.data_directory()
        if data_dir and folders.as_folder("--data-dir", data_dir, base=Path.cwd()) != where:
            raise CommandError(f"The settings were read for {where} already: write --data-dir in full, after `up`.")
        if json and not output.json:
            raise CommandError("The settings were read without --json already: write it in full, after `up`.")
        try:
            embedded.make_data_directory(where)
            with only_one(where):
                check_disk(where)
                check_port(host, web_port)
                check_port(host, scores_port, "--rewards-port")
                with embedded.running(where, embedded.needed_servers()):
                    self.prepare(where, sample=not no_sample)
                    self.supervise(output, where, host, web_port, scores_port, workers, began)
        except embedded.EmbeddedServerError as error:
            raise CommandError(str(error)) from error

    def takes_over_output(self) -> Output:
        """From here on our own lines are as those of the processes."""
        output = Output(json=settings.LOG == "json")
        os.environ[logs.PROCESS] = "podium"
        self.stdout = OutputWrapper(cast(TextIO, Own(output)))
        if output.json:  # else what ends us is said as any command says it
            self.stderr = OutputWrapper(cast(TextIO, Own(Output(sys.stderr, json=True))))
        return output

    def prepare(self, data_dir: Path, *, sample: bool) -> None:
        file_permissions.close_data(data_dir, Path(settings.MODEL_DIR))  # our children inherit the umask
        self.stdout.write(f"Preparing the database and the pages in {data_dir}")
        call_command("migrate", interactive=False, verbosity=0)
        collect_static(data_dir)
        if sample and "load_sample" in get_commands():
            call_command("load_sample", stdout=self.stdout)
        connections.close_all()
        for connection in connections.all(initialized_only=True):
            if hasattr(connection, "close_pool"):
                connection.close_pool()

    def supervise(
        self, output: Output, data_dir: Path, host: str, port: int, rewards_port: int, workers: int, began: float
    ) -> None:
        specs = [
            command_lines.web(host=host, port=port, workers=workers),
            command_lines.worker(),
            command_lines.head(),
            command_lines.train(),
            command_lines.rewards(host=host, port=rewards_port),
            command_lines.beat(data_dir),
        ]
        environ = {
            **os.environ,
            "PODIUM_DATA_DIR": str(data_dir),
            "PODIUM_REWARDS_URL": f"http://{address_to_open(host)}:{rewards_port}",
            "PROMETHEUS_MULTIPROC_DIR": str(empty_folder(data_dir / "metrics")),  # /metrics then counts all processes
        }
        supervisor = Supervisor(specs, environ, output)
        supervisor.look_after = Watch(supervisor, data_dir, host, port, began)
        supervisor.run()
        supervisor.say("podium", "Stopped. The data stays in " + str(data_dir))


class Watch:
    """Says once that the web answers, and starts an embedded server again that died."""

    def __init__(self, supervisor: Supervisor, data_dir: Path, host: str, port: int, began: float) -> None:
        self.supervisor, self.data_dir, self.began = supervisor, data_dir, began
        self.address = f"http://{address_to_open(host)}:{port}"
        self.answered = False
        self.servers = embedded.needed_servers()
        self.next_start = 0.0

    def __call__(self) -> None:
        if not self.answered and answers(f"{self.address}/healthz"):
            self.answered = True
            seconds = time.monotonic() - self.began
            self.supervisor.say("podium", f"Podium is at {self.address} (started in {seconds:.1f} s; Ctrl-C stops it)")
        dead = [name for name in sorted(self.servers) if not embedded.is_kept(self.data_dir, name)]
        if dead and time.monotonic() > self.next_start:
            self.supervisor.say("podium", f"{' and '.join(dead)} ended; starting again.")
            self.next_start = time.monotonic() + 5.0
            try:
                embedded.start_missing(self.data_dir, self.servers)
            except embedded.EmbeddedServerError as error:
                self.supervisor.say("podium", str(error))


# --- Before anything starts -------------------------------------------------------------------------------------------


def as_port(option: str, value: str) -> int:
    return variables.as_number(option, value, least=1, most=65535, example=8123)


def check_disk(data_dir: Path) -> None:
    free = shutil.disk_usage(data_dir).free
    if free < LEAST_FREE_BYTES:
        raise CommandError(
            f"Only {free / 1e6:.0f} MB are free on the disk of {data_dir}, and Podium needs "
            f"{LEAST_FREE_BYTES / 1e6:.0f}: free some space, or take another disk with `manage.py up --data-dir DIR`."
        )


def check_port(host: str, port: int, option: str = "--port") -> None:
    other = (
        "`PORT=8123 make run` or `manage.py up --port 8123`" if option == "--port" else f"`manage.py up {option} 8124`"
    )
    if not 0 < port < 65536:
        raise CommandError(f"{port} is no port: choose one from 1 to 65535, e.g. {other}.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise CommandError(
                f"Port {port} is for the administrator only: take one above 1023, e.g. {other}."
            ) from error
        except OSError as error:
            raise CommandError(
                f"Port {port} on {host} can't be had ({error.strerror}). If another program or another copy of Podium "
                f"uses it, stop that one or take another port: {other}."
            ) from error


@contextlib.contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Lets one `up` run for each data directory. The file also says who holds it, for the one that is refused."""
    descriptor = embedded.open_lock(data_dir / "locks" / "up")
    try:
        if not embedded.try_lock(descriptor, fcntl.LOCK_EX):
            holder = os.pread(descriptor, 64, 0).decode().strip() or "unknown"
            raise CommandError(
                f"Podium already runs on {data_dir} (process {holder}). Stop that one, or start this copy on a folder "
                "of its own: `manage.py up --data-dir DIR --port 8123`."
            )
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def collect_static(data_dir: Path) -> None:
    """Collects only when a source changed: hashing and compressing takes longer than all the rest of a start."""
    stamp = data_dir / "static.sources"
    sources = static_sources()
    if stamp.exists() and stamp.read_text() == sources and Path(settings.STATIC_ROOT).is_dir():
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0, clear=Path(settings.STATIC_ROOT).is_dir())
    stamp.write_text(sources)


def static_sources() -> str:
    digest = hashlib.sha256(str(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = os.stat(storage.path(name))
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def empty_folder(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    return path


# --- While it runs ---------------------------------------------------------------------------------------------------


def address_to_open(host: str) -> str:
    """Tells where a browser on this machine finds a server that listens on `host`."""
    opened = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"[{opened}]" if ":" in opened and not opened.startswith("[") else opened
