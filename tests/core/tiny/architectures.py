"""A tiny network of every architecture of transformers that has a head for sequence classification.

The kinds of tests/core/tiny/backbones.py, whose numbers make the odd cases, and the others by the numbers that their
configs share.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from tests.core.tiny.backbones import BACKBONES, BERT, CHAT, GPT, POSITIONS, RECURRENT, ROBERTA, T5, Backbone, Marks

# What configs call their sizes; of these a kind is given those that its config has.
_SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "emb_dim"), 16),
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layer", "n_layers", "num_decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "num_heads", "n_head", "n_heads"), 2),
    **dict.fromkeys(("encoder_layers", "decoder_layers", "encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "d_ff", "encoder_ffn_dim", "decoder_ffn_dim"), 32),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len", "sliding_window"), POSITIONS),
    **dict.fromkeys(("head_dim", "d_kv", "kv_channels"), 8),
    "num_key_value_heads": 1,
    # Mixtures of experts.
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 16),
    "num_experts_per_tok": 2,
    # Attention through a narrow layer, as DeepSeek's.
    **dict.fromkeys(("kv_lora_rank", "q_lora_rank", "v_head_dim"), 8),
    **dict.fromkeys(("qk_rope_head_dim", "qk_nope_head_dim"), 4),
    **dict.fromkeys(("n_group", "topk_group", "first_k_dense_replace"), 1),
    # Recurrence.
    **dict.fromkeys(("linear_num_value_heads", "linear_num_key_heads"), 2),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim"), 8),
    **dict.fromkeys(("mamba_d_state", "mamba_dt_rank"), 4),
}
_MARKS: dict[str, Marks] = {
    **dict.fromkeys(
        (
            "camembert", "data2vec-text", "ibert", "longformer", "luke", "xmod", "roberta-prelayernorm", "mra", "yoso",
            "xlm-roberta-xl", "jina_embeddings_v3", "gte", "mvp", "mbart", "plbart", "bigbird_pegasus", "layoutlmv3",
            "markuplm", "nystromformer", "esm", "esmc", "eurobert", "lilt", "deberta",
        ),
        ROBERTA,
    ),
    **dict.fromkeys(("mt5", "umt5"), T5),
    **dict.fromkeys(("gpt-sw3", "gpt_bigcode", "gpt_neo", "gptj", "mpt", "starcoder2", "openai-gpt", "ctrl"), GPT),
}  # fmt: skip
_TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
_PICTURES = {**_TOWER, "image_size": 32, "patch_size": 16}
_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
_GEMMA = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "max_position_embeddings": POSITIONS,
    "sliding_window": POSITIONS,
    "layer_types": ["sliding_attention", "full_attention"],
}
# What a kind wants besides, or otherwise.
_OWN: dict[str, dict[str, Any]] = {
    "big_bird": {"block_size": 4, "num_random_blocks": 1},
    "bigbird_pegasus": {"block_size": 4, "num_random_blocks": 1},
    "cohere_compass_text": {
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_parameters": dict.fromkeys(("sliding_attention", "full_attention"), _ROPE),
    },
    "convbert": {"embedding_size": 16},
    "ctrl": {"dff": 32},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "diffllama": {"num_key_value_heads": 2},
    "esmc": {"num_key_value_heads": 2},
    "funnel": {"architectures": ["FunnelModel"],  # one of two trunks that transformers has of it
               "block_sizes": [1, 1], "block_repeats": [1, 1], "num_decoder_layers": 1, "d_head": 8, "d_inner": 32},
    "markuplm": {"xpath_unit_hidden_size": 4, "max_xpath_tag_unit_embeddings": 4, "tag_pad_id": 3,
                 "max_xpath_subs_unit_embeddings": 4, "subs_pad_id": 3},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": POSITIONS},
    "gptj": {"rotary_dim": 4},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8, "num_experts": 2},
    "layoutlmv3": {"coordinate_size": 2, "shape_size": 4},
    "lilt": {"hidden_size": 48, "channel_shrink_ratio": 2},
    "longformer": {"attention_window": 8},
    "luke": {"entity_vocab_size": 8, "entity_emb_size": 8},
    "ministral": {"head_dim": 8},
    "mobilebert": {"intra_bottleneck_size": 8, "true_hidden_size": 8, "embedding_size": 8},
    "modernvbert": {"text_config": {**_TOWER, "max_position_embeddings": POSITIONS, "local_attention": 8},
                    "vision_config": _PICTURES},
    "nemotron": {"num_key_value_heads": 1},
    "perceiver": {"d_latents": 16, "num_latents": 8, "num_self_attends_per_block": 1},
    "reformer": {"attn_layers": ["local", "lsh"], "attention_head_size": 8, "feed_forward_size": 32,
                 "axial_pos_shape": [8, 8], "axial_pos_embds_dim": [8, 8], "local_attn_chunk_length": 8,
                 "lsh_attn_chunk_length": 8, "num_buckets": 2},
    "rembert": {"input_embedding_size": 8, "output_embedding_size": 8},
    "qwen3_5_text": RECURRENT,
    "roc_bert": {"pronunciation_embed_dim": 8, "pronunciation_vocab_size": 8, "shape_embed_dim": 8,
                 "shape_vocab_size": 8},
    "roformer": {"embedding_size": 16},
    "squeezebert": {"embedding_size": 16},
    "t5gemma": {"encoder": _GEMMA, "decoder": {**_GEMMA, "cross_attention_hidden_size": 16}},
    "t5gemma2": {"encoder": {"text_config": _GEMMA, "vision_config": _PICTURES}, "decoder": _GEMMA},
    "ultrabert": {"prediction_head_size": 16, "sliding_window": 8},
    "ultravbert": {"text_config": {**_TOWER, "num_key_value_heads": 1, "head_dim": 8, "prediction_head_size": 16,
                                   "max_position_embeddings": POSITIONS, "sliding_window": 8},
                   "vision_config": _PICTURES},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"layers_block_type": ["linear_attention", "hybrid", "hybrid"], "num_hidden_layers": 3,
              "attention_hidden_size": 32, "attention_head_dim": 16,
              "mamba_dt_rank": 4},
    "zamba2": {"layers_block_type": ["mamba", "hybrid", "hybrid"], "num_hidden_layers": 3,
               "attention_hidden_size": 32, "attention_head_dim": 16,
               "mamba_headdim": 8, "n_mamba_heads": 4, "chunk_size": 8, "adapter_rank": 4},
}  # fmt: skip


def architectures() -> list[str]:
    """Lists transformers' kinds of networks that classify sequences."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

    return list(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)


def tiny(kind: str) -> Backbone:
    """Makes the recipe of a kind: its tokenizer's marks and its sizes."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    if kind in BACKBONES:
        known = BACKBONES[kind]
        windows = {"sliding_window": POSITIONS} if "sliding_window" in known.numbers else {}
        return replace(known, numbers={**known.numbers, **windows})
    encoder = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    marks = _MARKS.get(kind, BERT if encoder else CHAT)
    return Backbone(kind, marks, {**_sizes(kind, marks), **_OWN.get(kind, {})})


def _sizes(kind: str, marks: Marks) -> dict[str, Any]:
    from transformers import AutoConfig

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = AutoConfig.for_model(kind).to_dict()
    sizes = {name: value for name, value in _SIZES.items() if known.get(name) is not None}
    if "kv_lora_rank" in sizes:  # its heads have a width of their own
        sizes.pop("head_dim", None)
        sizes["num_key_value_heads"] = 2
    if marks is ROBERTA and "max_position_embeddings" in sizes:  # positions follow the padding token's number
        sizes["max_position_embeddings"] = POSITIONS + 2
    return sizes
