"""Every kind of network from its pretrained folder to its served reward.

The odd cases of tests/core/tiny/backbones.py in both depths; fine-tuned, all that docs/backbones.md says can be used.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import parse_texts
from rewardtrain.core.device import choose_device
from rewardtrain.core.evaluation.compare import compare
from rewardtrain.core.score import Scorer
from rewardtrain.core.serving.model_cache import Ref
from rewardtrain.core.train import train
from tests.core.serving.conftest import Serve
from tests.core.tiny.architectures import tiny
from tests.core.tiny.backbones import BACKBONES, GOOD, WORDS
from tests.core.tiny.facts import usable
from tests.core.tiny.rows import write_rows

PROMPT, SHORT, LONG = "ba be bi", f"{GOOD} da", " ".join(WORDS[:25])
Trained = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "data.jsonl")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Trained:
    """trained(kind, depth): the out folder of a run of two steps."""
    root = tmp_path_factory.mktemp("backbones")

    def make(kind: str, depth: str) -> Path:
        folder, out = root / kind, root / f"{kind}-{depth}"
        if not folder.exists():
            (BACKBONES[kind] if kind in BACKBONES else tiny(kind)).save(folder)
        small: dict[str, Any] = {"max_length": 32, "bootstrap_samples": 100, "threads": 1, "min_pairs": 1}
        train(data, out, TrainConfig(backbone=str(folder), depth=depth, batch_prompts=4, dtype="float32", **small))
        return out

    return make


@pytest.mark.parametrize(
    ("kind", "depth"),
    [
        *((kind, "full") for kind in dict.fromkeys([*BACKBONES, *usable()])),
        *((kind, "head") for kind in BACKBONES),
    ],
)
def test_every_kind_is_trained_and_served_with_rewards_that_are_the_texts_own(
    kind: str, depth: str, trained: Trained, serve: Serve, data: Path
) -> None:
    out = trained(kind, depth)
    steps = [line for line in (out / "metrics.jsonl").read_text().splitlines() if '"event": "step"' in line]
    assert len(steps) == (2 if depth == "full" else 1)
    folder = out / "model"
    service = serve(Ref("tiny", 1, folder))

    def served(*texts: str) -> list[list[float]]:
        answer = service.post("tiny/score", {"prompt": PROMPT, "completions": texts})
        assert answer.status_code == 200, answer.text
        logits: list[list[float]] = answer.json()["logits"]
        return logits

    together = np.array(served(SHORT, LONG, "ka"))
    assert np.isfinite(together).all()
    assert np.ptp(together) > 1e-3  # the texts are told apart
    alone = np.concatenate([served(text) for text in (SHORT, LONG, "ka")])
    np.testing.assert_allclose(together, alone, atol=1e-4)

    sequences = Scorer(folder, choose_device(1)).encode(parse_texts("", PROMPT, [SHORT, LONG, "ka"]))
    np.testing.assert_allclose(alone, _plain(folder, sequences), atol=1e-4)

    plain = shutil.copytree(folder, out / "plain", ignore=shutil.ignore_patterns("podium.json", "manifest.json"))
    entries = {entry["model"]: entry for entry in compare([str(folder), str(plain)], data, split="test")["models"]}
    report = json.loads((out / "report.json").read_text())
    assert entries[str(folder)]["log_loss"]["value"] == pytest.approx(report["log_loss"]["value"], abs=1e-4)
    style = json.loads((folder / "podium.json").read_text())["style"]
    if style != "text" and not entries[str(folder)]["truncated"]:  # others write no such lines, and cut elsewhere
        assert entries[str(plain)]["accuracy"] == entries[str(folder)]["accuracy"]


def _plain(folder: Path, sequences: list[Encoded]) -> np.ndarray[Any, Any]:
    """What plain transformers makes of these ids, each text alone."""
    network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with_types = "token_type_ids" in AutoTokenizer.from_pretrained(folder).model_input_names
    logits = []
    for sequence in sequences:
        inputs = {"input_ids": torch.from_numpy(sequence.ids)[None].long()}
        if with_types:
            inputs["token_type_ids"] = torch.from_numpy(sequence.types)[None].long()
        with torch.no_grad():
            logits.append(network(**inputs).logits[0].numpy())
    return np.array(logits)
