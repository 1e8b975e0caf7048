"""python -m rewardtrain.core sweep."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rewardtrain.core.__main__ import main
from rewardtrain.core.artifact.folder import load_model, verify
from rewardtrain.core.artifact.shards import BACKBONE
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.evaluation.evaluate import evaluate_file
from rewardtrain.core.grid import _compare, format_sweep, make_points, parse_grid
from rewardtrain.core.measures.report import Scores

Rows = Callable[..., list[dict[str, Any]]]


def arguments(data: Path, out: Path, backbone: Path, *grid: str) -> list[str]:
    values = f"backbone={backbone} max_length=32 batch_prompts=4 threads=1 bootstrap_samples=100 dtype=float32"
    pairs = [("--set", value) for value in values.split()] + [("--grid", value) for value in grid]
    return ["sweep", str(data), str(out), *[part for pair in pairs for part in pair]]


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, make_rows: Rows) -> tuple[Path, list[str]]:
    """(out, arguments) of a sweep over a learning rate that learns nothing and one that does."""
    folder = tmp_path_factory.mktemp("sweep")
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_rows(100)))
    asked = arguments(data, folder / "out", tiny_bert, "learning_rate=1e-7,0.003", "head_learning_rate=1e-7,0.001")
    assert main(asked) == 0
    return folder / "out", asked


def test_the_point_that_learns_wins_on_the_validation_split(swept: tuple[Path, list[str]]) -> None:
    result = json.loads((swept[0] / "sweep.json").read_text())
    assert result["split"] == "validation"
    assert result["points"][0]["settings"]["learning_rate"] == 0.003
    assert len(result["points"]) == 4
    losses = [entry["log_loss"]["value"] for entry in result["points"]]
    assert losses == sorted(losses)
    assert result["clear"] is (result["points"][1]["difference"]["log_loss"]["low"] > 0)
    assert all(entry["seconds"] > 0 and entry["temperature"] > 0 for entry in result["points"])


@pytest.mark.parametrize(("n_prompts", "clear", "words"), [(2, None, "nobody can say"), (5, True, "more than noise")])
def test_over_few_prompts_nobody_can_say_which_point_is_better(n_prompts: int, clear: bool | None, words: str) -> None:
    """One point is right on every pair, the other one wrong."""
    points = make_points(TrainConfig(), {"seed": [0, 1]})
    ranking = (Ranking("ann", (1, 2)),)
    groups = [Group(f"{n}", "validation", (Message("user", f"{n}?"),), ("a", "b"), ranking) for n in range(n_prompts)]
    logits = np.array([1.0, 0.0] * n_prompts, dtype=np.float32)[:, None]
    scores = {
        point.label: Scores(sign * logits, [2] * n_prompts, 0, 0, 0.0)
        for point, sign in zip(points, (1, -1), strict=True)
    }
    result = _compare(points, groups, scores, TrainConfig(bootstrap_samples=100))
    assert result["clear"] is clear
    result["points"] = [{**entry, "folder": "out", "seconds": 1.0} for entry in result["points"]]
    assert words in format_sweep(result)


def test_only_the_winner_saw_the_test_split(swept: tuple[Path, list[str]]) -> None:
    out, asked = swept
    result = json.loads((out / "sweep.json").read_text())
    for entry in result["points"]:
        report = json.loads((out / entry["folder"] / "report.json").read_text())
        assert report["split"] == "validation"
        assert report["n_pairs"] == result["n_pairs"]
        assert report["log_loss"]["value"] == pytest.approx(entry["log_loss"]["value"])
    winner = out / result["points"][0]["folder"] / "model"
    wanted = evaluate_file(str(winner), Path(asked[1]))
    assert result["test"]["accuracy"] == wanted["accuracy"]
    assert f"| {wanted['accuracy']['value']:.4f} |" in (winner / "README.md").read_text()
    verify(winner)
    load_model(winner, choose_device(1))


def test_a_sweep_called_again_trains_nothing_and_says_the_same(
    swept: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    out, asked = swept

    def written() -> dict[Path, int]:
        paths = [*out.glob("points/*/metrics.jsonl"), *out.glob("points/*/model/*.safetensors")]
        return {path: path.stat().st_mtime_ns for path in paths}

    before = written()
    result = json.loads((out / "sweep.json").read_text())
    assert main(asked) == 0
    assert written() == before
    again = json.loads((out / "sweep.json").read_text())
    assert again["points"] == result["points"]
    text = capsys.readouterr().out
    for words in (
        "pairs of",
        "longer wins",
        "ln 2 = 0.6931",
        "winner: learning_rate=0.003",
        "noise",
        "the test split:",
    ):
        assert words in text


def test_other_data_is_another_sweep(
    swept: tuple[Path, list[str]], tmp_path: Path, make_rows: Rows, tiny_bert: Path
) -> None:
    out = swept[0]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_rows(60, seed=1)))
    assert main(arguments(data, out, tiny_bert, "learning_rate=0.003")) == 0
    result = json.loads((out / "sweep.json").read_text())
    assert result["clear"] is None
    assert len(list((out / "points").iterdir())) == 5


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ([], "the grid is empty"),
        (["epochs"], "--grid got 'epochs'"),
        (["epochs=1,2", "epochs=3"], "gives epochs twice"),
        (["epochs=1,1"], "has the point 'epochs=1' twice"),
        (["learning_rate=1,1.0"], "has the point 'learning_rate=1.0' twice"),
        (["epoch=1"], "unknown setting 'epoch'"),
        (["epochs=0"], "epochs is 0"),
        (["epochs=1,2,3,4,5", "seed=1,2,3,4,5,6,7,8,9,10,11,12,13"], "has 65 points; 64 are the most"),
    ],
)
def test_a_grid_that_cannot_be_meant_is_refused(grid: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_points(TrainConfig(), parse_grid(grid))


def test_without_validation_pairs_nothing_is_trained(
    tmp_path: Path, make_rows: Rows, tiny_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.jsonl"
    rows = [row for row in make_rows(40) if row["split"] != "validation"]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(arguments(data, tmp_path / "out", tiny_bert, "epochs=1,2")) == 2
    assert "the validation split has 0 prompts and no pair" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_heads_share_the_features_of_one_backbone(tmp_path: Path, make_rows: Rows, tiny_bert: Path) -> None:
    """Both points' folders hold the one file of backbone weights, and the features are gone at the end."""
    data, out = tmp_path / "data.jsonl", tmp_path / "out"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_rows(60)))
    assert main([*arguments(data, out, tiny_bert, "l2=1,100"), "--set", "depth=head"]) == 0
    one, other = out.glob(f"points/*/model/{BACKBONE}")
    assert one.samefile(other)
    assert not (out / "cache").exists()
    verify(out / json.loads((out / "sweep.json").read_text())["points"][0]["folder"] / "model")
