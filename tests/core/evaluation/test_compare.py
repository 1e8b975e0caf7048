"""Models that were not made here, and several of them on the same pairs."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForSequenceClassification,
    LlamaForSequenceClassification,
)

from formats.wilson import wilson
from rewardtrain.core.__main__ import main
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import BackboneError
from rewardtrain.core.evaluation.compare import compare_scores
from rewardtrain.core.evaluation.evaluate import encode_groups, score_groups
from rewardtrain.core.evaluation.foreign import load_any
from rewardtrain.core.measures.report import Scores

Write = Callable[..., Path]
TEXTS = ("please gladly help you", "never")
GROUP = Group("p", "test", (Message("user", "how do i bake bread"),), TEXTS, ())
TEMPLATE = "{% for m in messages %}{{ m.role }} : {{ m.content }} </s> {% endfor %}"


def foreign(kind: type[Any], backbone: Path, folder: Path, *, labels: int) -> Path:
    """A classifier saved by plain transformers, with its tokenizer and no file of ours."""
    torch.manual_seed(9)
    model = kind.from_pretrained(backbone, num_labels=labels)
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    with torch.no_grad():
        list(model.children())[-1].weight.normal_(0, 2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def logits_of(folder: Path) -> np.ndarray[Any, Any]:
    model = load_any(str(folder), choose_device(1))
    return score_groups(model, encode_groups(model.encoder, [GROUP]), token_budget=64).logits


def plain(folder: Path, *inputs: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """What transformers itself makes of texts or of pairs of texts, one at a time."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        return np.concatenate([model(**tokenizer(*each, return_tensors="pt")).logits.numpy() for each in inputs])


@pytest.mark.parametrize("labels", [1, 2])
def test_an_encoders_logits_are_those_of_a_pair_in_plain_transformers(
    tiny_bert: Path, tmp_path: Path, labels: int
) -> None:
    folder = foreign(BertForSequenceClassification, tiny_bert, tmp_path, labels=labels)
    wanted = plain(folder, *[("how do i bake bread", text) for text in TEXTS])
    np.testing.assert_allclose(logits_of(folder), wanted, atol=1e-5)


def test_a_decoder_without_template_reads_prompt_and_answer_joined(tiny_llama: Path, tmp_path: Path) -> None:
    """As TRL and OpenRLHF write plain text: prompt + answer + eos."""
    folder = foreign(LlamaForSequenceClassification, tiny_llama, tmp_path, labels=1)
    wanted = plain(folder, *[(f"how do i bake bread{text} </s>",) for text in TEXTS])
    np.testing.assert_allclose(logits_of(folder), wanted, atol=1e-5)


def test_a_decoder_with_template_reads_the_dialogue_that_it_writes(tiny_llama: Path, tmp_path: Path) -> None:
    folder = foreign(LlamaForSequenceClassification, tiny_llama, tmp_path, labels=1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    wanted = []
    for text in TEXTS:
        turns = [{"role": "user", "content": "how do i bake bread"}, {"role": "assistant", "content": text}]
        with torch.no_grad():
            ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
            wanted.append(model(input_ids=ids).logits[0].numpy())
    np.testing.assert_allclose(logits_of(folder), wanted, atol=1e-5)


@pytest.mark.parametrize("head", ["score", "value_head"])
def test_openrlhfs_folder_loads_though_its_config_says_nothing_of_labels(
    tiny_llama: Path, tmp_path: Path, head: str
) -> None:
    folder = foreign(LlamaForSequenceClassification, tiny_llama, tmp_path / "trl", labels=1)
    other = Path(shutil.copytree(folder, tmp_path / "openrlhf"))
    config = json.loads((other / "config.json").read_text())
    for key in ("id2label", "label2id", "num_labels"):
        config.pop(key, None)
    (other / "config.json").write_text(json.dumps(config))
    weights = load_file(other / "model.safetensors")
    weights[f"{head}.weight"] = weights.pop("score.weight")
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    np.testing.assert_allclose(logits_of(other), logits_of(folder), atol=1e-6)


def test_a_backbone_without_a_trained_head_is_refused(tiny_bert: Path) -> None:
    with pytest.raises(BackboneError, match=r"has no weights for classifier\.bias.* not a trained"):
        load_any(str(tiny_bert), choose_device(1))


def test_three_labels_are_no_reward(tiny_bert: Path, tmp_path: Path) -> None:
    folder = foreign(BertForSequenceClassification, tiny_bert, tmp_path, labels=3)
    with pytest.raises(BackboneError, match="has 3 labels; a reward model has 1, or 2"):
        load_any(str(folder), choose_device(1))


def pair(prompt: str, chosen: str, rejected: str) -> Group:
    return Group(prompt, "test", (Message("user", prompt),), (chosen, rejected), (Ranking("ann", (1, 2)),))


def scores_of(*rewards: float) -> Scores:
    return Scores(np.array(rewards, dtype=np.float32)[:, None], [2] * (len(rewards) // 2), 0, 0, seconds=1.0)


def test_figures_differences_and_subsets_are_those_worked_out_by_hand() -> None:
    """Model one has margins ln 3, ln 3, -ln 3; model two 0, 0, 0. Subset x has the first two pairs, y the third."""
    groups = [pair("a", "long answer", "b"), pair("b", "c", "long answer"), pair("c", "long answer", "d")]
    ln3 = math.log(3)
    scores = {"one": scores_of(ln3, 0, ln3, 0, 0, ln3), "two": scores_of(0, 0, 0, 0, 0, 0)}
    got = compare_scores(groups, scores, ["x", "x", "y"], samples=200, seed=0)
    one, two = got["models"]
    assert got["n_pairs"] == 3
    assert got["baseline_longer"]["value"] == pytest.approx(2 / 3)
    assert (one["accuracy"]["value"], two["accuracy"]["value"]) == (pytest.approx(2 / 3), 0.5)
    loss = (2 * -math.log(3 / 4) - math.log(1 / 4)) / 3
    assert one["log_loss"]["value"] == pytest.approx(loss)
    assert one["difference"]["log_loss"] == {"value": 0.0, "low": None, "high": None}
    assert (one["accuracy"]["low"], one["accuracy"]["high"]) == pytest.approx(wilson(2 / 3, 2))
    assert two["difference"]["accuracy"]["value"] == pytest.approx(0.5 - 2 / 3)
    assert two["difference"]["log_loss"]["value"] == pytest.approx(math.log(2) - loss)
    parts = {part["subset"]: part for part in one["subsets"]["parts"]}
    assert (parts["x"]["accuracy"], parts["x"]["n"], parts["x"]["longer"]) == (1.0, 2, 0.5)
    assert (parts["y"]["accuracy"], parts["y"]["n"], parts["y"]["longer"]) == (0.0, 1, 1.0)
    assert one["subsets"]["average"]["value"] == 0.5
    assert one["subsets"]["longer"] == 0.75


def test_the_command_prints_one_table_and_writes_the_figures(
    tiny_bert: Path, tmp_path: Path, write_rows: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [foreign(BertForSequenceClassification, tiny_bert, tmp_path / name, labels=n) for name, n in
              (("one", 1), ("two", 2))]  # fmt: skip
    rows = [
        {"prompt": f"how do i {word}", "chosen": "please help", "rejected": "never", "subset": subset}
        for word, subset in (("bake", "chat"), ("learn", "chat"), ("chess", "hard"))
    ]
    out = tmp_path / "figures.json"
    assert main(["compare", *map(str, models), str(write_rows(rows)), "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "3 pairs of 3 prompts, 0 ties and 0 rows left out" in text
    for words in (*map(str, models), "longer wins 1.0000", "ln 2 = 0.6931", "average of subsets", "hard"):
        assert words in text
    assert [entry["model"] for entry in json.loads(out.read_text())["models"]] == list(map(str, models))


def test_evaluate_takes_such_a_model_and_such_a_file(
    tiny_bert: Path, tmp_path: Path, write_rows: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = foreign(BertForSequenceClassification, tiny_bert, tmp_path / "model", labels=2)
    row = {"prompt": "how do i bake", "chosen": "please help", "rejected": "never", "subset": "chat"}
    rows = [row, {**row, "prompt": "chess"}, {**row, "rejected": "please help"}]
    assert main(["evaluate", str(folder), str(write_rows(rows)), "--out", str(tmp_path / "report.json")]) == 0
    text = capsys.readouterr().out
    assert text.startswith("accuracy ")
    for words in ("longer wins 1.0000", "average of subsets", "1 rows left out: {'equal': 1, 'empty': 0}"):
        assert words in text
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["log_loss"] == report["log_loss_raw"]
    assert report["subsets"]["parts"][0]["n"] == 2


def test_a_model_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path / "gone"), str(tmp_path / "data.jsonl")]) == 2
    assert "data.jsonl' doesn't exist" in capsys.readouterr().err
    (tmp_path / "data.jsonl").write_text(json.dumps({"prompt": "a", "chosen": "b", "rejected": "c"}))
    assert main(["compare", str(tmp_path / "gone"), str(tmp_path / "data.jsonl")]) == 2
    assert "gone' doesn't exist; give a model folder or a Hugging Face id" in capsys.readouterr().err


def test_a_model_given_twice_is_refused(tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "a", "a", str(tmp_path / "data.jsonl")]) == 2
    assert "model 'a' is given twice" in capsys.readouterr().err
