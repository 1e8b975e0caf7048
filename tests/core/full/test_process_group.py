"""Several training processes: they learn what one learns, and end together."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from rewardtrain.core.__main__ import main
from rewardtrain.core.data.batching import make_batch
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.full.shared_objective import SharedObjective
from rewardtrain.core.model.team import Team
from tests.core.commands import events, losses, start, wait_for_step

Rows = Callable[..., list[dict[str, Any]]]
Write = Callable[..., Path]


def settings_of(backbone: Path, **changes: object) -> list[str]:
    values = {
        "backbone": backbone, "max_length": 32, "token_budget": 64, "learning_rate": 0.003, "eval_every": 4,
        "checkpoint_every": 1, "threads": 1, "dtype": "float32", "bootstrap_samples": 100, "ties": "davidson",
        "centering": 0.1, **changes,
    }  # fmt: skip
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def test_the_longest_prompts_go_first_to_whoever_has_least() -> None:
    """50 to the first, 40 and 30 to the second, 20 to the first, 10 to either, both having 70: the first."""
    tokens = [10, 50, 20, 40, 30]
    assert Team(0, 2).share(tokens) == [0, 1, 2]
    assert Team(1, 2).share(tokens) == [3, 4]
    assert Team(1, 2).share([7]) == []
    assert Team().share(tokens) == [0, 1, 2, 3, 4]


@pytest.fixture(scope="session")
def data_of_processes(tmp_path_factory: pytest.TempPathFactory, make_rows: Rows) -> Path:
    """57 prompts to train on: eight batches, the last of one prompt, which leaves a second process without."""
    path = tmp_path_factory.mktemp("processes") / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in make_rows(95)))
    return path


def test_two_processes_learn_what_one_learns(tiny_bert: Path, data_of_processes: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    settings = settings_of(tiny_bert, epochs=2)
    assert main(["train", str(data_of_processes), str(one), *settings]) == 0
    assert main(["train", str(data_of_processes), str(two), *settings, "--set", "processes=2"]) == 0
    assert len(losses(one)) == 16
    assert [step for step, _ in losses(two)] == [step for step, _ in losses(one)]
    assert [loss for _, loss in losses(two)] == pytest.approx([loss for _, loss in losses(one)], abs=1e-6)
    for event, key in (("step", "margin"), ("step", "gradient_norm"), ("validation", "log_loss")):
        found, wanted = ([seen[key] for seen in events(out) if seen["event"] == event] for out in (two, one))
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-5), key


def test_a_stop_reaches_all_and_the_run_goes_on(tiny_bert: Path, data_of_processes: Path, tmp_path: Path) -> None:
    settings = settings_of(tiny_bert, epochs=20, patience=0, processes=2, checkpoint_every=1000)
    process = start("train", data_of_processes, tmp_path, *settings)
    wait_for_step(process, tmp_path, 2)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate()
    assert process.returncode == 75, stderr
    assert stderr.splitlines()[-1].startswith("error: stopped as asked")
    assert events(tmp_path)[-1]["event"] == "checkpoint"
    saved = events(tmp_path)[-1]["step"]
    process = start("train", data_of_processes, tmp_path, *settings)
    wait_for_step(process, tmp_path, saved + 1)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert [step for step, _ in losses(tmp_path)] == list(range(1, len(losses(tmp_path)) + 1))


def test_a_process_that_dies_ends_all_and_is_named(tiny_bert: Path, data_of_processes: Path, tmp_path: Path) -> None:
    settings = settings_of(tiny_bert, epochs=200, patience=0, processes=2)
    process = start("train", data_of_processes, tmp_path, *settings)
    wait_for_step(process, tmp_path, 2)
    children = psutil.Process(process.pid).children(recursive=True)
    members = [child for child in children if "--multiprocessing-fork" in child.cmdline()]
    assert len(members) == 2
    members[1].send_signal(signal.SIGKILL)
    _, stderr = process.communicate()
    assert process.returncode == 75, stderr
    assert "was ended by SIGKILL; the same command goes on from the last checkpoint" in stderr.splitlines()[-1]
    assert not any(child.is_running() for child in members)


def test_what_one_process_can_not_train_is_named_by_all(
    tiny_bert: Path, data_of_processes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(tiny_bert, processes=2, learning_rate=1e38)
    assert main(["train", str(data_of_processes), str(tmp_path / "out"), *settings]) == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: training diverged at step ")


def test_a_share_of_the_logits_gets_its_part_of_the_whole_gradient(tiny_bert: Path) -> None:
    """Prompt 2's completions alone, with prompt 1's logits known: the gradient is that of the whole batch there."""

    class Known(Team):
        def sum(self, tensor: torch.Tensor) -> torch.Tensor:
            return tensor + torch.tensor([[0.5], [-0.5], [0.0], [0.0]])

    from rewardtrain.core.config import TrainConfig
    from rewardtrain.core.data.groups import Message
    from rewardtrain.core.device import choose_device
    from rewardtrain.core.full.loss import Objective
    from rewardtrain.core.model.loading import load_backbone

    encoder = load_backbone(str(tiny_bert), max_length=32, device=choose_device(1)).encoder
    encoded = [encoder.encode((Message("user", text),), ["please", "never"]) for text in ("chess", "bread")]
    batch = make_batch(encoded, [Comparisons({(0, 1): 1.0}, n_strict=1, n_ties=0)] * 2)
    objective = Objective(TrainConfig())
    whole = torch.tensor([[0.5], [-0.5], [1.0], [2.0]], requires_grad=True)
    loss = objective(whole, batch)
    loss.backward()
    mine = torch.tensor([[1.0], [2.0]], requires_grad=True)
    shared = SharedObjective(objective, batch, [1], Known(1, 2))
    found = shared(mine)
    found.backward()
    assert found.item() == loss.item()
    assert mine.grad is not None
    assert whole.grad is not None
    assert torch.equal(mine.grad, whole.grad[2:])
    assert shared.margin == pytest.approx((1.0 - 1.0) / 2)
