"""A tiny BERT and a tiny Llama made on the spot, and rankings that even they can learn.

torch is imported by what needs it: the tests that don't are run by `make check` as well.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from tests.core.tiny.finished import Save

TOPICS = ["how", "do", "i", "bake", "bread", "learn", "chess"]
WORDS = ["please", "gladly", "help", "you", "with", "this", "never", "go", "away", "stupid", "question", "answer"]
INPUTS = ["input_ids", "token_type_ids", "attention_mask"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<s>", "</s>", ":"]
TOKENS = dict.fromkeys([*SPECIAL, *TOPICS, *WORDS, "user", "assistant", *"abcdefghijklmnopqrstuvwxyz"])
VOCABULARY = {token: index for index, token in enumerate(TOKENS)}
TEMPLATE = "{% for m in messages %}{{ m.role }} : {{ m.content }} </s> {% endfor %}{% if add_generation_prompt %}assistant : {% endif %}"  # noqa: E501


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _signals_stay_as_they_were() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _tokenizer(**special: Any) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", model_max_length=64, **special)


@pytest.fixture(scope="session")
def tiny_bert(needs_torch: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of 2 layers with hidden size 32, that reads 64 tokens."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("tiny-bert")
    tokenizer = _tokenizer(pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", model_input_names=INPUTS)
    tokenizer.backend_tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    model = BertForSequenceClassification(config)
    model.bert.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_llama(needs_torch: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of 2 layers with no padding token and no chat template."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    folder = tmp_path_factory.mktemp("tiny-llama")
    tokenizer = _tokenizer(bos_token="<s>", eos_token="</s>")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", VOCABULARY["<s>"])]
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    LlamaForSequenceClassification(config).model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def chat(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Llama with a chat template."""
    from transformers import AutoTokenizer

    folder = shutil.copytree(tiny_llama, tmp_path_factory.mktemp("chat") / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def save(tiny_bert: Path, tmp_path: Path) -> Save:
    """save(name, seed): a folder of one backbone whose head is drawn by the seed, and the model with raw logits."""
    from tests.core.tiny.finished import finish

    def make(
        name: str,
        seed: int,
        *,
        head: str = "scalar",
        share: bool = True,
        heads: Any = None,
        base: Path = tiny_bert,
    ) -> tuple[Path, Any]:
        backbone = tmp_path / f"{base.name}.safetensors" if share else None
        raw = finish(tmp_path / name, base=base, seed=seed, head=head, heads=heads, backbone=backbone)
        return tmp_path / name, raw

    return make


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., list[dict[str, Any]]]:
    """make_rows(n): n prompts with 2 to 4 completions, the more polite ranked higher; every tenth a test prompt."""

    def make(n: int, seed: int = 0) -> list[dict[str, Any]]:
        random_ = random.Random(seed)
        texts = ["please gladly help you", "answer this question", "never", "go away stupid question"]
        rows = []
        for index in range(n):
            size = random_.randint(2, 4)
            ranks = sorted(random_.sample(range(1, 5), size))
            random_.shuffle(ranks)
            words = " ".join(random_.choices(TOPICS, k=random_.randint(2, 12)))
            split = {0: "test", 1: "validation"}.get(index % 5, "train")
            rows.append(
                {
                    "id": f"p{index}",
                    "split": split,
                    "prompt": f"{chr(97 + index % 26)} {chr(97 + index // 26)} {words}",
                    "completions": [{"id": str(place), "text": texts[rank - 1]} for place, rank in enumerate(ranks)],
                    "rankings": [{"labeler": "ann", "ranks": ranks}],
                }
            )
        return rows

    return make


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    def write(rows: list[Any], name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write
