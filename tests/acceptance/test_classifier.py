"""A classifier end to end, with the real processes: import real flags, train a head, choose a threshold, score texts.

The texts are offensive: only ids and figures are printed.
"""

from __future__ import annotations

import json
import math
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rewardtrain.core.data.groups import Group, read_groups
from tests.acceptance.podium import Client, Podium, wait_for

PROJECT = "texts"
ROWS, SHOWN = 1_200, 10
SECONDS = 420


@pytest.fixture
def sample(shared_data: Path, tmp_path: Path) -> Path:
    """The first rows: what people said of a third of them is hateful, all along the file."""
    file = tmp_path / "sample.jsonl"
    with (shared_data / "hate_flags.jsonl").open("rb") as lines:
        file.write_bytes(b"".join(islice(lines, ROWS)))
    return file


@pytest.mark.acceptance
@pytest.mark.usefixtures("needs_torch")
@pytest.mark.timeout(900)
def test_real_flags_become_a_classifier_with_a_threshold(sample: Path, tmp_path: Path) -> None:
    held_out = [group for group in read_groups(sample) if group.split == "test"]
    with Podium(tmp_path / "data") as podium:
        manager = podium.client(podium.token("manager"))
        flags = [{"name": "hateful", "label": "Hateful"}]
        made = {"slug": PROJECT, "name": "Texts", "kind": "classification", "flags": flags}
        assert manager.post("/projects/", made, status=201)["kind"] == "classification"
        podium.set_policy(PROJECT, head_enabled=False, enabled=False)  # this test asks for its one run itself
        report = manager.upload(PROJECT, sample.read_bytes())
        assert (report["created"], report["rankings"], report["n_errors"]) == (ROWS, ROWS, 0)
        train(podium, manager)
        choose_threshold(manager)
        show_examples(manager, held_out)


def train(podium: Podium, manager: Client) -> None:
    """Not hateful is the positive class, so its logit is a reward that reinforcement learning can use."""
    asked = {"depth": "head", "training": {"flag_positive": False, "max_length": 128}}
    run = manager.post(f"/projects/{PROJECT}/runs/", asked, status=202)
    ended = wait_for(
        lambda: (now := manager.get(f"/projects/{PROJECT}/runs/{run['id']}/"))["finished_at"] and now,
        "the training to end",
        seconds=SECONDS,
        podium=podium,
    )
    assert ended["state"] == "succeeded", f"{ended}\n{podium.tail()}"
    [model] = manager.get(f"/projects/{PROJECT}/models/")["results"]
    assert model["champion"], model["gate"]
    [evaluation] = model["evaluations"]
    flag = evaluation["flag"]
    area = flag["roc_auc"]
    print(f"\nROC AUC {area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f}), n {flag['n_labels']} labels")
    print(*model["gate"]["reasons"], sep="\n")
    assert area["low"] > 0.6
    assert flag["log_loss"]["value"] < flag["base_rate_log_loss"]["value"]
    assert (evaluation["n_pairs"], evaluation["accuracy"]) == (0, None)


def choose_threshold(manager: Client) -> None:
    """That of the best F1, from the counts that the report has."""
    flags = manager.get(f"/projects/{PROJECT}/models/1/report/")["flags"]
    curve = flags["curve"]
    assert curve["positives"] + curve["negatives"] == flags["n_votes"]

    def f1(hits: int, false: int) -> float:
        return 2 * hits / (hits + false + curve["positives"])

    scored = zip(curve["thresholds"], curve["true_positives"], curve["false_positives"], strict=True)
    best = max(scored, key=lambda point: f1(point[1], point[2]))
    said = manager.call("PUT", f"/projects/{PROJECT}/models/1/threshold/", json={"threshold": best[0]}).json()
    print(f"threshold {best[0]:.3f}: F1 {f1(best[1], best[2]):.3f} of not_hateful")
    assert (said["threshold"], said["threshold_by"]) == (best[0], "manager")


def show_examples(manager: Client, held_out: list[Group]) -> None:
    chosen = held_out[:: max(1, len(held_out) // SHOWN)][:SHOWN]
    texts = [group.completions[0] for group in chosen]
    scores: dict[str, Any] = manager.post(f"/projects/{PROJECT}/score/", {"prompt": "", "completions": texts})
    assert len(scores["logits"]) == SHOWN
    for group, logits, chance in zip(chosen, scores["logits"], scores["class_probabilities"], strict=True):
        parts = [math.exp(logit - max(logits)) for logit in logits]
        hateful, fine = (part / sum(parts) for part in parts)
        assert hateful + fine == pytest.approx(1)
        assert chance == pytest.approx(fine, abs=1e-5)
        said = json.dumps(group.rankings[0].flags[0])
        print(f"{group.id:16} {said:18} logits {logits[0]:+.3f} {logits[1]:+.3f}  P(not_hateful) {chance:.3f}")
    assert scores["rewards"] == [logits[-1] for logits in scores["logits"]]
