"""Each export loaded by the library that it is for, and trained one step there."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from labeling.models import Project
from tests.factories import join, make_project, make_prompt, rank
from tests.labeling.data.exporting.asked import export, rows

pytestmark = [
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"),
]
OPENRLHF = Path(sys.prefix) / "openrlhf" / "openrlhf"
WORDS = ["Question", "Answer", "to", "?", *"abcdefghij", "user", "assistant", ":"]
TEMPLATE = (
    "{% for m in messages %}{{ m.role }} : {{ m.content }} </s> {% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)
ONE_STEP: dict[str, Any] = {
    "max_steps": 1, "per_device_train_batch_size": 4, "use_cpu": True, "bf16": False, "report_to": [],
    "save_strategy": "no", "disable_tqdm": True, "learning_rate": 1e-2, "gradient_checkpointing": False,
}  # fmt: skip


@pytest.fixture
def project(db: None) -> Project:
    """Some prompts of three completions, which two people ranked."""
    project = make_project(overlap=2)
    for _ in range(4):
        make_prompt(project, split="train", k=3)
    for ranks in ([1, 2, 3], [1, 3, 2]):
        labeler = join(project)
        for _ in range(4):
            rank(project, labeler, ranks)
    return project


@pytest.fixture(scope="module")
def tokenizer(needs_torch: None) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: place for place, word in enumerate(["[PAD]", "[UNK]", "<s>", "</s>", *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"unk_token": "[UNK]", "pad_token": "[PAD]", "bos_token": "<s>", "eos_token": "</s>"}
    made = PreTrainedTokenizerFast(tokenizer_object=words, **special)
    made.chat_template = TEMPLATE
    return made


def tiny(kind: str, tokenizer: Any) -> Any:
    """Makes a random Llama of a layer: of kind CausalLM or SequenceClassification."""
    import torch
    import transformers

    torch.manual_seed(7)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    tokens = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = transformers.LlamaConfig(vocab_size=len(tokenizer), num_labels=1, **size, **tokens)
    return getattr(transformers, f"LlamaFor{kind}")(config)


def loaded(project: Project, folder: Path, kind: str = "parquet", **asked: Any) -> Any:
    """Loads an export by `datasets`, which knows Arrow's streams by the name arrow."""
    from datasets import load_dataset

    path = folder / f"export.{asked.get('file_format', 'parquet')}"
    path.write_bytes(export(project, **{"file_format": "parquet", **asked}))
    return load_dataset(kind, data_files=str(path), split="train", cache_dir=str(folder / "cache"))


@pytest.mark.parametrize(("file_format", "kind"), [("jsonl", "json"), ("parquet", "parquet"), ("arrow", "arrow")])
@pytest.mark.parametrize(
    "asked",
    [
        {}, {"columns": "provenance"}, {"what": "rankings"}, {"what": "kto"}, {"layout": "nemo-rl"},
        {"layout": "openrlhf"}, {"rows": "merged"}, {"what": "rankings", "layout": "nemo-rl"},
    ],
)  # fmt: skip
def test_datasets_loads_every_row(
    project: Project, tmp_path: Path, file_format: str, kind: str, asked: dict[str, Any]
) -> None:
    found = loaded(project, tmp_path, kind, file_format=file_format, **asked)
    assert list(found) == rows(project, **asked)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_pandas_reads_csv_and_json_lines(project: Project, tmp_path: Path, compression: str) -> None:
    import pandas as pd

    path = tmp_path / ("pairs.gz" if compression == "gzip" else "pairs")
    path.write_bytes(export(project, file_format="csv", compression=compression))
    assert pd.read_csv(path, keep_default_na=False).to_dict("records") == rows(project)
    path.write_bytes(export(project, what="kto", compression=compression))
    assert pd.read_json(path, lines=True).to_dict("records") == rows(project, what="kto")


@pytest.mark.parametrize("layout", ["standard", "conversational"])
@pytest.mark.parametrize("trainer", ["Reward", "DPO", "KTO", "SFT"])
def test_trl_trains_a_step(project: Project, tmp_path: Path, tokenizer: Any, trainer: str, layout: str) -> None:
    import torch
    import trl

    what = {"Reward": "pairs", "DPO": "dpo", "KTO": "kto", "SFT": "sft"}[trainer]
    model = tiny("SequenceClassification" if trainer == "Reward" else "CausalLM", tokenizer)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    config = getattr(trl, f"{trainer}Config")(output_dir=str(tmp_path / "out"), max_length=64, **ONE_STEP)
    reference = {"ref_model": tiny("CausalLM", tokenizer)} if trainer in ("DPO", "KTO") else {}
    getattr(trl, f"{trainer}Trainer")(
        model=model,
        **reference,
        args=config,
        train_dataset=loaded(project, tmp_path, what=what, layout=layout),
        processing_class=tokenizer,
    ).train()
    after = list(model.parameters())
    assert all(torch.isfinite(each).all() for each in after)
    assert any(not torch.equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.fixture
def reward_dataset(monkeypatch: pytest.MonkeyPatch) -> Any:
    """openrlhf.datasets.reward_dataset. The packages around it import deepspeed and vllm, so here they are empty."""
    if not OPENRLHF.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"OpenRLHF is not in {OPENRLHF}; `make test` puts it there on Linux with Python 3.11")
    for name, folder in (("openrlhf", "."), ("openrlhf.utils", "utils"), ("openrlhf.datasets", "datasets")):
        package = ModuleType(name)
        package.__path__ = [str(OPENRLHF / folder)]
        monkeypatch.setitem(sys.modules, name, package)
    for name in ("openrlhf.utils.utils", "openrlhf.datasets.utils", "openrlhf.datasets.reward_dataset"):
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))
    return sys.modules["openrlhf.datasets.reward_dataset"]


@pytest.mark.parametrize("is_dpo", [False, True])
def test_openrlhf_s_dataset_reads_conversations_and_a_reward_model_learns_from_its_batch(
    project: Project, tmp_path: Path, tokenizer: Any, reward_dataset: Any, is_dpo: bool
) -> None:
    import torch

    keys = {"prompt_key": None, "chosen_key": "chosen", "rejected_key": "rejected", "apply_chat_template": True}
    strategy = SimpleNamespace(args=SimpleNamespace(data=SimpleNamespace(**keys)))
    found = loaded(project, tmp_path, layout="openrlhf")
    data = reward_dataset.RewardDataset(found, tokenizer, 64, strategy, is_dpo=is_dpo, num_processors=1)
    assert len(data) == len(rows(project))
    first = rows(project)[0]
    end = f"assistant : {first['chosen']} </s> "
    assert data.chosens[0] == (end.removeprefix("assistant : ") if is_dpo else f"user : {first['prompt']} </s> {end}")
    chosen, chosen_mask, rejected, rejected_mask, _ = data.collate_fn([data[0], data[1]])
    model = tiny("SequenceClassification", tokenizer)
    rewards = [
        model(ids.reshape(2, -1), attention_mask=mask.reshape(2, -1)).logits
        for ids, mask in ((chosen, chosen_mask), (rejected, rejected_mask))
    ]
    loss = -torch.nn.functional.logsigmoid(rewards[0] - rewards[1]).mean()
    loss.backward()
    assert model.score.weight.grad.abs().sum() > 0
