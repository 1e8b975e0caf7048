"""What a run's files call its backbone, and which runs they take for the same."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rewardtrain.core.__main__ import main
from rewardtrain.core.artifact.folder import describe_again, read_json, require_same
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.full.checkpoint import last_checkpoint
from tests.core.commands import events

SETTINGS = {"max_length": 32, "batch_prompts": 24, "dtype": "float32", "threads": 1, "bootstrap_samples": 100}


@pytest.mark.parametrize("depth", ["full", "head"])
def test_files_have_the_last_part_of_a_folder_or_its_name_in_the_settings(
    depth: str,
    tiny_bert: Path,
    make_rows: Callable[..., list[dict[str, Any]]],
    write_rows: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, out = write_rows(make_rows(60)), tmp_path / "out"
    one, other = (shutil.copytree(tiny_bert, tmp_path / place / "twin") for place in ("here", "there"))
    settings = [part for key, value in {**SETTINGS, "depth": depth}.items() for part in ("--set", f"{key}={value}")]

    def train(backbone: Path, *more: str) -> int:
        return main(["train", str(data), str(out), "--set", f"backbone={backbone}", *settings, *more])

    assert train(one) == train(one) == 0
    assert train(other) == 2
    assert "(backbone_path_sha256 was " in capsys.readouterr().err
    assert [event["config"]["backbone"] for event in events(out) if event["event"] == "start"] == ["twin"]
    describe_again(out / "model", read_json(out / "report.json"))
    for path in (path for path in out.rglob("*") if path.is_file()):
        assert str(tmp_path).encode() not in path.read_bytes(), path
    assert "`twin`" in (out / "model/README.md").read_text()

    shutil.rmtree(out)
    assert train(one, "--set", "backbone_name=model 3") == train(other, "--set", "backbone_name=model 3") == 0
    assert read_json(out / "model/podium.json")["backbone"] == "model 3"
    assert "| backbone | model 3 |" in (out / "model/README.md").read_text()
    assert not [path for path in out.rglob("*") if path.is_file() and str(tmp_path).encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("backbone", "written"),
    [
        ("minilm", "minilm"),
        ("owner/name", "owner/name"),
        ("/srv/models/mine", "mine"),
        ("/srv/models/mine/", "mine"),
        ("~/models/mine", "mine"),
        ("../mine", "mine"),
        ("a/b/mine", "mine"),
        ("mine", "mine"),
        ("/", "/"),
    ],
)
def test_what_is_written_of_a_backbone(backbone: str, written: str) -> None:
    assert TrainConfig(backbone=backbone).written()["backbone"] == written
    named = TrainConfig(backbone=backbone, backbone_name="model 3")
    assert named.written() == TrainConfig(backbone="model 3").written()
    assert TrainConfig.from_dict(named.to_dict()) == named
    with pytest.raises(ConfigError, match="backbone_name is ' '; it must be a name, or null"):
        TrainConfig(backbone=backbone, backbone_name=" ")


def earlier(folder: Path, backbone: str) -> None:
    """A finished model and a checkpoint as versions wrote them that knew no names."""
    made = {"data": "f00d", **TrainConfig(backbone=backbone).to_dict()}
    (folder / "step-3").mkdir(parents=True)
    info = {"step": 3, "metrics_bytes": 7, "run": made, "dtype": "float32"}
    (folder / "step-3" / "info.json").write_text(json.dumps(info))
    manifest = {"data": {"fingerprint": "f00d"}, "config": TrainConfig(backbone=backbone).to_dict()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", ["model 3", None])
@pytest.mark.parametrize("backbone", ["/srv/models/mine", "minilm", "owner/name"])
def test_a_run_of_before_goes_on(backbone: str, name: str | None, tmp_path: Path) -> None:
    earlier(tmp_path, backbone)
    config = TrainConfig(backbone=backbone, backbone_name=name)
    found = last_checkpoint(tmp_path, config, "f00d")
    assert found
    assert found.step == 3
    require_same(tmp_path, config, "f00d")
    for changed in (TrainConfig(backbone=backbone, epochs=2), TrainConfig(backbone="/srv/others/mine")):
        for differs in (
            lambda changed=changed: last_checkpoint(tmp_path, changed, "f00d"),
            lambda changed=changed: require_same(tmp_path, changed, "f00d"),
        ):
            with pytest.raises(ConfigError, match=r"epochs was 1, is 2|backbone was "):
                differs()
    with pytest.raises(ConfigError, match="data was 'f00d', is 'beef'"):
        last_checkpoint(tmp_path, config, "beef")
    same = last_checkpoint(tmp_path, config, "beef", ["0", "f00d"])  # but for names of labelers
    assert same == found
    require_same(tmp_path, config, "beef", ["f00d"])
