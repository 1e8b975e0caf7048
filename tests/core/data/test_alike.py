"""Completions that are one input: they have one reward, and a comparison of two says nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import distinct, make_batch
from rewardtrain.core.data.comparisons import build_dataset, merge, tell_apart
from rewardtrain.core.data.groups import Group, Message, Ranking, read_groups, told_apart
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import DataError
from rewardtrain.core.evaluation.evaluate import encode_groups, evaluate_file, score_groups
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.measures import metrics
from rewardtrain.core.model.gradients import accumulate_gradients, predict
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.score import Scorer
from rewardtrain.core.serving.batcher import Batcher
from rewardtrain.core.train import train

Rows = Callable[..., list[dict[str, Any]]]
Write = Callable[..., Path]
Save = Callable[..., tuple[Path, RewardModel]]
LONG = "answer this question " * 30  # over the length, so that what follows it is cut


def row(name: str, texts: list[str], ranks: list[int], split: str = "train") -> dict[str, Any]:
    rankings = [{"labeler": "ann", "ranks": ranks}]
    completions = [{"text": text} for text in texts]
    return {"id": name, "split": split, "prompt": f"learn {name}", "completions": completions, "rankings": rankings}


@pytest.fixture
def model(tiny_bert: Path) -> RewardModel:
    torch.manual_seed(3)
    return load_backbone(str(tiny_bert), max_length=32, device=choose_device(1))


@pytest.fixture
def counted(model: RewardModel) -> Iterator[list[int]]:
    """Sequences that went through the network, by batch."""
    seen: list[int] = []
    hook = model.network.register_forward_pre_hook(
        lambda module, arguments, given: seen.append(len(given["input_ids"])), with_kwargs=True
    )
    yield seen
    hook.remove()


def test_equal_texts_of_a_prompt_are_left_out_and_counted(write_rows: Write) -> None:
    rows = [row("a", ["go", "go", "help"], [1, 2, 3]), row("b", ["go", "go"], [1, 2]), row("c", ["go", "go"], [1, 1])]
    data = build_dataset(read_groups(write_rows(rows)), TrainConfig())
    (group,), (merged,) = data.splits["train"], data.comparisons["train"]
    assert (group.id, merged.weights, merged.n_strict) == ("a", {(0, 2): 1.0, (1, 2): 1.0}, 2)
    assert data.left_out["alike"] == 2
    assert data.counts()["n_alike"] == 3
    pairs = metrics.collect_pairs(data.splits["train"])
    assert list(zip(pairs.chosen.tolist(), pairs.rejected.tolist(), strict=True)) == [(0, 2), (1, 2)]


def test_texts_that_are_cut_to_the_same_are_left_out_too(model: RewardModel, write_rows: Write) -> None:
    rows = [
        row("a", [LONG + "help", LONG + "never", "help"], [1, 2, 3]),
        row("b", [LONG + "help", LONG + "go"], [1, 2]),
        row("c", [LONG + "help", LONG + "go"], [1, 2], split="test"),
        row("d", ["go", "help"], [1, 2]),
    ]
    data = build_dataset(read_groups(write_rows(rows)), TrainConfig())
    assert data.n_pairs("train") == 5
    encoded = {split: encode_groups(model.encoder, groups) for split, groups in data.splits.items()}
    keys = {split: [[one.key for one in each] for each in of] for split, of in encoded.items()}
    told = tell_apart(data, keys, TrainConfig())
    assert [group.id for group in told.splits["train"]] == ["a", "d"]
    assert [merged.weights for merged in told.comparisons["train"]] == [{(0, 2): 1.0, (1, 2): 1.0}, {(0, 1): 1.0}]
    assert told.left_out["alike"] == 1
    assert told.counts()["n_alike"] == 3
    assert metrics.n_alike(told.splits["test"]) == 1
    assert not len(metrics.collect_pairs(told.splits["test"]).chosen)


def test_equal_inputs_go_through_the_network_once_and_have_one_reward(model: RewardModel, counted: list[int]) -> None:
    """80 pairs of one text had an accuracy of 0.444: two micro-batches round otherwise."""
    texts = ("please help", "never", "please help", "gladly help you with this question", "please help")
    groups = [Group(str(n), "test", (Message("user", "learn chess"),), texts, ()) for n in range(20)]
    scores = score_groups(model, encode_groups(model.encoder, groups), token_budget=64)
    assert sum(counted) == 3
    rewards = np.array(scores.rewards)
    assert (rewards[:, [0, 2, 4]] == rewards[0, 0]).all()
    assert len(np.unique(rewards)) == 3
    flat = model.encoder.encode(groups[0].prompt, texts)
    assert predict(model, flat, token_budget=16)[:, 0].tolist() == pytest.approx(rewards[0].tolist(), abs=1e-5)


def test_a_training_step_forwards_equal_completions_once_with_the_gradient_of_all(
    model: RewardModel, counted: list[int]
) -> None:
    texts = ["please help", "never", "please help"]
    group = Group("1", "train", (Message("user", "chess"),), tuple(texts), (Ranking("ann", (1, 3, 2)),))
    encoded = model.encoder.encode(group.prompt, texts)
    said = merge(told_apart(group, [one.key for one in encoded]))
    batch = make_batch([encoded], [said])
    accumulate_gradients(model, batch, Objective(TrainConfig()), token_budget=99, graph_budget=999)
    assert sum(counted) == 2
    got = [parameter.grad.clone() for parameter in model.network.parameters()]
    rewards = torch.cat([model.rewards([each]) for each in encoded])
    loss = -torch.nn.functional.logsigmoid(rewards[[0, 2]] - rewards[1]).mean()
    model.network.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    wanted = [parameter.grad for parameter in model.network.parameters()]
    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-4)


def test_the_service_computes_equal_completions_once_and_answers_each(save: Save) -> None:
    scorer = Scorer(save("model", 1)[0], choose_device(1))
    sequences = scorer.encode(
        Group("1", "test", (Message("user", "chess"),), ("go", "please", "go", "never", "go"), ())
    )
    batcher = Batcher(token_budget=8)  # one sequence a batch
    try:
        logits = batcher.submit(scorer, sequences).result(timeout=30).logits
    finally:
        batcher.end()
    assert logits[0].tolist() == logits[2].tolist() == logits[4].tolist()
    torch.testing.assert_close(logits, scorer.forward(sequences).logits, atol=1e-5, rtol=0)
    assert distinct(sequences) == ([0, 1, 3], [0, 1, 0, 2, 0])


def test_an_evaluation_of_equal_texts_says_that_there_is_nothing(save: Save, write_rows: Write) -> None:
    folder = str(save("model", 1)[0])
    alike = [row(f"p{n}", [LONG + "help", LONG + "go"], [1, 2], split="test") for n in range(3)]
    with pytest.raises(DataError, match="3 of texts that the model reads alike"):
        evaluate_file(folder, write_rows(alike))
    report = evaluate_file(folder, write_rows([*alike, row("q", ["please", "never"], [1, 2], split="test")]))
    assert (report["n_pairs"], report["n_alike"]) == (1, 3)


def test_a_subset_counts_the_pairs_that_the_model_tells_apart(save: Save, write_rows: Write) -> None:
    """Of a file of preferences whose long answers are cut to the same; a subset of nothing else is left out."""
    folder = str(save("model", 1)[0])
    rows = [{"prompt": f"learn {n}", "chosen": "please", "rejected": "never", "subset": "chat"} for n in range(3)]
    alike = {"prompt": "learn", "chosen": LONG + "help", "rejected": LONG + "go"}
    rows[1:1] = [{**alike, "subset": "long"}, {**alike, "subset": "chat"}]
    rows.append({**rows[0], "prompt": "chess", "subset": "code"})
    report = evaluate_file(folder, write_rows(rows))
    assert [(part["subset"], part["n"]) for part in report["subsets"]["parts"]] == [("chat", 3), ("code", 1)]
    assert (report["n_pairs"], report["n_alike"]) == (4, 2)


@pytest.mark.parametrize("depth", ["head", "full"])
def test_a_run_on_texts_that_are_cut_to_the_same_is_refused(
    depth: str, tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    rows = [each for each in make_rows(60) if each["split"] != "train"]
    rows += [row(f"long{n}", [LONG + "help", LONG + "go"], [1, 2]) for n in range(30)]
    config = TrainConfig(backbone=str(tiny_bert), depth=depth, max_length=32, threads=1, min_pairs=20)
    with pytest.raises(DataError, match=r"(?s)train split is empty.*30 alike.*30 comparisons of equal inputs"):
        train(write_rows(rows), tmp_path / "out", config)
