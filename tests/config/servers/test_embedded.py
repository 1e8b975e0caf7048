"""The embedded servers: their addresses, who starts them, who stops them."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dj_database_url
import psutil
import psycopg
import pytest
import redis
from celery import Celery

from config.environment import addresses
from config.servers import embedded, postgres
from tests.config.helpers import REPOSITORY, are_gone, environ, wait_until


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Not pytest's tmp_path: that is so deep that the short socket directory would always be taken."""
    path = Path(tempfile.mkdtemp(prefix="pod-")) / "data"
    yield path
    shutil.rmtree(path.parent, ignore_errors=True)


# --- Addresses --------------------------------------------------------------------------------------------------------


def test_urls_are_computed_and_nothing_is_started(data_dir: Path) -> None:
    assert embedded.database_url(data_dir).endswith(f"?host={str(data_dir).replace('/', '%2F')}%2Frun%2Fpg")
    assert embedded.redis_url(data_dir) == f"unix://{data_dir}/run/valkey.sock?db=0"
    assert not data_dir.exists()


def test_a_database_url_survives_capitals_blanks_and_umlauts() -> None:
    parsed = dj_database_url.parse(embedded.database_url(Path("/tmp/My Däta")))
    assert parsed["OPTIONS"] == {"host": "/tmp/My Däta/run/pg"}
    assert (parsed["USER"], parsed["NAME"], parsed["HOST"]) == ("podium", "podium", "")


def test_celery_gets_its_own_spelling_of_a_socket(data_dir: Path) -> None:
    url = addresses.redis("REDIS_URL", embedded.redis_url(data_dir)).broker_url
    assert url == f"redis+socket://{data_dir}/run/valkey.sock?virtual_host=0"


def test_deep_directories_get_a_short_socket_directory() -> None:
    deep = Path("/tmp") / ("d" * 60) / ("e" * 60)
    path = embedded.socket_dir(deep)
    assert len(str(path / "pg" / ".s.PGSQL.5432")) <= embedded.LONGEST_SOCKET_PATH
    assert path == embedded.socket_dir(deep)
    assert path != embedded.socket_dir(deep.with_name("other"))


def test_a_server_is_needed_where_no_url_names_one() -> None:
    assert embedded.needed_servers({}) == {"postgres", "valkey"}
    assert embedded.needed_servers({"DATABASE_URL": "postgresql://x", "REDIS_URL": ""}) == {"valkey"}


def test_the_secret_key_is_made_once_and_is_private(data_dir: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(embedded.secret_key, [data_dir] * 8))
    assert len(keys) == 1
    assert len(keys.pop()) > 50
    assert stat.S_IMODE((data_dir / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in data_dir.glob("secret_key*")] == ["secret_key"]


def test_a_file_in_the_way_is_named(data_dir: Path) -> None:
    data_dir.write_text("not a folder")
    with pytest.raises(embedded.EmbeddedServerError, match=f"{data_dir} is a file, not a folder"):
        embedded.make_data_directory(data_dir)


# --- Starting and stopping --------------------------------------------------------------------------------------------


def ask(data_dir: Path) -> str:
    with psycopg.connect(embedded.database_url(data_dir)) as connection:
        row = connection.execute("SELECT datlocale, pg_encoding_to_char(encoding) FROM pg_database").fetchone()
        assert row == ("C.UTF-8", "UTF8")
        listens = connection.execute("SHOW listen_addresses").fetchone()
    with redis.Redis.from_url(embedded.redis_url(data_dir)) as client:
        assert client.ping()
    assert listens is not None
    return str(listens[0])


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0]))


def test_both_servers_start_on_private_sockets_and_stop(data_dir: Path) -> None:
    with embedded.running(data_dir) as lease:
        assert lease.started == {"postgres", "valkey"}
        assert ask(data_dir) == ""
        assert stat.S_IMODE(embedded.postgres_socket_dir(data_dir).stat().st_mode) == 0o700
        broker = addresses.redis("REDIS_URL", embedded.redis_url(data_dir)).broker_url
        with Celery(set_as_current=False, broker=broker).connection() as connection:
            connection.ensure_connection(max_retries=1)
        server = postmaster(data_dir)
    assert are_gone([server])
    assert not embedded.is_kept(data_dir, "valkey")


def test_servers_start_in_a_directory_too_deep_for_a_socket(data_dir: Path) -> None:
    deep = data_dir / ("Ä b" * 30)
    try:
        with embedded.running(deep):
            ask(deep)
            assert embedded.socket_dir(deep).parent == Path("/tmp")
            assert stat.S_IMODE(embedded.socket_dir(deep).stat().st_mode) in (0o700, 0o711)
    finally:
        shutil.rmtree(embedded.socket_dir(deep))


def test_a_second_user_finds_the_servers_and_the_last_one_stops_them(data_dir: Path) -> None:
    first = embedded.ensure_running(data_dir)
    second = embedded.ensure_running(data_dir)
    assert second.started == set()
    embedded.stop(first)
    ask(data_dir)
    server = postmaster(data_dir)
    embedded.stop(second)
    assert are_gone([server])


def test_starts_at_the_same_moment_make_one_server(data_dir: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        leases = list(threads.map(embedded.ensure_running, [data_dir] * 4))
    assert sorted(len(lease.started) for lease in leases) == [0, 0, 0, 2]
    for lease in leases:
        embedded.stop(lease)
    assert not embedded.is_kept(data_dir, "postgres")


def test_two_data_directories_live_side_by_side(data_dir: Path) -> None:
    other = data_dir.with_name("other")
    with embedded.running(data_dir), embedded.running(other):
        ask(data_dir)
        ask(other)
        assert postmaster(data_dir) != postmaster(other)


def test_what_was_stored_is_there_after_a_restart(data_dir: Path) -> None:
    with embedded.running(data_dir):
        with psycopg.connect(embedded.database_url(data_dir)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        with redis.Redis.from_url(embedded.redis_url(data_dir)) as client:
            client.rpush("default", "message")
    with embedded.running(data_dir):
        with psycopg.connect(embedded.database_url(data_dir)) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (1,)
        with redis.Redis.from_url(embedded.redis_url(data_dir)) as client:
            assert client.lpop("default") == b"message"


def test_a_stale_pid_file_does_not_stop_the_next_start(data_dir: Path) -> None:
    with embedded.running(data_dir):
        pass
    # As kill -9 leaves it, with a number that a process of the server's own user has now.
    bystander = subprocess.Popen(["sleep", "60"], **as_owner(data_dir / "postgres"))
    try:
        lines = [bystander.pid, data_dir / "postgres", 1700000000, 5432, data_dir / "run" / "pg", "", "1 1", "ready"]
        (data_dir / "postgres" / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))
        (data_dir / "run" / "valkey.sock").unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as left_over:
            left_over.bind(str(data_dir / "run" / "valkey.sock"))
        with embedded.running(data_dir):
            ask(data_dir)
    finally:
        bystander.kill()
        bystander.wait()


def as_owner(path: Path) -> dict[str, int]:
    return {"user": path.stat().st_uid} if os.geteuid() == 0 else {}


@pytest.mark.parametrize("server", ["postgres", "valkey"])
def test_a_killed_server_is_started_again_by_the_next_user(data_dir: Path, server: str) -> None:
    with embedded.running(data_dir):
        for process in processes_of(data_dir, server):
            process.kill()
        wait_until(lambda: not embedded.is_kept(data_dir, server), 20)
        with embedded.running(data_dir) as lease:
            assert lease.started == {server}
            ask(data_dir)


def test_a_killed_keeper_takes_its_server_along(data_dir: Path) -> None:
    with embedded.running(data_dir):
        server = postmaster(data_dir)
        keeper = server.parent()
        assert keeper is not None
        keeper.kill()
        wait_until(lambda: not embedded.is_kept(data_dir, "postgres"), 20)
        assert are_gone([server])
        with embedded.running(data_dir):
            ask(data_dir)


def processes_of(data_dir: Path, server: str) -> list[psutil.Process]:
    keepers = [process for process in psutil.process_iter() if words(process)[-2:] == [server, str(data_dir)]]
    return [child for keeper in keepers for child in keeper.children()]


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


USER_OF_THE_SERVERS = """
import pathlib, sys
from config.servers import embedded
path = pathlib.Path(sys.argv[1])
embedded.ensure_running(path)
print("up", flush=True)
sys.stdin.read()
"""


def test_kill_9_of_the_only_user_stops_the_servers(data_dir: Path) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", USER_OF_THE_SERVERS, str(data_dir)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdin is not None
    assert user.stdout is not None
    assert user.stdout.readline() == "up\n"
    server = postmaster(data_dir)
    user.send_signal(signal.SIGKILL)
    user.wait()
    wait_until(lambda: are_gone([server]) and not embedded.is_kept(data_dir, "valkey"), 20)
    user.stdin.close()
    user.stdout.close()


def test_a_start_cut_off_in_initdb_is_begun_anew(data_dir: Path) -> None:
    draft = data_dir / "postgres.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    with embedded.running(data_dir):
        ask(data_dir)
    assert not draft.exists()


def test_data_of_another_postgresql_is_left_alone_and_named(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(embedded.EmbeddedServerError, match="is of PostgreSQL 16, and this Podium brings 18"):
        embedded.ensure_running(data_dir)


def test_a_server_that_does_not_start_shows_the_end_of_its_log(data_dir: Path) -> None:
    with embedded.running(data_dir):
        pass
    with (data_dir / "postgres" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'a lot'\n")
    with pytest.raises(embedded.EmbeddedServerError, match=r"(?s)PostgreSQL didn't start.*shared_buffers"):
        embedded.ensure_running(data_dir)


def test_a_full_disk_is_said_plainly(data_dir: Path) -> None:
    (data_dir / "logs").mkdir(parents=True)
    (data_dir / "logs" / "postgres.log").write_text("PANIC:  could not write to file: No space left on device\n")
    error = postgres.Postgres().failure(data_dir, "it ended with code 1")
    assert f"The disk that holds {data_dir} is full" in str(error)


WHO_RUNS = """
import os, pathlib, sys
from config.servers import embedded
path = pathlib.Path(sys.argv[1])
with embedded.running(path):
    print(os.geteuid(), (path / "postgres").owner())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else; the other tests are this one then")
def test_it_works_as_an_ordinary_user(data_dir: Path) -> None:
    """As `nobody`, who may read this interpreter wherever it lies, and owns nothing but the parent of the data."""
    os.chown(data_dir.parent, 65534, 65534)
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    as_nobody += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    result = subprocess.run(
        [*as_nobody, sys.executable, "-B", "-c", WHO_RUNS, str(data_dir)],
        cwd=REPOSITORY,
        env=environ(PYTHONPATH=f"{REPOSITORY}{os.pathsep}{sysconfig.get_path('purelib')}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "65534 nobody\n", result.stderr
    assert (data_dir / "postgres").stat().st_uid == 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="for root only: PostgreSQL refuses to run as root")
def test_root_gives_the_database_to_a_system_user_that_reaches_it_in_a_closed_folder(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)
    with embedded.running(data_dir):
        ask(data_dir)
        assert postmaster(data_dir).username() == postgres.SYSTEM_USER
