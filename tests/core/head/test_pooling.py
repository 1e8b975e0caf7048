from pathlib import Path

import pytest
import torch
from transformers import RobertaConfig, RobertaForSequenceClassification

from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import Message
from rewardtrain.core.device import choose_device
from rewardtrain.core.head.pooling import pool
from rewardtrain.core.model.gradients import predict
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.network import RewardModel, output_layer


def load(folder: Path) -> RewardModel:
    torch.manual_seed(3)
    return load_backbone(str(folder), max_length=32, device=choose_device(1))


def sequences(model: RewardModel) -> list[Encoded]:
    return [
        *model.encoder.encode([Message("user", "how do i bake bread")], ["please gladly help you", "never"]),
        *model.encoder.encode([Message("user", "chess")], ["go away stupid question"]),
    ]


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_llama"])
def test_the_output_layer_makes_the_logits_of_the_features(kind: str, request: pytest.FixtureRequest) -> None:
    model = load(request.getfixturevalue(kind))
    encoded = sequences(model)
    with torch.no_grad():
        features, logits = model.features(encoded), model.logits(encoded)
        assert features.shape == (3, 32)
        torch.testing.assert_close(output_layer(model.network)[1](features), logits, atol=1e-6, rtol=0)


def test_a_pooled_bert_reads_the_mean_over_the_tokens_of_a_middle_layer(tiny_bert: Path) -> None:
    """By hand: of two layers the second becomes the mean of the first's states, padding left out."""
    model = load(tiny_bert)
    encoded = sequences(model)
    wanted = []
    with torch.no_grad():
        for sequence in encoded:
            ids, types = torch.tensor(sequence.ids)[None].long(), torch.tensor(sequence.types)[None].long()
            states = model.network.bert(ids, token_type_ids=types, output_hidden_states=True).hidden_states[1][0]
            mixed = 10 * states.mean(dim=0) + states[0]
            wanted.append(torch.tanh(torch.nn.functional.layer_norm(mixed, (32,)) / 16))
        assert pool(model.network)
        torch.testing.assert_close(model.features(encoded), torch.stack(wanted), atol=1e-5, rtol=0)


def test_a_pooled_network_is_a_plain_one_of_its_class(tiny_bert: Path, tmp_path: Path) -> None:
    model = load(tiny_bert)
    pool(model.network)
    model.network.save_pretrained(tmp_path)
    again = type(model.network).from_pretrained(tmp_path).eval()
    encoded = sequences(model)
    for sequence, logits in zip(encoded, predict(model, encoded, token_budget=1), strict=True):
        ids, types = torch.tensor(sequence.ids)[None].long(), torch.tensor(sequence.types)[None].long()
        with torch.no_grad():
            torch.testing.assert_close(again(ids, token_type_ids=types).logits[0], logits, atol=1e-5, rtol=0)


def test_roberta_is_pooled_before_its_classification_head() -> None:
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16, num_labels=1
    )
    network = RobertaForSequenceClassification(config).eval()
    ids = torch.tensor([[0, 5, 6, 7, 2]])
    with torch.no_grad():
        states = network.roberta(ids, output_hidden_states=True).hidden_states[2][0]
        mixed = torch.nn.functional.layer_norm(10 * states.mean(dim=0) + states[0], (8,))
        assert pool(network)
        wanted = output_layer(network)[1](torch.tanh(mixed / 16))
        torch.testing.assert_close(network(ids).logits[0], wanted, atol=1e-5, rtol=0)


def test_a_decoder_is_left_as_it_is(tiny_llama: Path) -> None:
    model = load(tiny_llama)
    before = predict(model, sequences(model), token_budget=64)
    assert not pool(model.network)
    assert torch.equal(before, predict(model, sequences(model), token_budget=64))
