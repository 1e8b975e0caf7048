"""docker-compose.yml and the Dockerfile, where no Docker engine runs: each service's command is started here."""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import yaml
from django.conf import settings

from config import logs
from config.processes import command_lines
from config.processes.healthcheck import allowed_host, answers
from config.servers import embedded
from tests.config.helpers import REPOSITORY, environ, free_port, wait_until

APPLICATION = {"migrate", "web", "worker", "head", "train", "rewards", "beat"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """With `<<` merged, as Compose does it."""
    content: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    return content


@pytest.fixture(scope="module")
def dockerfile() -> list[str]:
    joined = (REPOSITORY / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def image_command(dockerfile: list[str]) -> list[str]:
    (line,) = (line for line in dockerfile if line.startswith("CMD "))
    words: list[str] = json.loads(line.removeprefix("CMD "))
    return words


def test_it_has_the_services_of_manage_py_up(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == APPLICATION | {"db", "redis"}
    assert compose["services"]["db"]["image"] == "postgres:18"
    assert compose["services"]["redis"]["image"] == "valkey/valkey:9"


def test_every_service_runs_the_very_command_of_manage_py_up(compose: dict[str, Any], dockerfile: list[str]) -> None:
    services = compose["services"]
    web = command_lines.web(host="0.0.0.0", port=8000, workers=2)
    assert without_python(image_command(dockerfile)) == without_python(web.command)
    specs = {
        "worker": command_lines.worker(),
        "head": command_lines.head(),
        "train": command_lines.train(),
        "rewards": command_lines.rewards(host="0.0.0.0", port=8001),
        "beat": command_lines.beat(Path("/data")),
    }
    for name, spec in specs.items():
        assert without_python(services[name]["command"]) == without_python(spec.command)
        # As niceness has it outside of containers: the kernel's weight is 110 at niceness 10, and 1024 at 0.
        assert services[name].get("cpu_shares", 1024) == {0: 1024, command_lines.COMPUTING: 110}[spec.nice]
    assert "cpu_shares" not in services["web"]


def without_python(command: Sequence[str]) -> list[str]:
    return list(command)[list(command).index("-m") :]


# Compose decides these itself, or its image does.
ITS_OWN = {"PODIUM_DATA_DIR", "PODIUM_MODEL_DIR", "PODIUM_DATABASE_DIRECT_URL", "PORT"}


def test_every_documented_setting_is_passed_on(compose: dict[str, Any]) -> None:
    page = (REPOSITORY / "docs" / "operating.md").read_text()
    table = page[page.index("\n## Settings\n") : page.index("\n## Log lines\n")]
    documented = {
        name for row in re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE) for name in re.findall(r"`([A-Z_]+)`", row)
    }
    assert len(documented) > 30
    passed = compose["services"]["web"]["environment"]
    assert documented - ITS_OWN - set(passed) == set()
    for name in documented - ITS_OWN - {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "PODIUM_REWARDS_URL"}:
        assert passed[name].startswith(f"${{{name}:-"), name


def test_secrets_have_no_default_and_say_how_to_make_one(compose: dict[str, Any]) -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    for name in ("POSTGRES_PASSWORD", "SECRET_KEY"):
        uses = re.findall(rf"\$\{{{name}([^}}]*)\}}", text)
        assert uses
        assert all(use.startswith(f":?set {name} to a") and "openssl rand" in use for use in uses)
    assert not any("ports" in compose["services"][name] for name in compose["services"] if name != "web")


def test_the_database_and_the_files_are_on_volumes(compose: dict[str, Any]) -> None:
    assert set(compose["volumes"]) == {"db", "redis", "data"}
    assert compose["services"]["db"]["volumes"] == ["db:/var/lib/postgresql"]
    assert all("data:/data" in compose["services"][name]["volumes"] for name in APPLICATION)


def test_training_and_scoring_reserve_a_gpu(compose: dict[str, Any]) -> None:
    for name in ("train", "rewards"):
        (device,) = compose["services"][name]["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


def test_the_documented_override_leaves_no_gpu_and_the_shares(compose: dict[str, Any]) -> None:
    """Merged as Compose does it: service by service, where `!reset` takes a key away."""
    page = (REPOSITORY / "docs" / "install.md").read_text()
    (block,) = re.findall(r"Without a GPU, write\n\n(.*?)\n\ninto `docker-compose.override.yml`", page, re.DOTALL)
    comment = re.findall(r"# +(services: \{train.*)", (REPOSITORY / "docker-compose.yml").read_text())

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!reset", lambda loader, node: "reset")
    for text in (block, *comment):
        override = yaml.load(text, Loader)["services"]  # a SafeLoader with one more tag
        merged = {name: {**service, **override.get(name, {})} for name, service in compose["services"].items()}
        assert {service.get("deploy", "reset") for service in merged.values()} == {"reset"}
        assert {name for name, service in merged.items() if "cpu_shares" in service} == {"head", "train", "rewards"}
    assert comment


def test_the_other_services_find_the_scoring_service(compose: dict[str, Any]) -> None:
    for name in ("web", "worker"):
        assert compose["services"][name]["environment"]["PODIUM_REWARDS_URL"] == "http://rewards:8001"


def test_everything_waits_for_the_migrations(compose: dict[str, Any]) -> None:
    for name in APPLICATION - {"migrate"}:
        assert compose["services"][name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert compose["services"]["migrate"]["depends_on"]["db"] == {"condition": "service_healthy"}


def test_every_long_running_service_but_beat_has_a_health_check(compose: dict[str, Any]) -> None:
    assert {name for name, service in compose["services"].items() if "healthcheck" not in service} == {
        "migrate",
        "beat",
    }


def test_what_the_dockerfile_copies_exists_and_is_let_in(dockerfile: list[str]) -> None:
    let_in = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in dockerfile:
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (REPOSITORY / source).exists(), source
                assert source in let_in


# --- Each service's command, outside a container ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def container_environ(servers: embedded.Lease) -> dict[str, str]:
    """What the containers get: addresses instead of a data directory with servers, and a folder for the volume."""
    urls = {
        "DATABASE_URL": embedded.database_url(settings.DATA_DIR),
        "REDIS_URL": embedded.redis_url(settings.DATA_DIR),
    }
    data = tempfile.mkdtemp(dir=settings.DATA_DIR)
    return environ(SECRET_KEY="for this test", PODIUM_DATA_DIR=data, **urls)


@pytest.fixture(scope="module")
def migrated(compose: dict[str, Any], container_environ: dict[str, str]) -> dict[str, str]:
    words = here(compose["services"]["migrate"]["command"], container_environ)
    done = subprocess.run(words, cwd=REPOSITORY, env=container_environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return container_environ


def here(command: Sequence[str], variables: dict[str, str], **changes: str) -> list[str]:
    """The command with this interpreter and the volume's folder, and with what else differs outside a container."""
    changes = {
        "python": sys.executable,
        "8000": "8000",
        "/data/beat-schedule": f"{variables['PODIUM_DATA_DIR']}/beat",
    } | changes
    return [changes.get(word, word) for word in command]


@pytest.fixture
def start(migrated: dict[str, str], tmp_path: Path) -> Iterator[Any]:
    started: list[subprocess.Popen[bytes]] = []
    log = tmp_path / "log"

    def begin(words: list[str]) -> Path:
        with log.open("w") as file:
            started.append(
                subprocess.Popen(words, cwd=REPOSITORY, env=migrated, stdout=file, stderr=file, start_new_session=True)
            )
        return log

    yield begin
    for process in started:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait(5)


@pytest.mark.django_db
def test_web_answers_its_health_check(
    compose: dict[str, Any], dockerfile: list[str], migrated: dict[str, str], start: Any
) -> None:
    port = str(free_port())
    log = start(here(image_command(dockerfile), migrated, **{"8000": port, "0.0.0.0": "127.0.0.1"}))
    check = compose["services"]["web"]["healthcheck"]["test"][1:]
    words = [sys.executable if word == "python" else word.replace(":8000/", f":{port}/") for word in check]
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 60, log.read_text)
    assert subprocess.run(words, cwd=REPOSITORY, env=migrated, check=False).returncode == 0
    (master,) = (found for found in psutil.Process().children() if "config.processes.web" in found.cmdline())
    master.children()[0].kill()
    wait_until(lambda: "Unexpected exit from worker" in log.read_text(), 30, log.read_text)
    lines = [line for line in log.read_text().splitlines() if not line.startswith("    ")]  # which goes on
    assert all(logs.TIMED.match(line) for line in lines), lines  # Granian's own, too


@pytest.mark.django_db
@pytest.mark.usefixtures("needs_torch")
def test_the_scoring_service_answers_its_health_check(
    compose: dict[str, Any], migrated: dict[str, str], start: Any
) -> None:
    port = str(free_port())
    command = here(compose["services"]["rewards"]["command"], migrated, **{"8001": port, "0.0.0.0": "127.0.0.1"})
    log = start(command)
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 120, log.read_text)


@pytest.mark.parametrize("service", ["worker", "head", "train"])
def test_a_worker_answers_its_ping(compose: dict[str, Any], migrated: dict[str, str], start: Any, service: str) -> None:
    log = start(here(compose["services"][service]["command"], migrated))
    wait_until(lambda: " ready." in log.read_text(), 60, log.read_text)
    kind, line = compose["services"][service]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    words = shlex.split(line.replace("$$HOSTNAME", os.uname().nodename))
    done = subprocess.run(
        here(words, migrated), cwd=REPOSITORY, env=migrated, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_beat_ticks(compose: dict[str, Any], migrated: dict[str, str], start: Any) -> None:
    with redis.Redis.from_url(migrated["REDIS_URL"]) as broker:
        before = broker.llen("default")
        log = start(here(compose["services"]["beat"]["command"], migrated))
        wait_until(lambda: broker.llen("default") > before, 60, log.read_text)


def test_the_health_check_names_a_host_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    for hosts, host in {"podium.example.org,localhost": "podium.example.org", ".example.org": "example.org"}.items():
        monkeypatch.setenv("ALLOWED_HOSTS", hosts)
        assert allowed_host() == {"Host": host}
    monkeypatch.setenv("ALLOWED_HOSTS", "*")
    assert allowed_host() == {}
