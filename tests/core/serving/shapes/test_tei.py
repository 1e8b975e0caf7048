"""Requests as Text Embeddings Inference's documentation has them, and what it answers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import requests

from rewardtrain.core.serving.model_cache import Ref
from rewardtrain.core.serving.protocols import MOST_COMPLETIONS
from tests.core.serving.conftest import Serve
from tests.core.serving.shapes.plain import Plain
from tests.core.tiny.finished import Save

PROMPT, TEXTS = "how do i bake bread", ["please help you", "never", "go away stupid question"]


@pytest.mark.parametrize("head", ["scalar", "binary"])
def test_predictions_are_those_of_plain_transformers(save: Save, serve: Serve, head: str) -> None:
    folder, _ = save("model", 1, head=head, share=False)
    service, plain = serve(Ref("tiny", 3, folder)), Plain(folder)
    names = plain.network.config.id2label

    def scores(rows: list[Any], **options: Any) -> list[list[float]]:
        found = service.post("tiny/predict", {"inputs": rows, "raw_scores": True, **options}).json()
        assert all(row == sorted(row, key=lambda each: -each["score"]) for row in found)
        by_name = [{each["label"]: each["score"] for each in row} for row in found]
        return [[row[names[index]] for index in range(len(names))] for row in by_name]

    pairs = [plain.logits(PROMPT, text) for text in TEXTS]
    np.testing.assert_allclose(scores([[PROMPT, text] for text in TEXTS]), pairs, atol=1e-5)
    alone = [plain.logits(text) for text in TEXTS]
    np.testing.assert_allclose(scores([[text] for text in TEXTS]), alone, atol=1e-5)
    activated = np.array(scores([[text] for text in TEXTS], raw_scores=False))
    wanted = 1 / (1 + np.exp(-np.array(alone))) if head == "scalar" else np.exp(alone) / np.exp(alone).sum(1)[:, None]
    np.testing.assert_allclose(activated, wanted, atol=1e-5)
    for inputs, row in ((TEXTS[1], alone[1]), ([TEXTS[1]], alone[1]), ([PROMPT, TEXTS[1]], pairs[1])):
        answer = service.post("tiny/predict", {"inputs": inputs, "raw_scores": True})
        assert sorted(each["score"] for each in answer.json()) == pytest.approx(sorted(row), abs=1e-5)
        assert answer.headers["X-Podium-Model"] == "tiny@3"


def test_texts_come_by_their_scores(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 3, save("model", 1)[0]))
    wanted = service.post("tiny/score", {"prompt": PROMPT, "completions": TEXTS}).json()["rewards"]
    order = np.argsort(-np.array(wanted)).tolist()
    body = {"query": PROMPT, "texts": TEXTS, "raw_scores": True}
    answer = service.post("tiny/rerank", body).json()
    assert [row["index"] for row in answer] == order
    assert set(answer[0]) == {"index", "score"}
    np.testing.assert_allclose([row["score"] for row in answer], [wanted[index] for index in order], atol=1e-5)
    answer = service.post("tiny/rerank", {**body, "raw_scores": False, "return_text": True}).json()
    assert [row["text"] for row in answer] == [TEXTS[index] for index in order]
    np.testing.assert_allclose(
        [row["score"] for row in answer], [1 / (1 + np.exp(-wanted[index])) for index in order], atol=1e-5
    )


def test_a_long_text_is_cut_unless_that_is_refused(save: Save, serve: Serve) -> None:
    folder, _ = save("model", 1, share=False)
    service, plain = serve(Ref("tiny", 3, folder)), Plain(folder)
    long = "please never " * 30 + "help"
    for side in ("left", "right"):
        plain.tokenizer.truncation_side = side
        body = {"inputs": long, "raw_scores": True, "truncation_direction": side.capitalize()}
        (found,) = service.post("tiny/predict", body).json()
        assert found["score"] == pytest.approx(plain.logits(long, truncation=True, max_length=32)[0], abs=1e-5)
    for path, body in (("predict", {"inputs": long}), ("rerank", {"query": "a", "texts": [long]})):
        assert service.post(f"tiny/{path}", body).ok
        refused = service.post(f"tiny/{path}", {**body, "truncate": False})
        assert (refused.status_code, refused.json()["error_type"]) == (422, "Validation")
        assert "32" in refused.json()["error"]
    ours = service.post("tiny/score", {"prompt": long, "completions": ["never"]}).json()["rewards"]
    (pair,) = service.post("tiny/predict", {"inputs": [long, "never"], "raw_scores": True}).json()
    assert pair["score"] == pytest.approx(ours[0], abs=1e-5)  # the prompt from its left, as we cut


BAD: list[tuple[str, Any, int, str, str]] = [
    ("tiny/predict", {}, 422, "Validation", "inputs is None; it must be a text"),
    ("tiny/predict", {"inputs": []}, 422, "Validation", r"inputs is \[\]; it must be a text, or"),
    ("tiny/predict", {"inputs": [["a", "b", "c"]]}, 422, "Validation", r"inputs\[0\] is"),
    ("tiny/predict", {"inputs": [["a", 7]]}, 422, "Validation", r"inputs\[0\]\[1\] is 7"),
    ("tiny/predict", {"inputs": [["a"], "b"]}, 422, "Validation", r"inputs\[1\] is 'b'"),
    ("tiny/predict", {"inputs": [["a"], ["b", "c"]]}, 422, "Validation", "pairs and texts alone"),
    ("tiny/predict", {"inputs": [["a"]] * (MOST_COMPLETIONS + 1)}, 422, "Validation", "1,025 completions at once"),
    ("tiny/predict", {"inputs": "a", "raw_scores": 1}, 422, "Validation", "raw_scores is 1"),
    ("tiny/predict", {"inputs": "a", "truncation_direction": "up"}, 422, "Validation", "truncation_direction is 'up'"),
    ("tiny/rerank", {"query": "a", "texts": []}, 400, "Empty", "texts is an empty list"),
    ("tiny/rerank", {"texts": ["b"]}, 422, "Validation", "query is None"),
    ("other/predict", {"inputs": "a"}, 424, "Backend", "no champion yet"),
    ("tiny/predict", [], 422, "Validation", "the body is a list"),
]


def test_what_cannot_be_answered_is_said_in_its_form(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 3, save("model", 1)[0]))
    for path, body, status, kind, words in BAD:
        answer = service.post(path, body)
        assert (answer.status_code, answer.json()["error_type"]) == (status, kind), answer.text
        assert set(answer.json()) == {"error", "error_type"}
        assert re.search(words, answer.json()["error"]), answer.text


def test_it_says_what_it_serves(save: Save, serve: Serve) -> None:
    folder, _ = save("model", 1)
    service = serve(Ref("tiny", 3, folder), Ref("two", 1, save("2", 1, head="binary")[0]))
    about = requests.get(f"{service.url}/tiny/info", timeout=60).json()
    assert (about["model_id"], about["max_input_length"], about["auto_truncate"]) == ("tiny@3", 32, True)
    assert about["max_client_batch_size"] == MOST_COMPLETIONS
    assert about["model_type"] == {"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}}
    two = requests.get(f"{service.url}/two/info", timeout=60).json()["model_type"]
    assert two["classifier"]["id2label"] == {"0": "no", "1": "yes"}
    assert requests.get(f"{service.url}/other/info", timeout=60).status_code == 424


def test_only_a_token_opens_it(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]), token="secret")
    for name, body in (("predict", {"inputs": "a"}), ("rerank", {"query": "a", "texts": ["b"]})):
        assert service.post(f"tiny/{name}", body).status_code == 401
        assert service.post(f"tiny/{name}", body, headers={"Authorization": "Bearer secret"}).ok
    assert requests.get(f"{service.url}/tiny/info", timeout=60).status_code == 401
    assert requests.get(f"{service.url}/tiny/health", timeout=60).ok
