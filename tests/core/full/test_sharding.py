"""A network whose weights are shared out among processes learns what it learns in one: FSDP2 over Gloo."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from rewardtrain.core.__main__ import main
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.train import train
from tests.core.commands import ROOT, events, losses, start, wait_for_step
from tests.core.tiny.backbones import BACKBONES
from tests.core.tiny.rows import write_rows

Rows = Callable[..., list[dict[str, Any]]]

SETTINGS = {
    "max_length": 32, "token_budget": 64, "eval_every": 4, "checkpoint_every": 100,
    "threads": 1, "dtype": "float32", "bootstrap_samples": 100, "batch_prompts": 4, "min_pairs": 1,
}  # fmt: skip


def rows_of(size: int, *, n: int = 25, flagged: bool) -> Iterable[dict[str, Any]]:
    """n prompts of so many completions, the more polite ranked higher, or flagged as polite too; five steps."""
    random_ = random.Random(size)
    words = ["please", "gladly", "help", "you", "with", "this", "never", "go", "away", "stupid", "question", "answer"]
    for index in range(n):
        texts = [" ".join(random_.choices(words, k=random_.randint(1, 8))) for _ in range(size)]
        texts = [f"{text} {'abcdefghi'[place]}" for place, text in enumerate(texts)]
        manners = [text.count("please") + text.count("gladly") - text.count("stupid") for text in texts]
        ranks = [sorted(manners, reverse=True).index(one) + 1 for one in manners]
        flags = {"flags": [{"polite": one > 0} for one in manners]} if flagged else {}
        yield {
            "id": f"p{index}",
            "split": {0: "test", 1: "validation"}.get(index % 5, "train"),
            "prompt": f"how do i {'abcdefghijklmnopqrstuvwxyz'[index]} " + " ".join(random_.choices(words, k=9)),
            "completions": [{"id": str(place), "text": text} for place, text in enumerate(texts)],
            "rankings": [{"labeler": "ann", "ranks": ranks, **flags}],
        }


CASES = [
    (backbone, head, size)
    for backbone in ("tiny_bert", "tiny_llama")
    for head in ("scalar", "binary")
    for size in (2, 9)
]
WAYS: dict[str, dict[str, Any]] = {
    "lora": {"lora_rank": 2},
    "top layer": {"train_layers": 1},
    "checkpointing": {"gradient_checkpointing": True, "graph_budget": 0},
    "davidson": {"ties": "davidson", "centering": 0.1},
}


@pytest.fixture(scope="module")
def runs(tiny_bert: Path, tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every kind of run by its name, without the folder that it goes to."""
    root = tmp_path_factory.mktemp("data")
    folders = {"tiny_bert": tiny_bert, "tiny_llama": tiny_llama}
    found = {}
    for backbone, head, size in CASES:
        data = root / f"{head}-{size}.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows_of(size, flagged=head == "binary")))
        settings = {**SETTINGS, "backbone": str(folders[backbone]), "head": head}
        found[f"{backbone}, {head}, {size}"] = {"data": str(data), "settings": settings}
        if head == "scalar" and size == 9:
            ways = {f"{backbone}, {way}": settings | changes for way, changes in WAYS.items()}
            found |= {name: {"data": str(data), "settings": changed} for name, changed in ways.items()}
    return found


@pytest.fixture(scope="module")
def alone(runs: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("alone")
    for name, run in runs.items():
        train(Path(run["data"]), root / name, TrainConfig.from_dict(run["settings"]))
    return root


@pytest.fixture(scope="module", params=[2, 4])
def together(
    request: pytest.FixtureRequest, runs: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    root = tmp_path_factory.mktemp("together")
    torchrun(request.param, root, {name: {**run, "out": str(root / name)} for name, run in runs.items()})
    return root


NEW_ADDRESSES = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}  # else a restart may look for processes that died


def torchrun(processes: int, root: Path, runs: dict[str, dict[str, Any]], *, restarts: int = 0) -> None:
    listed = root / "runs.json"
    listed.write_text(json.dumps(list(runs.values())))
    program = [str(Path(__file__).with_name("run_together.py")), str(listed)]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}",
         f"--max-restarts={restarts}", *program],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **NEW_ADDRESSES},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model/model.safetensors")


# Adding to all keys changes no attention, so the loss doesn't depend on it and its gradient is rounding alone, which
# Adam makes steps of.
UNDECIDED = ("key.bias", "k_proj.bias", "query_key_value.bias", "c_attn.bias")


def require_equal(found: Path, wanted: Path) -> None:
    """The loss of each step and every weight, to 1e-6 of the greatest of its kind."""
    assert [step for step, _ in losses(found)] == [step for step, _ in losses(wanted)]
    assert [loss for _, loss in losses(found)] == pytest.approx([loss for _, loss in losses(wanted)], abs=1e-6)
    ours, theirs = weights_of(found), weights_of(wanted)
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        if not name.endswith(UNDECIDED):
            apart = float((ours[name] - tensor).abs().max())
            assert apart <= 1e-6 * max(1.0, float(tensor.abs().max())), name


def test_several_processes_learn_what_one_learns(together: Path, alone: Path, runs: dict[str, dict[str, Any]]) -> None:
    """Encoder and decoder, which packs; one logit and two; 2 and 9 completions; adapters; a part of the layers."""
    for name in runs:
        require_equal(together / name, alone / name)
        reports = [json.loads((root / name / "report.json").read_text()) for root in (together, alone)]
        assert reports[0]["accuracy"] == reports[1]["accuracy"], name
        assert reports[0]["log_loss"] == pytest.approx(reports[1]["log_loss"], abs=1e-5), name
        start, *_ = (event for event in events(together / name) if event["event"] == "start")
        assert start["processes"] in (2, 4)


@pytest.mark.parametrize("backbone", ["tiny_bert", "tiny_llama"])
@pytest.mark.parametrize(("before", "after"), [(4, 1), (1, 4)])
def test_a_run_goes_on_in_another_number_of_processes(
    backbone: str, before: int, after: int, runs: dict[str, dict[str, Any]], alone: Path, tmp_path: Path
) -> None:
    name = f"{backbone}, scalar, 9"
    out, run = tmp_path / "out", runs[name]
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({**run["settings"], "processes": before}))
    process = start("train", run["data"], out, "--config", settings)
    wait_for_step(process, out, 2)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate()
    assert process.returncode == 75, stderr
    (saved,) = (out / "checkpoints").iterdir()
    assert len(list(saved.glob("*.safetensors"))) == before
    assert 2 <= int(saved.name.removeprefix("step-")) < 5
    settings.write_text(json.dumps({**run["settings"], "processes": after}))
    assert main(["train", run["data"], str(out), "--config", str(settings)]) == 0
    require_equal(out, alone / name)
    assert not (out / "checkpoints").exists()


def test_a_run_that_is_stopped_ten_times_gives_the_model_of_one_that_is_not(
    runs: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """To the same bits, for the processes are as many each time."""
    run = runs["tiny_bert, davidson"]
    run = {**run, "settings": {**run["settings"], "epochs": 4}}
    kinds = {name: {**run, "out": str(tmp_path / name)} for name in ("stopped", "not")}
    kinds["stopped"]["stops"] = 10
    torchrun(2, tmp_path, kinds)
    stopped, whole = (tmp_path / name for name in kinds)
    assert losses(stopped) == losses(whole)
    assert sum(event["event"] == "checkpoint" for event in events(stopped)) >= 10
    ours, theirs = weights_of(stopped), weights_of(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_run_whose_members_are_killed_gives_the_model_of_one_whose_are_not(
    runs: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """By SIGKILL, each of them and the one that started them, at steps that chance names; to the same bits."""
    run, killed, whole, random_ = (
        runs["tiny_llama, scalar, 9"],
        tmp_path / "killed",
        tmp_path / "whole",
        random.Random(17),
    )
    settings = {**run["settings"], "processes": 2, "checkpoint_every": 1, "epochs": 10, "patience": 0}
    options = [f"--set={key}={value}" for key, value in settings.items()]
    last = 0
    for victim in (0, 1, None):
        process = start("train", run["data"], killed, *options)
        wait_for_step(process, killed, last + random_.randint(1, 6))
        parent = psutil.Process(process.pid)
        members = [one for one in parent.children(recursive=True) if "--multiprocessing-fork" in one.cmdline()]
        assert len(members) == 2
        (parent if victim is None else members[victim]).send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == (75 if victim is not None else -signal.SIGKILL)
        psutil.wait_procs(members)
        last = losses(killed)[-1][0]
    for out in (killed, whole):
        process = start("train", run["data"], out, *options)
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr
    assert losses(killed) == losses(whole)
    ours, theirs = weights_of(killed), weights_of(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_memory_that_runs_out_in_one_process_begins_all_anew_with_smaller_batches(
    runs: dict[str, dict[str, Any]], alone: Path, tmp_path: Path
) -> None:
    name = "tiny_bert, scalar, 9"
    settings = {**runs[name]["settings"], "token_budget": 64}
    run = {**runs[name], "settings": settings, "out": str(tmp_path / "out"), "memory": 40}
    torchrun(2, tmp_path, {name: run}, restarts=3)
    (told,) = (event for event in events(tmp_path / "out") if event["event"] == "smaller_batches")
    assert told["token_budget"] == 32
    require_equal(tmp_path / "out", alone / name)


def test_a_launcher_of_another_number_of_processes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "8")
    monkeypatch.setitem(os.environ, "RANK", "0")
    config = TrainConfig(processes=4)
    with pytest.raises(ConfigError, match=r"processes is 4, but the launcher started 8 \(WORLD_SIZE\); leave it out"):
        train(tmp_path / "data.jsonl", tmp_path / "out", config)


def test_restarts_that_would_look_for_the_dead_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"WORLD_SIZE": "2", "RANK": "0", "TORCHELASTIC_MAX_RESTARTS": "3", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"torchrun may restart 3 times.*set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"):
        train(tmp_path / "data.jsonl", tmp_path / "out", TrainConfig())


def test_every_architecture_is_shared_out(tmp_path: Path) -> None:
    """Of two processes each holds half of every weight, whatever the network does with them."""
    data = write_rows(tmp_path / "data.jsonl")
    runs = {}
    for kind, backbone in BACKBONES.items():
        settings = {**SETTINGS, "backbone": str(backbone.save(tmp_path / kind))}
        runs[kind] = {"data": str(data), "settings": settings, "out": str(tmp_path / f"{kind}-together")}
        train(data, tmp_path / f"{kind}-alone", TrainConfig.from_dict(settings))
    torchrun(2, tmp_path, runs)
    for kind in BACKBONES:
        found, wanted = (losses(tmp_path / f"{kind}-{way}") for way in ("together", "alone"))
        assert [loss for _, loss in found] == pytest.approx([loss for _, loss in wanted], abs=1e-6), kind
        assert weights_of(tmp_path / f"{kind}-together").keys() == weights_of(tmp_path / f"{kind}-alone").keys(), kind
