"""What can be said of a network and its tokenizer before a text goes through."""

from typing import Any

import torch
from torch import nn

from rewardtrain.core.errors import BackboneError

_NOT_ITS_OWN = "give the tokenizer that belongs to the network"


def require_fit(what: str, network: Any, tokenizer: Any, *, pad_id: int | None) -> None:
    """Raise BackboneError where the tokenizer gives numbers that the network has no embedding for.

    pad_id: the padding token by the network's own config, which some networks count positions by.
    """
    rows = embedded_words(what, network)
    used = set(tokenizer("a")["input_ids"]) | {tokenizer.pad_token_id, tokenizer.eos_token_id} - {None}
    marks = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special} - used
    beyond = {token: id_ for token, id_ in tokenizer.get_vocab().items() if id_ >= rows and id_ not in marks}
    if beyond:  # a mark for pictures that no text holds may be among the rest, as in Gemma 3 without them
        token, number = min(beyond.items(), key=lambda item: item[1])
        advice = f"resize_token_embeddings({max(beyond.values()) + 1}) and save it again, or {_NOT_ITS_OWN}"
        raise BackboneError(f"{what} embeds {rows} tokens, but {token!r} of its tokenizer is number {number}; {advice}")
    segments = tokenizer("a", "a").get("token_type_ids") or [0]
    for name, module in network.named_modules():
        if not isinstance(module, nn.Embedding):
            continue
        if name.endswith("token_type_embeddings") and max(segments) >= module.num_embeddings:
            seen = f"{what} embeds {module.num_embeddings} segments, but its tokenizer gives {sorted(set(segments))}"
            raise BackboneError(f"{seen}; {_NOT_ITS_OWN}")
        if _counts_from_padding(name, module) and pad_id not in (None, tokenizer.pad_token_id):
            seen = f"{what} pads with token {pad_id}, but its tokenizer with {tokenizer.pad_token_id}"
            raise BackboneError(f"{seen}, {tokenizer.pad_token!r}; {_NOT_ITS_OWN}")


def require_padding(what: str, config: Any, tokenizer: Any) -> None:
    """Raise BackboneError where the padding token was added to the tokenizer alone."""
    words, number = getattr(config, "vocab_size", None), tokenizer.pad_token_id
    if isinstance(words, int) and number >= words:
        seen = f"{what} embeds {words} tokens, but {tokenizer.pad_token!r}, which its tokenizer pads with, is {number}"
        raise BackboneError(f"{seen}; resize_token_embeddings({number + 1}) and save it again, or pad with another")


def require_trunk(what: str, network: Any, info: dict[str, Any]) -> None:
    """Raise BackboneError where the files hold no weights, or others, for what stands below the head.

    info: what from_pretrained says of its loading. A pooler may be missing, as in what a masked language model leaves.
    """
    trunk = dict(network.base_model.named_parameters(prefix=network.base_model_prefix))
    others = [key for key, *_ in info["mismatched_keys"] if key in trunk]
    if others:
        seen = f"{others[0]} has another shape in its files than the {list(trunk[others[0]].shape)} of its config.json"
        raise BackboneError(f"{what} is not of one piece: {seen}; give config.json and weights of one model")
    missing = [key for key in info["missing_keys"] if key in trunk and "pooler" not in key]
    if missing:
        seen = f"{len(missing)} of {len(trunk)} weights of a {type(network).__name__} are missing, as {min(missing)}"
        raise BackboneError(f"{what} is not of one piece: {seen}; give config.json and weights of one model")


def embedded_words(what: str, network: Any) -> int:
    """Counts how many tokens the network has an embedding for. Raises BackboneError where it has no table of them."""
    try:
        return int(network.get_input_embeddings().weight.shape[0])  # I-BERT's is no nn.Embedding
    except (NotImplementedError, AttributeError) as error:
        kind = type(network).__name__
        raise BackboneError(f"{what} is a {kind}, which has no table of tokens; choose another backbone") from error


def longest_input(network: Any, tokenizer: Any) -> int | None:
    """Tells how many tokens a network reads; None where neither it nor its tokenizer says.

    RoBERTa and its kin have two positions more than they use: theirs begin after the padding token's number.
    """
    limits = [getattr(network.config.get_text_config(), "max_position_embeddings", None), tokenizer.model_max_length]
    for name, module in network.named_modules():
        if isinstance(module, nn.Embedding) and _counts_from_padding(name, module):
            limits.append(module.num_embeddings - int(module.padding_idx or 0) - 1)
    return min((value for value in limits if isinstance(value, int) and 0 < value < 10**9), default=None)


def _counts_from_padding(name: str, module: nn.Embedding) -> bool:
    return name.endswith("position_embeddings") and module.padding_idx is not None


def require_numbers(what: str, network: nn.Module) -> None:
    """Raise BackboneError naming a weight that is NaN or infinite."""
    for name, parameter in network.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            wrong = parameter[~torch.isfinite(parameter)]
            seen = f"{len(wrong)} of {parameter.numel()} numbers of {name} are not finite, the first is {wrong[0]}"
            raise BackboneError(f"{what} is damaged: {seen}; get its files again, or train it again")
