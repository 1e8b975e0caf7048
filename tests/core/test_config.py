import json
from pathlib import Path
from typing import Any

import pytest

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError


def test_a_config_survives_json() -> None:
    config = TrainConfig(epochs=3, threads=2, ties="half")
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_settings_on_the_command_line_go_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"epochs": 2, "learning_rate": 1, "backbone": "a/b"}')
    config = TrainConfig.read(path, ["epochs=4", "backbone=minilm", "threads=null"])
    assert (config.epochs, config.learning_rate, config.backbone, config.threads) == (4, 1.0, "minilm", None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epoch": 1, "lr": 2}, "unknown setting 'epoch', 'lr'; the settings are backbone"),
        ({"epochs": "2"}, "epochs is '2', a str; it must be int"),
        ({"epochs": 1.5}, "epochs is 1.5, a float; it must be int"),
        ({"epochs": True}, "epochs is True, a bool"),
        ({"epochs": 0}, "epochs is 0; it must be 1 or more"),
        ({"threads": "all"}, "threads is 'all', a str; it must be int or null"),
        ({"learning_rate": -1}, "learning_rate is -1.0; it must be a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"ties": "both"}, "ties is 'both'; it must be one of drop, half, davidson"),
        ({"head": "ternary"}, "head is 'ternary'; it must be one of scalar, binary"),
        ({"seed": -1}, "seed is -1; it must be at least 0"),
        ({"warmup_ratio": 1.0}, "warmup_ratio is 1.0"),
        (
            {"ties": "davidson", "margin": "gap"},
            "ties is 'davidson' and margin is 'gap'; .* set margin=none",
        ),
        ({"flag": "hateful"}, "flag is 'hateful' .* but head is 'scalar', which reads no flags; set head=binary"),
        ({"flag_positive": False}, "flag_positive False but head is 'scalar'"),
        ({"depth": "head", "centering": 0.1}, "centering is 0.1 but depth is 'head', .* set centering=0"),
        ({"head": "binary", "flag_weight": 0}, "head is 'binary' and flag_weight is 0.0, .* set head=scalar"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TrainConfig.from_dict(values)


def test_a_setting_without_a_value_is_named() -> None:
    with pytest.raises(ConfigError, match="--set got 'epochs'; write it as key=value"):
        TrainConfig.read(None, ["epochs"])


@pytest.mark.parametrize(("content", "words"), [("[1]", "holds a list"), ("{", "is not JSON")])
def test_a_wrong_settings_file_is_named(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=words):
        TrainConfig.read(path, [])
