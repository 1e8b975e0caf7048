import json
import math
import os
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rewardtrain.core.config import TrainConfig, parse_value
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


# Each setting: the values at the edges of what it may be, and those just beyond.
EDGES: dict[str, tuple[list[Any], list[Any]]] = {
    "backbone": (["a", "owner/name"], ["", " "]),
    "backbone_name": (["a", None], ["", " \n"]),
    "depth": (["full", "head"], ["heads", ""]),
    "head": (["scalar", "binary"], ["pair"]),
    "ties": (["drop", "half", "davidson"], ["Drop"]),
    "margin": (["none", "gap", "strength"], ["rank"]),
    "weight": (["none", "strength"], ["gap"]),
    "margin_scale": ([0.0, 9.5], [-0.01, math.inf, math.nan]),
    "label_smoothing": ([0.0, 0.49], [-0.01, 0.5, math.nan]),
    "centering": ([0.0, 2.0], [-0.01, math.inf, math.nan]),
    "flag_weight": ([0.0, 3.0], [-0.01, math.inf, math.nan]),
    "patience": ([0], [-1]),
    "dtype": (["auto", "float32", "bfloat16", "float16"], ["float64"]),
    "optimizer": (["adamw", "adamw_8bit"], ["adam"]),
    "quantize": (["none"], ["int8"]),  # nf4 stands below adapters alone
    "attention": (["auto", "flash"], ["sdpa"]),
    "kernels": (["none", "liger"], ["triton"]),
    "lora_rank": ([0, 1], [-1]),
    "train_layers": ([None, 0, 3], [-1]),
    "processes": ([1, 2], [0]),
    "ensemble": ([0, 2], [1, -2]),
    "l2": ([None, 1e-9], [0.0, -1.0, math.inf, math.nan]),
    "max_length": ([8], [7]),
    "epochs": ([1], [0]),
    "learning_rate": ([1e-9], [0.0, math.inf, math.nan]),
    "head_learning_rate": ([1e-9], [0.0, math.inf, math.nan]),
    "weight_decay": ([0.0], [-0.01, math.inf, math.nan]),
    "warmup_ratio": ([0.0, 0.99], [-0.01, 1.0, math.nan]),
    "batch_prompts": ([1], [0]),
    "token_budget": ([None, 1], [0]),
    "graph_budget": ([0], [-1]),
    "eval_every": ([1], [0]),
    "checkpoint_every": ([1], [0]),
    "seed": ([0, 2**32 - 1], [-1, 2**32]),
    "threads": ([None, 1], [0]),
    "bootstrap_samples": ([100], [99]),
    "min_pairs": ([1], [0]),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_setting_may_be_what_its_rule_says_and_nothing_beyond(name: str) -> None:
    right, wrong = EDGES[name]
    for value in right:
        assert getattr(TrainConfig(**{name: value}), name) == value
    for value in wrong:
        with pytest.raises(ConfigError, match=rf"^{name} is .*; it must be "):
            TrainConfig(**{name: value})


def test_every_setting_that_is_no_switch_and_no_name_has_its_edges_above() -> None:
    free = {"flag", "flag_positive", "rewrites", "gradient_checkpointing", "compile"}
    assert {field.name for field in fields(TrainConfig)} == EDGES.keys() | free


@pytest.mark.parametrize(
    ("clash", "mended", "words"),
    [
        ({"depth": "head", "centering": 0.1}, {"centering": 0.0}, "set centering=0"),
        ({"ties": "davidson", "margin": "gap"}, {"margin": "none"}, "set margin=none"),
        ({"ties": "davidson", "weight": "strength"}, {"weight": "none"}, "set weight=none"),
        ({"ties": "davidson", "margin": "strength"}, {"ties": "half"}, "set margin=none or another ties"),
        ({"flag": "rude"}, {"head": "binary"}, "set head=binary"),
        ({"flag_positive": False}, {"head": "binary"}, "set head=binary"),
        ({"head": "binary", "flag_weight": 0.0}, {"head": "scalar"}, "set head=scalar"),
        ({"depth": "head", "lora_rank": 4}, {"depth": "full"}, "set depth=full"),
        ({"depth": "head", "train_layers": 0}, {"depth": "full"}, "set depth=full"),
        ({"depth": "head", "processes": 2}, {"processes": 1}, "set processes=1"),
        ({"quantize": "nf4"}, {"lora_rank": 16}, "set lora_rank=16, say, or quantize=none"),
        ({"quantize": "nf4", "lora_rank": 2, "processes": 2}, {"processes": 1}, "set processes=1"),
        ({"optimizer": "adamw_8bit", "processes": 2}, {"optimizer": "adamw"}, "or quantize=none and optimizer=adamw"),
        ({"optimizer": "adamw_8bit", "depth": "head"}, {"depth": "full"}, "set depth=full"),
        ({"kernels": "liger", "depth": "head"}, {"depth": "full"}, "set depth=full"),
        ({"attention": "flash", "dtype": "float32"}, {"dtype": "bfloat16"}, "set dtype=bfloat16"),
        ({"lora_rank": 1, "train_layers": 0}, {"train_layers": None}, "set train_layers=null"),
    ],
)
def test_settings_that_clash_are_refused_and_what_is_advised_mends_them(
    clash: dict[str, Any], mended: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        TrainConfig(**clash)
    config = TrainConfig(**{**clash, **mended})
    assert all(getattr(config, key) == value for key, value in mended.items())


def test_many_unknown_settings_are_not_all_named() -> None:
    with pytest.raises(ConfigError) as refused:
        TrainConfig.from_dict({f"z{place:03}": 1 for place in range(500)} | {"y" * 300: 1})
    words = str(refused.value)
    assert words.count("'z0") == 19
    assert words.index("'yyy") < words.index("'z000'"), "in alphabetical order"
    assert "y" * 80 not in words


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ('"7"', "7"),
        ("minilm", "minilm"),
        ("", ""),
        ("[1]", [1]),
    ],
)
def test_a_value_on_the_command_line_is_json_or_its_own_text(text: str, value: object) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_a_whole_number_is_a_number_and_a_truth_value_is_none() -> None:
    config = TrainConfig.from_dict({"weight_decay": 1, "l2": 2})
    assert (type(config.weight_decay), type(config.l2)) == (float, float)
    for name in ("weight_decay", "l2", "seed", "threads"):
        with pytest.raises(ConfigError, match=f"{name} is True, a bool; it must be"):
            TrainConfig.from_dict({name: True})
    with pytest.raises(ConfigError, match="compile is 1, a int; it must be bool"):
        TrainConfig.from_dict({"compile": 1})


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json' can't be read: No such file"):
        TrainConfig.read(tmp_path / "nowhere.json", [])


def test_an_override_keeps_what_follows_its_first_equals_sign() -> None:
    assert TrainConfig.read(None, [" backbone =models/a=b"]).backbone == "models/a=b"


def test_a_name_nobody_gave_is_not_written() -> None:
    assert "backbone_name" not in TrainConfig().to_dict()
    assert TrainConfig(backbone_name="mine").to_dict()["backbone_name"] == "mine"


# --- What files say of the backbone, and which runs they take for the same --------------------------------------------


@pytest.mark.parametrize(
    ("backbone", "name", "written"),
    [
        ("minilm", None, "minilm"),
        ("owner/model", None, "owner/model"),
        ("/srv/models/mine", None, "mine"),
        ("/srv/models/mine/", None, "mine"),
        ("./mine", None, "mine"),
        ("~/models/mine", None, "mine"),
        ("a/b/c", None, "c"),
        ("/", None, "/"),
        ("/srv/models/mine", "reader", "reader"),
        ("minilm", "reader", "reader"),
    ],
)
def test_files_hold_a_backbones_name_and_no_folder(backbone: str, name: str | None, written: str) -> None:
    values = TrainConfig(backbone=backbone, backbone_name=name).written()
    assert values["backbone"] == written
    assert "backbone_name" not in values
    assert len(values) == len(fields(TrainConfig)) - 1


def test_a_folder_of_one_word_is_one_where_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`minilm` is ours even so."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "minilm"):
        (tmp_path / name).mkdir()
    for name in ("mine", "other", "minilm"):
        path = TrainConfig(backbone=name).identity("d")["backbone_path_sha256"]
        assert path == (sha256(os.fsencode(tmp_path / name)).hexdigest() if name == "mine" else None)


def test_two_folders_of_one_name_are_two_backbones_unless_they_are_named() -> None:
    here, there = TrainConfig(backbone="/here/twin"), TrainConfig(backbone="/there/twin")
    assert here.written() == there.written()
    assert here.identity("d") != there.identity("d")
    assert "backbone_path_sha256 was" in there.differences(here.identity("d"), "d")
    named = [replace(each, backbone_name="twin") for each in (here, there)]
    assert named[0].identity("d") == named[1].identity("d")
    assert named[0].differences(named[1].identity("d"), "d") == ""


def test_differences_name_the_setting_with_both_values_and_the_data() -> None:
    made = TrainConfig(epochs=2).identity("one")
    assert TrainConfig(epochs=2).differences(made, "one") == ""
    assert TrainConfig(epochs=3).differences(made, "one") == "epochs was 2, is 3"
    assert TrainConfig(epochs=2).differences(made, "two") == "data was 'one', is 'two'"


def test_a_run_of_an_earlier_version_is_the_same_run() -> None:
    """It wrote the folder itself and no hash of it."""
    config = TrainConfig(backbone="/srv/models/mine")
    made = config.identity("d")
    del made["backbone_path_sha256"]
    made["backbone"] = "/srv/models/mine"
    assert config.differences(made, "d") == ""
    del made["weight"]  # a setting that there wasn't yet
    assert config.differences(made, "d") == ""
    assert replace(config, weight="strength").differences(made, "d") == "weight was 'none', is 'strength'"
    assert "backbone was '/srv/models/other'" in config.differences({**made, "backbone": "/srv/models/other"}, "d")
