"""What a hub that refuses comes to: one sentence that says what to do, at once, and never the token."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from labeling.data.hub import names, pull, tokens
from labeling.data.hub.push import Outgoing, Pushed, push
from labeling.errors import PodiumError
from tests.hub_stub import LFS_FROM, TOKEN, Hub

NAME = "owner/name"
# huggingface_hub's own, of the way in which it gives a file to its HTTP client.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def files(tmp_path: Path) -> list[Outgoing]:
    made = []
    for name, data in {
        "README.md": b"---\n{}\n---\n",
        "a/large.bin": bytes(LFS_FROM),
        "b/large.bin": b"b" * 9999,
    }.items():
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        made.append(Outgoing(name, path))
    return made


def send(files: list[Outgoing], *, token: str = TOKEN, public: bool = False) -> Pushed:
    return push(files, NAME, kind="dataset", public=public, token=token, message="It", owned=("a/*",))


def test_files_arrive_in_one_commit_in_a_private_repository(hub: Hub, files: list[Outgoing]) -> None:
    pushed = send(files)
    there = hub.repository("dataset", NAME)
    assert there.files == {file.name: file.path.read_bytes() for file in files}
    assert (there.private, there.commits) == (True, [pushed.commit])
    assert pushed == Pushed(f"{hub.url}/datasets/{NAME}", there.sha, is_public=False)


def test_the_same_again_sends_nothing_and_what_is_gone_goes(hub: Hub, files: list[Outgoing]) -> None:
    send(files)
    hub.repository("dataset", NAME).files["LICENSE"] = b"a person's"
    assert send(files).commit == hub.repository("dataset", NAME).commits[0]
    assert len(hub.sent) == 2
    send([file for file in files if file.name != "a/large.bin"])
    assert sorted(hub.repository("dataset", NAME).files) == ["LICENSE", "README.md", "b/large.bin"]


def test_a_push_that_broke_off_shows_nothing_and_goes_on(hub: Hub, files: list[Outgoing]) -> None:
    hub.refuse = lambda method, path: (401, {}) if "/commit/" in path else None
    with pytest.raises(PodiumError):
        send(files)
    assert hub.repository("dataset", NAME).files == {}
    sent = list(hub.sent)
    hub.refuse = lambda method, path: None
    send(files)
    assert hub.sent == sent, "none of the large files travels twice"
    assert len(hub.repository("dataset", NAME).files) == 3


def test_a_public_repository_gets_nothing_unless_that_is_said(hub: Hub, files: list[Outgoing]) -> None:
    hub.add("dataset", NAME, {}, private=False)
    with pytest.raises(PodiumError, match="owner/name is public there, so nothing was sent: say --public"):
        send(files)
    assert hub.repository("dataset", NAME).files == {}
    assert send(files, public=True).is_public
    assert hub.sent


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "hub_unauthorized", "doesn't know the token, or wants one for owner/name: set HF_TOKEN"),
        (403, "hub_forbidden", "The token may not do that with owner/name on"),
        (404, "hub_missing", "owner/name is not on"),
        (400, "hub_refused", "refused owner/name \\(400\\)"),
        (409, "hub_conflict", "Somebody else changed owner/name"),
        (413, "hub_full", "has no room for owner/name"),
        (500, "hub_failed", "failed \\(500\\): go on later"),
        (503, "hub_failed", "failed \\(503\\): go on later"),
    ],
)
@pytest.mark.parametrize("at", ["/api/repos/create", "/commit/"])
def test_each_refusal_is_a_sentence_without_what_the_hub_wrote(
    hub: Hub, files: list[Outgoing], status: int, code: str, words: str, at: str
) -> None:
    if status == 409 and at == "/api/repos/create":
        at = "/api/datasets/owner/name"  # there it says that the repository exists
    hub.refuse = lambda method, path: (status, {}) if path == at or (at in path and at == "/commit/") else None
    with pytest.raises(PodiumError, match=words) as caught:
        send(files)
    assert caught.value.code == code
    assert TOKEN not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({"Retry-After": "3600"}, "60 minutes"), ({"RateLimit": '"api";r=0;t=90'}, "90 s")],
)
@pytest.mark.parametrize("at", ["/api/repos/create", "/preupload/", "/objects/batch"])
def test_a_hub_that_asks_to_wait_long_is_told_at_once(
    hub: Hub, files: list[Outgoing], headers: dict[str, str], wait: str, at: str
) -> None:
    hub.refuse = lambda method, path: (429, headers) if at in path else None
    with pytest.raises(PodiumError, match=f"asks to wait {wait}: go on then") as caught:
        send(files)
    assert caught.value.code == "hub_busy"
    assert sum(at in path for _, path in hub.asked) == 1


def test_a_wrong_token_or_none_is_said(hub: Hub, files: list[Outgoing], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PodiumError, match="doesn't know the token"):
        send(files, token="hf_other")
    assert hub.repositories == {}
    monkeypatch.delenv("HF_TOKEN")
    assert tokens.given() is None
    with pytest.raises(PodiumError, match="set HF_TOKEN to one with write access"):
        tokens.needed()
    for wrong in ("two words", "hf_ä", "one\ntwo", "x" * 501):
        monkeypatch.setenv("HF_TOKEN", wrong)
        with pytest.raises(PodiumError, match="HF_TOKEN is no token") as caught:
            tokens.needed()
        assert wrong not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", f" {TOKEN}\n")
    assert tokens.needed() == TOKEN


def test_a_hub_that_is_away_is_said_once(hub: Hub, files: list[Outgoing], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(PodiumError, match=r"can't be reached, or said nothing for 30 s: check HF_ENDPOINT"):
            send(files)


def test_a_hub_that_says_nothing_is_waited_for_no_longer_than_that(
    hub: Hub, files: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.data.hub.talk.SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(PodiumError, match="said nothing for"):
            send(files)


def test_what_is_no_hub_is_said(hub: Hub, files: list[Outgoing], monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("hub.example", "ftp://hub.example", "https://me:secret@hub.example", "https://a b"):
        monkeypatch.setenv("HF_ENDPOINT", wrong)
        with pytest.raises(PodiumError, match="HF_ENDPOINT is no address of a hub") as caught:
            send(files)
        assert "secret" not in str(caught.value)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    hub.refuse = lambda method, path: (200, {}) if path == "/api/repos/create" else None
    with pytest.raises(PodiumError, match="doesn't answer as a hub does"):
        send(files)


def test_offline_is_said(hub: Hub, files: list[Outgoing], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PodiumError, match="HF_HUB_OFFLINE is set, so no hub is asked: unset it"):
        send(files)


@pytest.mark.parametrize("text", ["owner/name", "o-1/n.2_x"])
def test_names_are_owner_and_name(text: str) -> None:
    assert names.check_name(text) == text


@pytest.mark.parametrize(
    "text",
    ["name", "a/b/c", "/etc/passwd", "../up", "a/..", "a/b..c", "a/b--c", "a/b.git", "a b/c", "a/", "x" * 97 + "/b"],
)
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(PodiumError, match="is no name on a hub: write it as owner/name"):
        names.check_name(text)


def test_what_is_fetched_may_name_a_revision() -> None:
    assert names.read_fetched("hf:o/n") == names.Fetched("o/n")
    assert names.read_fetched("hf://datasets/o/n@refs/convert/parquet") == names.Fetched("o/n", "refs/convert/parquet")
    for wrong in ("hf:o/n@", "hf:o/n@../x", "hf:o/n@a b", "hf:"):
        with pytest.raises(PodiumError):
            names.read_fetched(wrong)


# --- Pull ---


def found(hub: Hub, files: dict[str, bytes], pattern: str = "", **more: int) -> list[str]:
    hub.add("dataset", NAME, files)
    return [file.name for file in pull.find(names.Fetched(NAME), token=None, pattern=pattern, **more).files]


def test_only_tables_and_records_are_fetched(hub: Hub) -> None:
    data = ["a.parquet", "data/b.jsonl.gz", "data/c.CSV", "d.json", "e.arrow", "f.tsv", "g.ndjson.zst"]
    others = [
        *(
            "load.py",
            "README.md",
            "dataset_infos.json",
            "x/dataset_info.json",
            "model.safetensors",
            "a.pkl",
            ".git.json",
        ),
        *(
            "../up.json",
            "x/../../up.json",
            "/abs.json",
            "x\\y.json",
            ".cache/y.json",
            "y.zip",
            "state.json",
            "a\nb.json",
        ),
    ]
    assert found(hub, dict.fromkeys([*data, *others], b"")) == sorted(data)


def test_of_a_podiums_own_folder_the_rows_are_taken_and_not_the_pairs(hub: Hub) -> None:
    files = dict.fromkeys(("pairs/train-00000.parquet", "rankings/train-00000.parquet"), b"")
    assert found(hub, files) == ["rankings/train-00000.parquet"]
    assert found(hub, files, "pairs/*") == ["pairs/train-00000.parquet"]


def test_too_much_is_refused_before_anything_is_fetched(hub: Hub) -> None:
    files = {"a.jsonl": bytes(600), "b.jsonl": bytes(600)}
    with pytest.raises(PodiumError, match=r"name some of its files by --files") as caught:
        found(hub, files, most_bytes=1000)
    assert caught.value.code == "hub_too_large"
    assert found(hub, files, "a*", most_bytes=1000) == ["a.jsonl"]
    with pytest.raises(PodiumError, match=r"has 1001 files to read, and 1000 are taken"):
        found(hub, {f"{n}.csv": b"" for n in range(1001)})
    assert not any("/resolve/" in path for _, path in hub.asked)


def test_a_dataset_without_data_says_what_there_is(hub: Hub) -> None:
    with pytest.raises(PodiumError, match=r"no Parquet, Arrow, JSON or CSV file to import; there is: load\.py"):
        found(hub, {"load.py": b"import os"})
    with pytest.raises(PodiumError, match=r"no file named 'b\*' to import; there is: a\.csv"):
        found(hub, {"a.csv": b""}, "b*")


def test_a_file_that_is_not_as_it_was_listed_is_not_read(hub: Hub, tmp_path: Path) -> None:
    hub.lists_as = lambda name, size: size - 1
    hub.add("dataset", NAME, {"a.csv": b"abc"})
    listed = pull.find(names.Fetched(NAME), token=None)
    with pytest.raises(PodiumError, match=r"sent another a\.csv than it listed"):
        pull.fetch(listed, listed.files[0], tmp_path, token=None)


def test_a_private_dataset_is_for_who_has_the_token(hub: Hub, tmp_path: Path) -> None:
    hub.add("dataset", NAME, {"a.csv": b"abc"}, private=True)
    with pytest.raises(PodiumError, match="doesn't know the token, or wants one for owner/name"):
        pull.find(names.Fetched(NAME), token=None)
    listed = pull.find(names.Fetched(NAME), token=TOKEN)
    assert pull.fetch(listed, listed.files[0], tmp_path, token=TOKEN).read_bytes() == b"abc"
    with pytest.raises(PodiumError, match=r"owner/name has no revision 'v9' on http://127.0.0.1:\d+: name a branch"):
        pull.find(names.Fetched(NAME, "v9"), token=TOKEN)
    with pytest.raises(PodiumError, match="check the name, the revision and HF_TOKEN"):
        pull.find(names.Fetched("owner/other"), token=TOKEN)
