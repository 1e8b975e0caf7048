"""A frozen encoder that reads out a mean over tokens, written in the weights of its own class.

A linear head on a frozen encoder wants another reading than the one that pretraining left: the mean over all tokens of
a layer two thirds up, not the first token of the last (figures in decisions/0053-head-features.md; that middle layers
serve best is known, Skean et al. 2025, arXiv 2502.02013). A transformer layer can compute that mean itself, so the
folder stays a plain one of its class and loads anywhere.
"""

from typing import Any

import torch
from torch import nn

_POOLABLE = (
    "bert",
    "roberta",
    "xlm-roberta",
    "camembert",
)  # post-norm, then tanh(dense(first token))
_MEAN_SHARE = 10.0  # how much the mean outweighs the first token's own state, which the residual connection adds
_TANH_SCALE = 1 / 16  # small: tanh is linear there; not smaller, so that half precision still holds the features


def pool(network: Any) -> bool:
    """Make a sequence classifier's output layer read LN(10 * mean over tokens + first token) of a layer two thirds up.

    The layers above it are dropped and the one next to it becomes the mean: attention without query and key is uniform
    over the tokens that aren't padding; value and output are the identity; the feed-forward part adds nothing. Then the
    pooler's dense layer is the identity over 16, where its tanh is linear to 2 % even at 4 standard deviations.
    Changes the network in place. Returns False, and changes nothing, where the class is not known: such a network keeps
    its own reading (a decoder's is the last token's state, which is what its pretraining made good).
    """
    if network.config.model_type not in _POOLABLE:
        return False
    encoder = network.base_model.encoder
    count = len(encoder.layer)
    keep = min(round(count * 2 / 3), count - 1)
    encoder.layer = encoder.layer[: keep + 1]
    network.config.num_hidden_layers = keep + 1
    with torch.no_grad():
        _average(encoder.layer[keep])
        _identity(network.bert.pooler.dense if hasattr(network, "bert") else network.classifier.dense, _TANH_SCALE)
    return True


def _average(layer: Any) -> None:
    attention, output = layer.attention, layer.output
    for linear in (attention.self.query, attention.self.key, layer.intermediate.dense, output.dense):
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    _identity(attention.self.value, 1.0)
    _identity(attention.output.dense, _MEAN_SHARE)
    for norm in (attention.output.LayerNorm, output.LayerNorm):
        nn.init.ones_(norm.weight)
        nn.init.zeros_(norm.bias)


def _identity(linear: nn.Linear, scale: float) -> None:
    linear.weight.copy_(torch.eye(len(linear.weight)) * scale)
    nn.init.zeros_(linear.bias)
