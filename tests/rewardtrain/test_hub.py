"""The journeys to a hub and back, each command in a process of its own: same contents, same logits, no token left."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from config.servers import embedded
from labeling.data.versions import contents
from labeling.data.versions.datasets import freeze
from labeling.models import Project, Split
from tests import hub_stub
from tests.config.helpers import REPOSITORY, environ
from tests.factories import join, make_project, make_prompt, rank_next
from tests.hub_stub import TOKEN, Hub
from tests.rewardtrain.conftest import make_model, make_report, rank_prompts
from tests.rewardtrain.model_folders import FILES, write_folder

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub's own
LOGITS = """
import json, sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer
model = AutoModelForSequenceClassification.from_pretrained("owner/model")
tokenizer = AutoTokenizer.from_pretrained("owner/model")
prompt, completion = json.load(sys.stdin)
print(json.dumps(model(**tokenizer(prompt, completion, return_tensors="pt")).logits.tolist()))
"""
TEXTS = ("how do i bake bread", "please gladly help you")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_stub.running() as running:
        yield running


@pytest.fixture
def here(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub for commands that this process runs."""
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return hub


@pytest.fixture
def process(hub: Hub, tmp_path: Path, transactional_db: None) -> Callable[..., subprocess.Popen[str]]:
    """Starts a program with this test's database, models, home and temporary folder."""
    database = urlsplit(embedded.database_url(settings.DATA_DIR))
    named = urlunsplit(database._replace(path=f"/{connection.settings_dict['NAME']}"))
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    unwanted = ("HF_HUB_OFFLINE", "HF_HOME", "HF_HUB_CACHE", "PYTHONPATH")
    environment = {name: value for name, value in environ().items() if name not in unwanted} | {
        "DATABASE_URL": named,
        "REDIS_URL": embedded.redis_url(settings.DATA_DIR),
        "PODIUM_DATA_DIR": str(tmp_path),
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "tmp"),
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": TOKEN,
    }

    def start(*words: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=REPOSITORY,
            env={**environment, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def holding(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_model_and_its_data_go_to_a_hub_and_come_back(
    needs_torch: None, hub: Hub, process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    from rewardtrain.core.device import choose_device
    from rewardtrain.core.score import Scorer, parse_request
    from rewardtrain.registry.model_files import model_folder
    from tests.rewardtrain.service import finish_models

    said: list[str] = []

    def run(*words: str, typed: str = "", **more: str) -> str:
        done = process(*words, **more)
        said.append(done.communicate(typed)[0])
        assert done.returncode == 0, said[-1]
        return said[-1]

    project = make_project(slug="helpful")
    for number in range(40):  # each in the split of its text, as another Podium will have it
        make_prompt(project, external_id=f"loaf-{number}")
    assert {prompt.split for prompt in project.prompts.all()} == set(Split.values)
    rank_next(project, join(project), 40)
    version = freeze(project)
    model = make_model(project, version=version)
    finish_models(project, tmp_path / "made")
    make_project(slug="target")

    run("manage.py", "push_dataset", "helpful", "owner/data", "--split", "all")
    run("manage.py", "push_model", "helpful", "1", "owner/model")
    pulled = run("manage.py", "import_prompts", "target", "hf:owner/data")
    assert pulled.count("Imported: ") == 3, pulled
    frozen = run("manage.py", "freeze_dataset", "target")
    assert re.findall(r"contents (\w+)", frozen) == [contents.sha256_of(version, Split.values)]
    assert re.findall(r"contents (\w+)", said[0]) == re.findall(r"contents (\w+)", frozen)
    assert all(there.private for there in hub.repositories.values())

    printed = run("-I", "-c", LOGITS, typed=json.dumps(TEXTS), HF_HUB_DISABLE_XET="1")
    asked = json.dumps({"prompt": TEXTS[0], "completions": [TEXTS[1]]}).encode()
    scored = Scorer(model_folder(model), choose_device(1)).score(parse_request("it", asked))
    assert json.loads(printed.splitlines()[-1])[0] == pytest.approx(scored["logits"][0], abs=1e-5)

    assert not [text for text in said if TOKEN in text or "/objects/" in text or "HTTP" in text]
    assert holding(tmp_path) == []
    assert not list((tmp_path / "tmp").glob("podium-*")), "what was written aside is gone"
    names = {path.name for path in (tmp_path / "home").rglob("*")}
    assert not names & {"token", "stored_tokens", "xet"}


def test_a_push_that_is_killed_shows_nothing_and_the_next_goes_on(
    hub: Hub, process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    project = make_project(slug="helpful")
    rank_prompts(project, train=2, test=1, validation=0)
    write_folder(make_model(project))
    reached = threading.Event()

    def wait_at_commit(method: str, path: str) -> None:
        if "/commit/" in path and not reached.is_set():
            reached.set()
            killed.wait(60)

    killed = threading.Event()
    hub.refuse = wait_at_commit
    first = process("manage.py", "push_model", "helpful", "1", "owner/model")
    assert reached.wait(120)
    first.send_signal(signal.SIGKILL)
    assert TOKEN not in first.communicate()[0]
    there = hub.repository("model", "owner/model")
    hub.refuse = lambda method, path: (503, {}) if "/commit/" in path else None  # what the killed one had sent
    killed.set()
    sent = list(hub.sent)
    hub.refuse = lambda method, path: None
    again = process("manage.py", "push_model", "helpful", "1", "owner/model")
    words = again.communicate()[0]
    assert again.returncode == 0, words
    assert hub.sent == sent
    assert {name: data for name, data in there.files.items() if name in FILES} == FILES
    assert holding(tmp_path) == []


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(slug="helpful")
    rank_prompts(project, train=2, test=1, validation=0)
    return project


def test_what_a_later_model_no_longer_has_goes_from_the_hub(here: Hub, project: Project) -> None:
    hub = here
    hub.add("model", "owner/model", {"model-00001-of-00002.safetensors": b"", "notes.md": b"kept"}, private=True)
    write_folder(make_model(project, make_report()))
    call_command("push_model", "helpful", "1", "owner/model")
    assert sorted(hub.repository("model", "owner/model").files) == sorted(
        [*FILES, "manifest.json", "SHA256SUMS", "notes.md"]
    )


def test_commands_refuse_in_a_sentence(
    here: Hub, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(make_model(project, make_report()))
    for words, refusal in (
        (("push_model", "nowhere", "1", "o/n"), "There is no project 'nowhere'"),
        (("push_model", "helpful", "7", "o/n"), "helpful has no model '7'. Versions: 1."),
        (("push_model", "helpful", "1", "name"), "“name” is no name on a hub"),
        (("push_dataset", "nowhere", "o/n"), "There is no project 'nowhere'"),
        (("push_dataset", "helpful", "o/n", "--dataset", "7"), "helpful has no dataset version 7"),
        (("push_dataset", "helpful", "o/n", "--split", "tset"), "split is one of"),
        (("import_prompts", "helpful", "hf:o"), "“o” is no name on a hub"),
        (("import_prompts", "helpful", "hf:o/nothing"), "o/nothing is not on http"),
    ):
        with pytest.raises(CommandError, match=re.escape(refusal)):
            call_command(*words)
    (folder / "config.json").unlink()
    with pytest.raises(CommandError, match=r"config\.json is missing or was changed"):
        call_command("push_model", "helpful", "1", "o/n")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(CommandError, match="set HF_TOKEN"):
        call_command("push_dataset", "helpful", "o/n")
    assert here.repositories == {}
    heard = capsys.readouterr()
    assert TOKEN not in heard.out + heard.err


def test_the_test_prompts_stay_at_home_unless_they_are_asked_for(here: Hub, project: Project) -> None:
    call_command("push_dataset", "helpful", "owner/data")
    files = here.repository("dataset", "owner/data").files
    assert sorted(files) == ["README.md", "pairs/train-00000.parquet", "rankings/train-00000.parquet"]
    call_command("push_dataset", "helpful", "owner/data", "--split", "test")
    files = here.repository("dataset", "owner/data").files
    assert sorted(files) == ["README.md", "pairs/test-00000.parquet", "rankings/test-00000.parquet"]


def test_any_dataset_of_rows_is_imported_file_by_file_and_a_second_time_changes_nothing(
    here: Hub, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    def line(name: str) -> bytes:
        completions = [{"text": "Yes."}, {"text": "No."}]
        return json.dumps({"id": name, "prompt": f"{name}?", "completions": completions}).encode() + b"\n"

    bad = b'{"id": "bad"}\n'
    files = {"data/a.jsonl": line("a") + bad, "data/b.jsonl": line("b") + line("c"), "run_me.py": b"1 / 0"}
    here.add("dataset", "owner/rows", files)
    call_command("import_prompts", "helpful", "hf:owner/rows")
    assert set(project.prompts.filter(external_id__in="abc").values_list("external_id", flat=True)) == set("abc")
    heard = capsys.readouterr()
    assert "owner/rows at " in heard.out
    assert "line 2: " in heard.err
    before = project.prompts.count()
    call_command("import_prompts", "helpful", "hf:owner/rows", "--files", "data/b*")
    assert "0 created, 0 updated, 2 unchanged" in capsys.readouterr().out
    assert project.prompts.count() == before


def test_a_token_can_be_typed_and_is_not_shown() -> None:
    pid, terminal = pty.fork()
    if pid == 0:  # the child, whose terminal this is
        code = "from labeling.data.hub import tokens; print('length', len(tokens.needed()))"
        os.chdir(REPOSITORY)
        os.environ.pop("HF_TOKEN", None)
        os.execv(sys.executable, [sys.executable, "-c", code])
    heard = b""
    while b"not kept): " not in heard:
        heard += os.read(terminal, 1000)
    os.write(terminal, f"{TOKEN}\n".encode())
    try:
        while piece := os.read(terminal, 1000):
            heard += piece
    except OSError:  # the other side is closed
        pass
    assert os.waitpid(pid, 0)[1] == 0, heard
    os.close(terminal)
    assert f"length {len(TOKEN)}".encode() in heard
    assert TOKEN.encode() not in heard
