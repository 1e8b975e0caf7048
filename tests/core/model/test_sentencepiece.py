"""A tokenizer that is kept as sentencepiece's own file alone, as DeBERTa-v3's is."""

import json
from pathlib import Path

import pytest

from tests.core.tiny.backbones import WORDS

CONFIG = {
    "model_type": "deberta-v2", "vocab_size": 128, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 64, "type_vocab_size": 0, "relative_attention": True,
    "position_buckets": 32, "share_att_key": True, "pos_att_type": "p2c|c2p", "position_biased_input": False,
    "norm_rel_ebd": "layer_norm", "pad_token_id": 0,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, needs_torch: None) -> Path:
    """What the hub has of DeBERTa-v3: config.json, tokenizer_config.json, spm.model and pytorch_model.bin."""
    import sentencepiece
    import torch
    from transformers import AutoConfig, DebertaV2ForMaskedLM

    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False, "vocab_type": "spm"}))
    marks = {"pad": "[PAD]", "bos": "[CLS]", "eos": "[SEP]", "unk": "[UNK]"}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS[place : place + 9]) for place in range(50)] * 4),
        model_prefix=str(tmp_path / "spm"),
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
        **{f"{name}_piece": piece for name, piece in marks.items()},
        **{f"{name}_id": place for place, name in enumerate(marks)},
    )
    network = DebertaV2ForMaskedLM(AutoConfig.from_pretrained(tmp_path))
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    return tmp_path


def test_it_is_read_as_a_fast_one(folder: Path) -> None:
    from rewardtrain.core.data.groups import Message
    from rewardtrain.core.device import choose_device
    from rewardtrain.core.model.loading import load_backbone

    model = load_backbone(str(folder), max_length=32, device=choose_device(1))
    (sequence,) = model.encoder.encode((Message("user", "ba be"),), ["bi bo"])
    names = model.encoder.tokenizer.convert_ids_to_tokens(sequence.ids.tolist())
    assert names[0] == "[CLS]"
    assert names.count("[SEP]") == 2
    assert "[UNK]" not in names
