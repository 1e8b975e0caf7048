"""What each setting may say, and the one sentence where it says something else."""

import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.urls import get_resolver

import labeling.urls
import rewardtrain.urls
from config.environment import addresses, direct, variables
from config.environment.time_zone import time_zone
from tests.config.helpers import REPOSITORY, environ, manage


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Any:
    def read(value: str, reader: Any, *arguments: Any, **options: Any) -> Any:
        monkeypatch.setenv("SETTING", value)
        return reader("SETTING", *arguments, **options)

    return read


@pytest.fixture
def refusal(reads: Any) -> Any:
    """The sentence that `reader` ends the process with."""

    def sentence(value: str, reader: Any, *arguments: Any, **options: Any) -> str:
        with pytest.raises(variables.WrongSetting) as refused:
            reads(value, reader, *arguments, **options)
        said = str(refused.value)
        assert said.startswith("podium: SETTING is ")
        assert "\n" not in said
        return said

    return sentence


def test_where_fine_tunings_go_is_a_list_of_what_there_is(reads: Any, refusal: Any) -> None:
    assert reads(" slurm, local ,slurm", variables.items, "", variables.executor) == ["slurm", "local"]
    assert reads("kubernetes,local", variables.items, "", variables.executor) == ["kubernetes", "local"]
    assert "it lists where fine-tunings go: local, slurm, kubernetes, skypilot" in refusal(
        "ray", variables.items, "", variables.executor
    )
    assert reads("H100,A100-80GB", variables.items, "", variables.accelerator) == ["H100", "A100-80GB"]
    for wrong in ("8xH100", "H100:8", "H 100", "x" * 65):
        assert "kinds of GPU as SkyPilot" in refusal(wrong, variables.items, "", variables.accelerator)
    assert reads("gpu,gpu-long.2", variables.items, "", variables.partition) == ["gpu", "gpu-long.2"]
    for wrong in ("gpu; rm", "-gpu", "$(id)", "x" * 65):
        assert "names of Slurm's partitions" in refusal(wrong, variables.items, "", variables.partition)
    assert reads("/srv/podium/job.sh", variables.whole_path) == "/srv/podium/job.sh"
    assert reads("", variables.whole_path) == ""
    for wrong in ("job.sh", "/srv/../etc", "/srv/a\nb"):
        assert "it is a whole path" in refusal(wrong, variables.whole_path)


def test_what_kubernetes_calls_things_is_read_as_it_has_them(reads: Any, refusal: Any) -> None:
    assert reads("gpu, gpu-long,gpu", variables.items, "", variables.kubernetes_name) == ["gpu", "gpu-long"]
    for wrong in ("GPU", "-gpu", "gpu.long", "gpu;rm", "x" * 64):
        assert "names in Kubernetes are of a-z" in refusal(wrong, variables.items, "", variables.kubernetes_name)
    assert reads("", variables.kubernetes_volume) == ""
    for right in ("models", "podium-data/models", "data/a/b.c_d"):
        assert reads(right, variables.kubernetes_volume) == right
    for wrong in ("/models", "data/", "data//a", "data/../a", "data/.", "data/a b", "data/" + "x" * 101):
        assert "it is a volume claim, or a folder of one" in refusal(wrong, variables.kubernetes_volume)
    assert "names in Kubernetes" in refusal("Data/models", variables.kubernetes_volume)
    assert reads("", variables.kubernetes_resource, "nvidia.com/gpu") == "nvidia.com/gpu"
    assert reads("nvidia.com/mig-1g.5gb", variables.kubernetes_resource, "") == "nvidia.com/mig-1g.5gb"
    for wrong in ("gpu", "nvidia.com/", "nvidia.com/gpu: 8"):
        assert "it is what the cluster calls a GPU" in refusal(wrong, variables.kubernetes_resource, "")
    assert reads("ghcr.io/us/podium:1@sha256:00ff", variables.image) == "ghcr.io/us/podium:1@sha256:00ff"
    for wrong in ("podium:1 --privileged", "-podium", "x" * 301):
        assert "it is an image with its registry and tag" in refusal(wrong, variables.image)


def test_a_cluster_and_a_bucket_need_the_address_of_the_web() -> None:
    done = manage("check", PODIUM_EXECUTORS="slurm", PODIUM_STORAGE="s3://bucket")
    assert done.returncode == 1
    assert "podium: PODIUM_EXECUTORS is 'slurm', but with PODIUM_STORAGE set PODIUM_JOBS_URL" in done.stderr
    done = manage("check", PODIUM_EXECUTORS="kubernetes,slurm", PODIUM_STORAGE="s3://bucket")
    assert done.returncode == 1
    assert "podium: PODIUM_EXECUTORS is 'kubernetes,slurm', but with PODIUM_STORAGE set PODIUM_JOBS_URL" in done.stderr
    wrong = manage("check", PODIUM_JOBS_URL="podium.test")
    assert wrong.returncode == 1
    assert "podium: PODIUM_JOBS_URL is 'podium.test', but it is an address" in wrong.stderr


def test_the_databases_own_address_stands_beside_a_pool_s() -> None:
    own, pool = "postgresql://me:word@db/podium", "postgresql://me:word@pool:6432/podium"
    for command, address in (("migrate", own), ("backup", own), ("shell", pool), ("up", pool)):
        environ = {"DATABASE_URL": pool, direct.VARIABLE: own}
        direct.take(command, environ)
        assert environ["DATABASE_URL"] == address
    environ = {"DATABASE_URL": pool}
    direct.take("migrate", environ)
    assert environ == {"DATABASE_URL": pool}


@pytest.mark.parametrize(
    ("address", "words"), [("mysql://db/x", "needs PostgreSQL"), ("postgresql://me:word@db/x", "alone")]
)
def test_a_databases_own_address_that_is_wrong_or_stands_alone_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str, words: str
) -> None:
    monkeypatch.setenv(direct.VARIABLE, address)
    with pytest.raises(variables.WrongSetting, match=words) as refused:
        direct.check()
    assert str(refused.value).startswith(f"podium: {direct.VARIABLE} is ")
    assert ":word@" not in str(refused.value)
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:word@pool:6432/podium")
    if words == "alone":
        direct.check()
        assert direct.variable() == "DATABASE_URL"
        monkeypatch.setenv("DATABASE_URL", address)
        assert direct.variable() == direct.VARIABLE


def test_a_switch_is_read_in_any_usual_spelling(reads: Any) -> None:
    for value in ("1", "true", "TRUE", "Yes", "on", " on "):
        assert reads(value, variables.flag) is True, value
    for value in ("0", "false", "False", "no", "OFF", "", "  "):
        assert reads(value, variables.flag) is False, value


@pytest.mark.parametrize("value", ["ture", "2", "y", "ja", "enabled", "None", "1,0"])
def test_a_switch_that_is_neither_on_nor_off_is_refused(refusal: Any, value: str) -> None:
    said = refusal(value, variables.flag)
    assert repr(value) in said
    assert "write 1, true, yes, on or 0, false, no, off" in said


def test_a_number_keeps_to_its_bounds(reads: Any, refusal: Any) -> None:
    assert reads("8123", variables.port, 8000) == 8123
    assert reads("", variables.port, 8000) == 8000
    assert reads("", variables.optional_number, least=1, most=9) is None
    assert reads("9", variables.optional_number, least=1, most=9) == 9
    for value in ("abc", "0", "70000", "-1", "8_000", "80.5", "٣", "1e3", "9" * 5000, "8000/"):
        assert "it is a whole number from 1 to 65535, e.g. 8000" in refusal(value, variables.port, 8000)


def test_a_long_value_is_quoted_in_part(refusal: Any) -> None:
    assert len(refusal("9" * 5000, variables.port, 8000)) < 250


def test_one_of_a_few_words(reads: Any, refusal: Any) -> None:
    assert reads("auto", variables.choice, "float32", ("float32", "auto")) == "auto"
    assert "it is one of float32, auto." in refusal("fp16", variables.choice, "float32", ("float32", "auto"))


def test_backbones_are_ids_and_whole_paths(reads: Any, refusal: Any) -> None:
    listed = reads(" owner/a.name ,/srv/ours/,~/mine, minilm,,owner/a.name", variables.items, "", variables.backbone)
    assert listed == ["owner/a.name", "/srv/ours", str(Path.home() / "mine"), "minilm"]
    assert reads("", variables.items, "", variables.backbone) == []
    for value in (
        "ours",
        "./ours",
        "../ours",
        "a/b/c",
        "/srv/../etc",
        "~nosuchuser/x",
        "https://a.example/b",
        "*",
        "a b/c",
    ):
        assert "Hugging Face ids and whole paths of folders" in refusal(value, variables.items, "", variables.backbone)


def test_hosts_lose_their_blanks_and_nothing_else_is_taken_for_one(reads: Any, refusal: Any) -> None:
    read = reads(" Podium.example.org , localhost,,::1,[::1], *.example.com,.example.net.", addresses.hosts, "")
    assert read == ["podium.example.org", "localhost", "[::1]", ".example.com", ".example.net"]
    assert reads("bücher.example", addresses.hosts, "") == ["xn--bcher-kva.example"]
    assert reads("", addresses.hosts, "localhost,127.0.0.1") == ["localhost", "127.0.0.1"]
    assert reads("*", addresses.hosts, "") == ["*"]
    for value in ("https://podium.example.org", "podium.example.org/", "podium.example.org:8000", "a b", "a;b"):
        assert "without scheme, port and path" in refusal(f"localhost,{value}", addresses.hosts, "")


def test_origins_are_what_a_browser_sends(reads: Any, refusal: Any) -> None:
    read = reads(
        "https://Podium.example.org/ ,http://[::1]:8000,https://a.example:443,https://*.b.example,", addresses.origins
    )
    assert read == ["https://podium.example.org", "http://[::1]:8000", "https://a.example", "https://*.b.example"]
    for value in (
        "podium.example.org", "https://", "ftp://a.example", "https://a.example/podium", "https://a:b", "*",
        "https://me:word@a.example",
    ):  # fmt: skip
        assert "with scheme and without path, e.g. https://podium.example.org" in refusal(value, addresses.origins)


def test_a_path_is_read_with_and_without_its_slashes(reads: Any, refusal: Any) -> None:
    for value in ("podium", "/podium", "/podium/"):
        assert reads(value, addresses.path_prefix) == "/podium"
    assert reads("/teams/a.b/", addresses.path_prefix) == "/teams/a.b"
    assert reads("", addresses.path_prefix) == reads("/", addresses.path_prefix) == ""
    for value in ("https://podium.example.org/podium", "/a//b", "/../x", "/a b", "/a?b", "/a%2Fb", "/ä"):
        assert "it is a path of letters" in refusal(value, addresses.path_prefix)


def test_a_path_that_begins_as_our_own_addresses_is_refused(refusal: Any) -> None:
    own = {str(pattern.pattern).partition("/")[0] for pattern in get_resolver().url_patterns}
    own |= {
        str(pattern.pattern).partition("/")[0]
        for urls in (labeling.urls, rewardtrain.urls)
        for pattern in urls.urlpatterns
    }
    for name in own - {""}:
        assert "Podium's own addresses begin with" in refusal(f"/{name}/team", addresses.path_prefix)


def test_the_address_of_a_server(reads: Any, refusal: Any) -> None:
    assert reads("http://rewards:8001/", addresses.webs, "") == "http://rewards:8001"
    several = "http://a:8001/, https://b/rewards/,,http://a:8001"
    assert reads(several, addresses.webs, "") == "http://a:8001,https://b/rewards"
    for value in ("rewards:8001", "http://rewards:port", "http://:8001", "tcp://rewards", "http://rewards:99999"):
        assert "it is an address" in refusal(value, addresses.webs, "")
        assert "it is an address" in refusal(f"http://a:8001,{value}", addresses.webs, "")
    assert "it is an address, or several with commas" in refusal(",", addresses.webs, "")


def test_the_server_that_holds_a_projects_champion(reads: Any, refusal: Any) -> None:
    servers = "helpful=vllm:http://gpu:8000, a-b=tei:https://x:secret@tei.example/x"
    assert variables.items("NAME", servers, addresses.rewards_server) == servers.split(", ")
    for value in (
        "http://gpu:8000", "helpful=http://x:secret@gpu:8000", "helpful=triton:http://x:secret@gpu", "=vllm:http://gpu",
        "helpful=vllm:gpu:8000", "helpful=vllm:http://x:secret@gpu:port", "helpful=vllm:ftp://x:secret@gpu",
        "a/b=vllm:http://gpu",
    ):  # fmt: skip
        said = refusal(value, lambda name, default: variables.items(name, default, addresses.rewards_server), "")
        assert "it is PROJECT=vllm:URL" in said
        assert "secret" not in said


def test_a_database_is_a_postgresql(reads: Any, refusal: Any) -> None:
    read = reads("postgresql://me:w%40rd@db.example:6432/podium?sslmode=verify-full", addresses.database, "")
    assert (read["USER"], read["PASSWORD"], read["HOST"], read["PORT"]) == ("me", "w@rd", "db.example", 6432)
    assert read["OPTIONS"]["sslmode"] == "verify-full"
    for value in (
        "mysql://me:secret@db/podium", "db.example/podium", "postgresql://me:secret@db:port/podium", "sqlite:///a",
        "postgresql://me:secret@db", "postgresql://me:sec#ret@db/podium", "postgresql://me:sec/secret@db/podium",
    ):  # fmt: skip
        said = refusal(value, addresses.database, "")
        assert "postgresql://USER:PASSWORD@HOST:5432/NAME" in said
        assert "sec" not in said


def test_one_redis_address_serves_both_clients(reads: Any) -> None:
    plain = reads("redis://:word@host:6379/3", addresses.redis, "")
    assert (plain.url, plain.broker_url, plain.ssl) == ("redis://:word@host:6379/3", "redis://:word@host:6379/3", None)
    assert reads("redis://host", addresses.redis, "").url == "redis://host/0"
    assert reads("redis://host?db=2", addresses.redis, "").broker_url == "redis://host/2"
    socket = reads("unix:///run/valkey.sock?db=4", addresses.redis, "")
    assert socket.broker_url == "redis+socket:///run/valkey.sock?virtual_host=4"


def test_tls_to_redis_checks_the_certificate_unless_told_not_to(reads: Any) -> None:
    checked = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    for value in (
        "rediss://host/3",
        "rediss://host/3?ssl_cert_reqs=CERT_REQUIRED",
        "rediss://host/3?ssl_cert_reqs=required",
    ):
        read = reads(value, addresses.redis, "")
        assert read.url == "rediss://host/3?ssl_cert_reqs=required&ssl_check_hostname=True", value
        assert (read.broker_url, read.ssl) == ("rediss://host/3", checked)
    authority = reads("rediss://host?ssl_ca_certs=/etc/ca.pem", addresses.redis, "")
    assert authority.ssl == checked | {"ssl_ca_certs": "/etc/ca.pem"}
    unchecked = reads("rediss://host?ssl_cert_reqs=none", addresses.redis, "")
    assert unchecked.ssl == {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}


def test_a_redis_address_that_is_none_is_refused(refusal: Any) -> None:
    for value in (
        "host:6379",
        "redis://",
        "http://host",
        "redis://:secret@host:port",
        "redis+socket:///run/a.sock",
        "unix://",
    ):
        said = refusal(value, addresses.redis, "")
        assert "it is redis://:PASSWORD@HOST:6379/0, rediss:// for TLS, or unix:///PATH?db=0" in said
        assert "secret" not in said
    assert "its database is a number" in refusal("redis://host/podium", addresses.redis, "")
    assert "goes with rediss:// only" in refusal("redis://host/0?ssl_cert_reqs=none", addresses.redis, "")
    assert "of TLS it understands" in refusal("rediss://host/0?ssl_cert_reqs=maybe", addresses.redis, "")
    assert "of TLS it understands" in refusal("rediss://host/0?ssl_keyfil=/a", addresses.redis, "")
    assert "timeout is not understood there" in refusal("redis://host/0?timeout=3", addresses.redis, "")


def test_a_password_is_never_shown() -> None:
    assert addresses.hidden("redis://:pass@word:1@host:6379/0") == "redis://:***@host:6379/0"
    assert addresses.hidden("me:word@host/name") == "me:***@host/name"
    assert addresses.hidden("postgresql://host/name?user=me&password=word&a=b") == (
        "postgresql://host/name?user=me&password=***&a=b"
    )
    assert addresses.hidden("redis://host:6379/0") == "redis://host:6379/0"


def test_time_zones_as_linux_writes_them(reads: Any, refusal: Any, tmp_path: Path) -> None:
    for value in ("", "UTC", "UTC0", ":UTC", "utc", "GMT0", "Z", "UTC+00:00"):
        assert reads(value, time_zone) == "UTC", value
    for value in ("Europe/Berlin", ":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin", "posix/Europe/Berlin"):
        assert reads(value, time_zone) == "Europe/Berlin", value
    assert reads("CET-1", time_zone) == reads("<+01>-1", time_zone) == "Etc/GMT-1"
    assert reads("EST5EDT", time_zone) == "EST5EDT"
    link, copy = tmp_path / "localtime", tmp_path / "copy"
    link.symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    copy.write_bytes(Path("/usr/share/zoneinfo/America/New_York").read_bytes())
    assert reads(f":{link}", time_zone) == "Asia/Tokyo"
    assert reads(str(copy), time_zone) in ("America/New_York", "posixrules", "US/Eastern")
    for value in (
        "Berlin",
        "Europe/Atlantis",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "/nowhere",
        "../etc/passwd",
        "+01:00",
        ":",
    ):
        assert "e.g. Europe/Berlin or UTC" in refusal(value, time_zone)


ENTRIES = {
    "a command": ["manage.py", "migrate"],
    "up": ["manage.py", "up"],
    "the web server": ["-m", "config.processes.web"],
    "another web server": ["-c", "import config.wsgi"],
    "a worker": ["-m", "celery", "--app", "config", "worker", "--pool", "threads"],
    "beat": ["-m", "celery", "--app", "config", "beat"],
    "the scoring service": ["-m", "manage", "serve_rewards"],
}
WRONG = {
    "PODIUM_HTTPS": "ture",
    "DATABASE_URL": "mysql://me:word@db/podium",
    "PODIUM_DATA_DIR": "/proc/podium",
}


@pytest.mark.parametrize("name", WRONG)
def test_every_process_ends_with_one_sentence(tmp_path: Path, name: str) -> None:
    variables = environ(PODIUM_DATA_DIR=str(tmp_path)) | {name: WRONG[name]}

    def ends(entry: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, *ENTRIES[entry]]
        return subprocess.run(
            command, cwd=REPOSITORY, env=variables, capture_output=True, text=True, timeout=60, check=False
        )

    with ThreadPoolExecutor(2) as threads:
        for entry, done in zip(ENTRIES, threads.map(ends, ENTRIES), strict=True):
            assert done.returncode == 1, (entry, done.stderr)
            (line,) = done.stderr.splitlines()
            assert line.startswith("podium: ")
            assert WRONG[name].partition("word")[0] in line
            assert "word" not in line.replace("PASSWORD", "").replace("password", "")


def test_a_port_on_the_command_line_is_read_as_strictly(tmp_path: Path) -> None:
    for words, changes in ((["--port", "abc"], {}), ([], {"PORT": "70000"}), (["--rewards-port", "0"], {})):
        done = subprocess.run(
            [sys.executable, "manage.py", "up", *words],
            cwd=REPOSITORY,
            env=environ(PODIUM_DATA_DIR=str(tmp_path), **changes),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert "it is a whole number from 1 to 65535, e.g. 8" in done.stderr
        assert len(done.stderr.splitlines()) == 1
