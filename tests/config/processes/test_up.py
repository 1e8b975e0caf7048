"""`manage.py up` with its real processes: what it says, what it survives, what it leaves behind."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from config import logs
from config.management.commands import up as command
from config.processes.healthcheck import answers as is_up
from tests.config.helpers import Up, are_gone, environ, free_port, manage, up, wait_until

SECOND_START_SECONDS = 20.0


@pytest.fixture(scope="module")
def data_dir(needs_torch: None) -> Iterator[Path]:
    """One for all tests here, as one person's copy would be stopped and started again; it is short for the sockets."""
    path = Path(tempfile.mkdtemp(prefix="pod-")) / "data"
    yield path
    shutil.rmtree(path.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def running(needs_torch: None) -> Iterator[Up]:
    """A copy that the tests below share: each leaves it running, or brings it to start again what it killed."""
    parent = Path(tempfile.mkdtemp(prefix="pod-"))
    with up(parent / "shared") as shared:
        yield shared
    shutil.rmtree(parent, ignore_errors=True)


def get(running: Up, path: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{running.port}{path}", timeout=10) as response:
        return int(response.status)


def child(running: Up, words: str) -> psutil.Process:
    children = psutil.Process(running.process.pid).children()
    return next(process for process in children if words in " ".join(process.cmdline()))


def test_it_starts_all_processes_and_says_where_it_is(running: Up) -> None:
    assert get(running, "/healthz") == 200
    processes = ("config.processes.web", "--queues default", "--queues head", "--queues train", "serve_rewards", "beat")
    for words in processes:
        assert child(running, words).is_running()
    wait_until(lambda: scores(running), 60, running.said)
    assert stat.S_IMODE((running.data_dir / "secret_key").stat().st_mode) == 0o600
    assert not re.search("WARNING (?!py.warnings)", running.said())  # but Celery's, of tests that run as root


def test_senders_who_dawdle_hold_up_no_page(running: Up) -> None:
    head = b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nlogin="
    with ExitStack() as stack:
        for _ in range(30):  # more than both web processes work on at once
            sender = stack.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=10))
            sender.sendall(head)
        for _ in range(10):
            assert get(running, "/accounts/login/") == 200


def test_the_web_process_beat_and_the_workers_never_load_torch(running: Up) -> None:
    rewards = child(running, "serve_rewards")
    for process in psutil.Process(running.process.pid).children(recursive=True):
        if process == rewards:  # its own process so that the others need not
            continue
        loaded = {Path(mapped.path).name for mapped in process.memory_maps()}
        assert not any(name.startswith("libtorch") for name in loaded), process.cmdline()


def test_ctrl_c_and_sigterm_leave_no_process_and_a_second_start_is_quick(data_dir: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with up(data_dir) as running:
            family = running.family()
            assert len(family) >= 11  # web and its worker, three workers, rewards, beat, two keepers with their servers
            running.process.send_signal(number)
            assert running.process.wait(40) == 0
            assert are_gone(family)
            assert not running.family()
            assert "Stopped. The data stays in" in running.said()
    assert running.seconds < SECOND_START_SECONDS


def test_kill_9_of_the_supervisor_leaves_no_process(data_dir: Path) -> None:
    with up(data_dir) as running:
        family = running.family()
        running.process.kill()
        running.process.wait(5)
        wait_until(lambda: are_gone(family), 30, lambda: f"{[p for p in family if p.is_running()]}")
        assert not running.family()


def test_a_killed_child_starts_again_and_that_is_said(running: Up) -> None:
    killed = {"web": "config.processes.web", "worker": "--queues default", "rewards": "serve_rewards", "beat": "beat"}
    for name, words in killed.items():
        child(running, words).kill()
        said = f"{name} ended (SIGKILL); it starts again in 1 s."
        wait_until(lambda said=said: said in running.said(), 10, running.said)  # type: ignore[misc]
    wait_until(lambda: answers(running), 30, running.said)
    wait_until(lambda: scores(running), 60, running.said)


def test_a_killed_web_worker_is_replaced(running: Up) -> None:
    web = child(running, "config.processes.web")
    for worker in web.children():
        worker.kill()
    wait_until(lambda: bool(web.children()) and answers(running), 30, running.said)
    assert web.is_running()


def test_a_killed_database_is_started_again(running: Up) -> None:
    number = int((running.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    psutil.Process(number).kill()
    wait_until(lambda: "postgres ended; starting again." in running.said(), 30, running.said)
    wait_until(lambda: ready(running), 40, running.said)


def answers(running: Up) -> bool:
    try:
        return get(running, "/healthz") == 200
    except OSError:
        return False


def scores(running: Up) -> bool:
    return is_up(f"http://127.0.0.1:{running.rewards_port}/healthz")


def ready(running: Up) -> bool:
    try:
        return get(running, "/readyz") == 200
    except OSError:
        return False


def test_other_commands_find_the_same_servers_and_need_no_up(data_dir: Path) -> None:
    make = "from django.contrib.sessions.models import Session; from django.utils import timezone; "
    make += "Session.objects.create(session_key='kept', session_data='', expire_date=timezone.now())"
    count = "from django.contrib.sessions.models import Session; print(Session.objects.filter(pk='kept').count())"
    alone = manage("shell", "-v", "0", "-c", make, PODIUM_DATA_DIR=str(data_dir))
    assert alone.returncode == 0, alone.stderr
    assert not (data_dir / "postgres" / "postmaster.pid").exists()  # it stopped what it had started
    with up(data_dir) as running:
        beside = manage("shell", "-v", "0", "-c", count, PODIUM_DATA_DIR=str(data_dir))
        assert beside.stdout.strip() == "1", beside.stderr
        assert get(running, "/readyz") == 200  # and didn't stop what it had found


def test_two_copies_run_side_by_side_and_one_logs_json(running: Up, data_dir: Path, tmp_path: Path) -> None:
    """The second one's processes print, each at its start, what is no line of ours."""
    prints = "\n".join(f"    print({text!r}, flush=True)" for text in ("a print", "[1]"))
    (tmp_path / "sitecustomize.py").write_text(f"import os\nif 'PODIUM_SUPERVISED' in os.environ:\n{prints}\n")
    with up(data_dir, PODIUM_LOG="json", PYTHONPATH=str(tmp_path)) as other:
        assert get(running, "/healthz") == get(other, "/healthz") == 200
        assert not set(running.family()) & set(other.family())
        child(other, "config.processes.web").kill()
        wait_until(lambda: "web ended (SIGKILL)" in other.said(), 10, other.said)
    lines = [json.loads(line) for line in other.said().splitlines()]
    names = {"web", "worker", "head", "train", "rewards", "beat"}
    assert {line["process"] for line in lines} == names | {"podium"}
    assert all(logs.TIMED.match(line["time"]) and line["level"] and line["message"] for line in lines)
    for words in ("a print", "[1]"):
        assert {line["process"] for line in lines if line["message"] == words} == names
    own = [line["message"] for line in lines if line["process"] == "podium"]
    assert own[0].startswith("Preparing the database")
    assert own[-1].startswith("Stopped. The data stays in")


def test_every_line_has_its_process_and_its_time(running: Up) -> None:
    lines = running.said().splitlines()
    assert len(lines) > 10
    for line in lines:
        process, _, rest = line.partition("| ")
        assert process.strip() in ("web", "worker", "head", "train", "rewards", "beat", "podium"), line
        assert logs.TIMED.match(rest), line


def test_a_second_up_on_the_same_data_is_refused_and_names_the_first(running: Up) -> None:
    second = manage("up", "--port", str(free_port()), "--data-dir", str(running.data_dir))
    assert second.returncode == 1
    assert f"Podium already runs on {running.data_dir} (process {running.process.pid})" in second.stderr


def test_a_port_in_use_is_said_before_anything_starts(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = manage("up", "--port", str(port), "--data-dir", str(data_dir))
    assert result.returncode == 1
    assert f"Port {port} on 127.0.0.1 can't be had (Address already in use)" in result.stderr
    assert "PORT=8123 make run" in result.stderr
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_a_port_that_is_none_is_said() -> None:
    with pytest.raises(command.CommandError, match="70000 is no port: choose one from 1 to 65535"):
        command.check_port("127.0.0.1", 70000)


def test_a_disk_without_room_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LEAST_FREE_BYTES", 2**70)
    with pytest.raises(command.CommandError, match=re.escape(f"are free on the disk of {tmp_path}, and Podium needs")):
        command.check_disk(tmp_path)


def test_a_data_directory_without_permission_is_said_plainly(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    where = closed / "data" if os.geteuid() else Path("/proc/podium")  # root may write anywhere but there
    result = manage("up", "--port", str(free_port()), "--data-dir", str(where))
    assert result.returncode == 1
    assert f"Can't make the folder {where}" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_shortened_data_dir_option_is_refused_because_the_settings_were_read_without_it(data_dir: Path) -> None:
    result = manage("up", "--data", str(data_dir), PODIUM_DATA_DIR=str(data_dir.with_name("settings")))
    assert result.returncode == 1
    assert "write --data-dir in full" in result.stderr


def test_help_needs_no_servers(tmp_path: Path) -> None:
    result = manage("help", "up", PODIUM_DATA_DIR=str(tmp_path / "data"))
    assert result.returncode == 0
    assert "--no-sample" in result.stdout
    assert not (tmp_path / "data" / "postgres").exists()


def test_make_run_takes_the_port_from_the_environment() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/run.stamp", "--assume-old=node_modules/.stamp", "run"],
        env=environ(PORT="8123"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "manage.py up --port 8123" in done.stdout


def test_the_address_to_open_is_one_a_browser_can_open() -> None:
    assert command.address_to_open("0.0.0.0") == "127.0.0.1"
    assert command.address_to_open("::") == "[::1]"
    assert command.address_to_open("::1") == "[::1]"
    assert command.address_to_open("podium.local") == "podium.local"
