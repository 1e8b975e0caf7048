"""One rule for a folder: the same words are the same folder for every process, wherever it is run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.environment import folders
from config.environment.variables import WrongSetting
from tests.config.helpers import REPOSITORY, environ

SETTINGS = "from config import settings as s; print(s.DATA_DIR, s.MODEL_DIR, s.STATIC_ROOT, sep='\\n')"
USES_BOTH = (
    "import redis; from django.conf import settings; from django.db import connection; from kombu import Connection\n"
    "with connection.cursor() as cursor:\n    cursor.execute('SHOW data_directory'); print(*cursor.fetchone())\n"
    "print(redis.Redis.from_url(settings.REDIS_URL).config_get('dir')['dir'])\n"
    "Connection(settings.CELERY_BROKER_URL).ensure_connection(max_retries=1, timeout=5)"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def short() -> Iterator[Path]:
    """Not pytest's tmp_path: that is too deep for a socket."""
    path = Path(tempfile.mkdtemp(prefix="pod-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_without_a_word_the_data_is_below_podiums_own_folder(home: Path) -> None:
    for value in ({}, {"PODIUM_DATA_DIR": ""}, {"PODIUM_DATA_DIR": "  "}):
        assert folders.data_directory(value) == REPOSITORY / ".podium"


def test_a_folder_is_the_same_from_everywhere(home: Path) -> None:
    expected = {
        "/srv/podium": Path("/srv/podium"),
        "/srv/podium/": Path("/srv/podium"),
        "/srv/../srv//podium/.": Path("/srv/podium"),
        " /srv/podium ": Path("/srv/podium"),
        "/srv/a folder, 'mine'": Path("/srv/a folder, 'mine'"),
        "/srv/price$5": Path("/srv/price$5"),
        "~": home,
        "~/d": home / "d",
        "~/d/": home / "d",
        "~root/d": Path("~root/d").expanduser(),
        "/srv/~/d": Path("/srv/~/d"),
        "d": REPOSITORY / "d",
        "./d": REPOSITORY / "d",
        "../d": REPOSITORY.parent / "d",
    }
    for value, path in expected.items():
        assert folders.data_directory({"PODIUM_DATA_DIR": value}) == path, value


def test_a_link_and_what_it_leads_to_are_one_folder(home: Path) -> None:
    (home / "real").mkdir()
    (home / "link").symlink_to(home / "real")
    assert folders.data_directory({"PODIUM_DATA_DIR": "~/link/d"}) == home / "real" / "d"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("s3://bucket/podium", "it is a folder of this machine"),
        ("FILE:///srv/podium", "it is a folder of this machine"),
        ("/srv/a\0b", "it is a folder of this machine"),
        ("/srv/a\nb", "it is a folder of this machine"),
        ("/srv/\udcff", "it is a folder of this machine"),
        ("$HOME/d", "no shell has replaced the variable in it"),
        ("/srv/${USER}/d", "no shell has replaced the variable in it"),
        ("~nobody-of-this-name/d", "there is no such home folder"),
    ],
)
def test_what_can_be_no_folder_is_refused_in_one_line(value: str, words: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        folders.data_directory({"PODIUM_DATA_DIR": value})
    assert str(refused.value).startswith("podium: PODIUM_DATA_DIR is ")
    assert words in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 300


def test_a_circle_of_links_is_refused_or_said_by_what_makes_the_folder(home: Path) -> None:
    (home / "one").symlink_to(home / "two")
    (home / "two").symlink_to(home / "one")
    done = _run(["manage.py", "migrate"], REPOSITORY, PODIUM_DATA_DIR=f"{home}/one")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("podium: ")
    assert f"{home}/one" in line


def test_every_folder_among_the_settings_is_the_same_in_every_working_directory(home: Path) -> None:
    (home / "keys").mkdir()
    variables = {"PODIUM_DATA_DIR": "~/keys", "PODIUM_MODEL_DIR": "models of mine/", "PODIUM_STATIC_ROOT": "../static"}
    expected = [str(home / "keys"), str(REPOSITORY / "models of mine"), str(REPOSITORY.parent / "static")]
    with ThreadPoolExecutor() as threads:
        for done in threads.map(lambda at: _run(["-c", SETTINGS], at, **variables), (home, REPOSITORY, Path("/"))):
            assert done.stdout.splitlines() == expected, done.stderr


def test_the_option_is_relative_to_where_it_is_typed(home: Path) -> None:
    """Refused for its port, after the folder was made."""
    done = _run(["manage.py", "up", "--port", "70000", "--data-dir", "mine"], home)
    assert "it is a whole number from 1 to 65535" in done.stderr
    assert (home / "mine" / "secret_key").is_file()
    assert not (REPOSITORY / "mine").exists()


def test_the_option_is_read_as_strictly_as_the_variable(home: Path) -> None:
    done = _run(["manage.py", "up", "--data-dir", "~nobody-of-this-name/d"], home)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "--data-dir is '~nobody-of-this-name/d', but there is no such home folder" in line


def test_both_servers_are_found_where_they_were_started_however_odd_the_folders_name(short: Path) -> None:
    name = "My däta, 'x' \"y\" %41?#@:&"
    data = short / name
    command = ["manage.py", "shell", "-v", "0", "-c", USES_BOTH]

    def run(at: Path) -> subprocess.CompletedProcess[str]:
        return _run(command, at, PODIUM_DATA_DIR=f"~/{name}", HOME=str(short))

    with ThreadPoolExecutor() as threads:  # two commands at once, each from another folder: one pair of servers
        for done in threads.map(run, (REPOSITORY, short)):
            assert done.stdout.splitlines() == [str(data / "postgres"), str(data / "valkey")], done.stderr


def _run(words: list[str], at: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    words = [str(REPOSITORY / word) if word == "manage.py" else word for word in words]
    variables = environ(PYTHONPATH=str(REPOSITORY), HOME=os.environ["HOME"]) | changes
    return subprocess.run(
        [sys.executable, *words], cwd=at, env=variables, capture_output=True, text=True, timeout=120, check=False
    )
