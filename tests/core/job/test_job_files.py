"""What a job reads and writes in the storage: whole, as it was meant, and never where the storage isn't."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from rewardtrain.core.errors import ConfigError, StorageAwayError
from rewardtrain.core.job.growing_file import GrowingFile
from rewardtrain.core.job.place import place, port_of
from rewardtrain.core.job.publishing import Checkpoints
from rewardtrain.core.job.shared_folder import SharedFolder
from rewardtrain.core.job.spec import Input, read_spec
from rewardtrain.core.job.storage import fetch_folder

SPEC = {
    "data": {"name": "projects/1/datasets/00001.parquet", "sha256": "0" * 64},
    "settings": {"epochs": 1},
    "backbone": None,
    "champion": {"name": "projects/1/runs/1/out/model", "sha256": "1" * 64},
    "formerly": ["2" * 64],
    "comparisons": [{"report": "beside_the_head.json", "champion": None}],
}


@pytest.fixture
def storage(tmp_path: Path) -> SharedFolder:
    run = tmp_path / "storage" / "run"
    run.mkdir(parents=True)
    return SharedFolder(tmp_path / "storage", "run", patience=0, should_stop=lambda: False)


def sha256(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def test_a_description_is_read_as_it_was_written() -> None:
    text = json.dumps(SPEC).encode()
    spec = read_spec(text, sha256(text))
    assert spec.data == Input("projects/1/datasets/00001.parquet", "0" * 64)
    assert spec.champion == Input("projects/1/runs/1/out/model", "1" * 64)
    assert spec.comparisons[0].report == "beside_the_head.json"


@pytest.mark.parametrize(
    ("variables", "rank", "host"),
    [
        ({"SLURM_NODEID": "1", "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.7"}, 1, "10.0.0.7"),
        ({"JOB_COMPLETION_INDEX": "0", "PODIUM_FIRST_NODE": "podium-1-0.podium-1"}, 0, "podium-1-0.podium-1"),
        ({"SKYPILOT_NODE_RANK": "2", "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2\n10.0.0.3\n"}, 2, "10.0.0.1"),
        ({"PODIUM_NODE_RANK": "1", "SLURM_NODEID": "0", "PODIUM_FIRST_NODE": "a", "SKYPILOT_NODE_IPS": "b"}, 1, "a"),
    ],
)
def test_a_machine_of_a_job_knows_by_its_scheduler_which_it_is(variables: dict[str, str], rank: int, host: str) -> None:
    found = place(3, "podium-1-1-1-0-0a0a", variables)
    assert found
    assert (found.rank, found.count, found.host, found.name) == (rank, 3, host, "podium-1-1-1-0-0a0a")
    assert found.port == port_of("podium-1-1-1-0-0a0a") != port_of("podium-1-1-1-0-0a0b")
    assert 20_000 <= found.port < 30_000
    assert place(1, "podium-1", variables) is None


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "nothing says which of its machines this is: none of PODIUM_NODE_RANK, SLURM_NODEID"),
        ({"SLURM_NODEID": "one"}, "nothing says which of its machines this is"),
        ({"SLURM_NODEID": "1"}, "nothing says where the first of its machines is: none of PODIUM_FIRST_NODE"),
        ({"SLURM_NODEID": "3", "PODIUM_FIRST_NODE": "a"}, "--node-rank is 3; with --nodes=3 it is from 0 to 2"),
    ],
)
def test_a_machine_that_is_not_told_which_it_is_says_so(variables: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        place(3, "podium-1", variables)


def test_a_description_that_was_changed_is_refused() -> None:
    text = json.dumps(SPEC).encode()
    with pytest.raises(ConfigError, match="description was changed: its sha256 is"):
        read_spec(text + b" ", sha256(text))


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": {"name": "../secret", "sha256": "0" * 64}},
        {"data": {"name": "/etc/passwd", "sha256": "0" * 64}},
        {"data": {"name": "a" * 301, "sha256": "0" * 64}},
        {"data": {"name": "a", "sha256": "no"}},
        {"data": None},
        {"comparisons": [{"report": "../../other/report.json", "champion": None}]},
        {"formerly": ["x"]},
        {"settings": 3},
    ],
)
def test_a_description_that_leads_elsewhere_or_is_no_description_is_refused(wrong: dict[str, object]) -> None:
    text = json.dumps(SPEC | wrong).encode()
    with pytest.raises(ConfigError, match="can't be read"):
        read_spec(text, sha256(text))


def test_an_input_is_compared_with_its_checksum(storage: SharedFolder, tmp_path: Path) -> None:
    (storage.root / "data").write_bytes(b"rows")
    assert storage.fetch(Input("data", sha256(b"rows")), tmp_path / "to").read_bytes() == b"rows"
    with pytest.raises(ConfigError, match="data was changed: its sha256 is"):
        storage.fetch(Input("data", "0" * 64), tmp_path / "to")
    with pytest.raises(ConfigError, match="nothing is not in the storage: restore it"):
        storage.fetch(Input("nothing", "0" * 64), tmp_path / "to")


def test_a_folder_whose_manifest_leads_elsewhere_is_refused(storage: SharedFolder, tmp_path: Path) -> None:
    (storage.root / "model").mkdir()
    manifest = json.dumps({"files": {"../outside": {"bytes": 1, "sha256": "0" * 64}}}).encode()
    (storage.root / "model" / "manifest.json").write_bytes(manifest)
    with pytest.raises(ConfigError, match=r"'\.\./outside', which leads elsewhere"):
        fetch_folder(storage, Input("model", sha256(manifest)), tmp_path / "to")


def test_nothing_is_written_where_the_storage_is_away(storage: SharedFolder, tmp_path: Path) -> None:
    """An unmounted place is an empty folder: what is written there is lost."""
    os.rename(storage.run, tmp_path / "away")
    file = tmp_path / "file"
    file.write_bytes(b"x")
    for write in (
        lambda: storage.write("owner", b"x"),
        lambda: storage.put(file, "out/file"),
        lambda: storage.put_folder(tmp_path / "away", "out/model", last="manifest.json"),
        GrowingFile(file, storage, "log.txt", base=0).copy,
    ):
        with pytest.raises(OSError, match="is not there"):
            write()
    assert list(storage.root.iterdir()) == []
    with pytest.raises(StorageAwayError, match="mount it on this node"):
        storage.patiently(lambda: storage.read("owner"))


def test_it_waits_for_the_storage_and_then_does_what_it_was_to(storage: SharedFolder, tmp_path: Path) -> None:
    patient = SharedFolder(storage.root, "run", patience=60, should_stop=lambda: False)
    os.rename(storage.run, tmp_path / "away")
    tries = []

    def read() -> bytes | None:
        tries.append(1)
        if len(tries) == 3:
            os.rename(tmp_path / "away", storage.run)
        return patient.read("owner")

    assert patient.patiently(read) is None
    assert len(tries) >= 3


def test_a_file_that_grows_is_copied_behind_what_is_there(storage: SharedFolder, tmp_path: Path) -> None:
    (storage.run / "log.txt").write_bytes(b"earlier\nhalf a li")
    source = tmp_path / "log.txt"
    log = GrowingFile(source, storage, "log.txt", base=len(b"earlier\n"))
    log.copy()  # not there yet
    source.write_bytes(b"one\n")
    log.copy()
    log.copy()
    with source.open("ab") as file:
        file.write(b"two\n")
    log.copy()
    assert (storage.run / "log.txt").read_bytes() == b"earlier\none\ntwo\n"


def test_a_file_that_was_cut_and_has_grown_beyond_is_copied_anew(storage: SharedFolder, tmp_path: Path) -> None:
    """A training that goes on cuts what came after its checkpoint; between two looks it may have written more."""
    source = tmp_path / "metrics.jsonl"
    metrics = GrowingFile(source, storage, "out/metrics.jsonl", base=0)
    source.write_bytes(b"a" * 1000 + b"b" * 100)
    metrics.copy()
    for text in (b"a" * 1000 + b"c" * 500, b"a" * 10):
        source.write_bytes(text)
        metrics.copy()
        metrics.copy()
        assert (storage.run / "out/metrics.jsonl").read_bytes() == text


def make_checkpoint(root: Path, step: int, *, whole: bool = True) -> Path:
    folder = root / f"step-{step}"
    folder.mkdir(parents=True)
    (folder / "state.pt").write_bytes(b"%d" % step)
    if whole:
        (folder / "info.json").write_bytes(b"{}")
    return folder


def test_whole_checkpoints_are_copied_and_what_is_gone_here_goes_there(storage: SharedFolder, tmp_path: Path) -> None:
    """Not before the lines that belong to them: who goes on from one keeps those."""
    here = tmp_path / "checkpoints"
    (storage.run / "out").mkdir()
    (tmp_path / "metrics.jsonl").write_bytes(b"step 10\n")
    lines = GrowingFile(tmp_path / "metrics.jsonl", storage, "out/metrics.jsonl", base=0)
    checkpoints = Checkpoints(here, storage, "out/checkpoints", info="info.json", lines=lines)
    checkpoints.copy()
    assert not (storage.run / "out/metrics.jsonl").exists()
    for step in (5, 10):
        make_checkpoint(here, step)
    make_checkpoint(here, 15, whole=False)
    checkpoints.copy()
    assert (storage.run / "out/metrics.jsonl").read_bytes() == b"step 10\n"
    there = storage.run / "out" / "checkpoints"
    assert sorted(path.name for path in there.iterdir()) == ["step-10", "step-5"]
    (there / ".part-of-a-job-that-was-killed").mkdir()
    for name in ("state.pt", "info.json"):
        (here / "step-5" / name).unlink()
    (here / "step-5").rmdir()
    (here / "step-15" / "info.json").write_bytes(b"{}")
    checkpoints.copy()
    assert sorted(path.name for path in there.iterdir()) == ["step-10", "step-15"]
    assert (there / "step-15" / "state.pt").read_bytes() == b"15"
    (here / "step-15" / "state.pt").write_bytes(b"validated")
    (here / "step-15" / "info.json").write_bytes(b'{"validation_due": false}')
    checkpoints.copy()
    assert (there / "step-15" / "state.pt").read_bytes() == b"validated"
