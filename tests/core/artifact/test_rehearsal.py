"""The end of a run, tried out before its first step."""

from pathlib import Path
from typing import Any

import pytest
import torch

from rewardtrain.core.artifact.rehearsal import rehearse
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import BackboneError
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.network import RewardModel


@pytest.fixture
def model(tiny_bert: Path) -> RewardModel:
    return load_backbone(str(tiny_bert), max_length=32, device=choose_device(1))


def test_a_model_that_would_come_back_is_let_through_and_nothing_is_left(model: RewardModel, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    rehearse(model, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_a_model_that_its_folder_does_not_hold_is_refused(model: RewardModel, tmp_path: Path) -> None:
    """What a hook does is in no file."""

    def double(module: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
        return output * 2

    model.network.bert.embeddings.register_forward_hook(double)
    with pytest.raises(BackboneError, match="ForSequenceClassification is another one when it was written"):
        rehearse(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_can_not_be_written_is_refused(model: RewardModel, tmp_path: Path) -> None:
    model.network.config.id2label = {0: object()}
    with pytest.raises(BackboneError, match=r"can't be written and read again \(TypeError: .*; choose another back"):
        rehearse(model, tmp_path)
    assert list(tmp_path.iterdir()) == []
