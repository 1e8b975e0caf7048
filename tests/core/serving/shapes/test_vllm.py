"""Requests as vLLM's documentation has them, and what it answers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import requests
import torch

from rewardtrain.core.serving.model_cache import Ref
from rewardtrain.core.serving.protocols import MOST_COMPLETIONS
from tests.core.serving.conftest import Serve, Served
from tests.core.serving.shapes.plain import Plain
from tests.core.tiny.finished import Save

PROMPT, TEXTS = "how do i bake bread", ["please help you", "never", "go away stupid question"]
TURNS = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": TEXTS[0]}]


@pytest.fixture
def scalar(save: Save, serve: Serve) -> Served:
    return serve(Ref("tiny", 3, save("model", 1)[0]))


def rewards(service: Served, texts: list[str] = TEXTS, **body: Any) -> list[float]:
    found: list[float] = service.post("tiny/score", {"prompt": PROMPT, "completions": texts, **body}).json()["rewards"]
    return found


@pytest.mark.parametrize("head", ["scalar", "binary"])
@pytest.mark.parametrize("base", ["tiny_bert", "tiny_llama", "chat"])
def test_a_whole_text_has_the_logits_that_plain_transformers_gives_it(
    save: Save, serve: Serve, base: str, head: str, request: pytest.FixtureRequest
) -> None:
    folder, _ = save("model", 1, head=head, share=False, base=request.getfixturevalue(base))
    service, plain = serve(Ref("tiny", 3, folder)), Plain(folder)
    for special in (True, False):
        body = {"model": "tiny", "input": TEXTS, "use_activation": False, "add_special_tokens": special}
        answer = service.post("tiny/classify", body).json()
        wanted = [plain.logits(text, add_special_tokens=special) for text in TEXTS]
        np.testing.assert_allclose([row["probs"] for row in answer["data"]], wanted, atol=1e-5)
        assert [row["index"] for row in answer["data"]] == [0, 1, 2]
        assert {row["num_classes"] for row in answer["data"]} == {len(wanted[0])}
        names = plain.network.config.id2label
        assert [row["label"] for row in answer["data"]] == [names[int(np.argmax(row))] for row in wanted]
        tokens = sum(plain.count(text, add_special_tokens=special) for text in TEXTS)
        assert answer["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
        assert (answer["model"], answer["object"]) == ("tiny@3", "list")
        pooled = service.post("tiny/pooling", body).json()
        np.testing.assert_allclose([row["data"] for row in pooled["data"]], wanted, atol=1e-5)
    alone = service.post("tiny/classify", {"input": TEXTS[1], "use_activation": False}).json()["data"]
    np.testing.assert_allclose([row["probs"] for row in alone], [plain.logits(TEXTS[1])], atol=1e-5)


def test_a_template_that_the_client_writes_gives_the_served_reward(save: Save, serve: Serve, chat: Any) -> None:
    folder, _ = save("model", 1, share=False, base=chat)
    service, plain = serve(Ref("tiny", 3, folder)), Plain(folder)
    text = plain.tokenizer.apply_chat_template(TURNS, tokenize=False)
    body = {"input": text, "add_special_tokens": False, "use_activation": False}
    (row,) = service.post("tiny/classify", body).json()["data"]
    np.testing.assert_allclose(row["probs"], rewards(service, TEXTS[:1]), atol=1e-5)


def test_messages_are_read_as_ours_are_and_their_control_tokens_are_text(save: Save, serve: Serve, chat: Any) -> None:
    service = serve(Ref("tiny", 3, save("model", 1, share=False, base=chat)[0]))
    parts = [{"role": "user", "content": [{"type": "text", "text": PROMPT}], "name": "x"}]
    for said in (TEXTS[0], f"{TEXTS[0]} </s> never"):
        for turns in (TURNS[:1], parts):
            body = {"messages": [*turns, {"role": "assistant", "content": said}]}
            (row,) = service.post("tiny/classify", body).json()["data"]
            np.testing.assert_allclose(row["probs"], rewards(service, [said]), atol=1e-5)


@pytest.mark.parametrize(
    "sides", [("text_1", "text_2"), ("queries", "documents"), ("queries", "items"), ("data_1", "data_2")]
)
def test_pairs_are_scored_one_by_many_and_one_by_one(scalar: Served, sides: tuple[str, str]) -> None:
    one, other = sides
    wanted = rewards(scalar)
    for path in ("score", "v1/score"):
        answer = scalar.post(f"tiny/{path}", {one: PROMPT, other: TEXTS, "model": None}).json()
        np.testing.assert_allclose([row["score"] for row in answer["data"]], wanted, atol=1e-5)
    body = {one: [PROMPT, PROMPT], other: [{"content": [{"type": "text", "text": text}]} for text in TEXTS[:2]]}
    answer = scalar.post("tiny/score", body).json()
    np.testing.assert_allclose([row["score"] for row in answer["data"]], wanted[:2], atol=1e-5)
    assert [row["object"] for row in answer["data"]] == ["score", "score"]


def test_documents_come_by_their_scores(scalar: Served) -> None:
    wanted = rewards(scalar)
    order = np.argsort(-np.array(wanted)).tolist()
    for path in ("rerank", "v1/rerank", "v2/rerank"):
        answer = scalar.post(f"tiny/{path}", {"query": PROMPT, "documents": TEXTS}).json()
        assert [row["index"] for row in answer["results"]] == order
        assert [row["document"]["text"] for row in answer["results"]] == [TEXTS[index] for index in order]
        np.testing.assert_allclose(
            [row["relevance_score"] for row in answer["results"]], [wanted[index] for index in order], atol=1e-5
        )
    best = scalar.post("tiny/rerank", {"query": PROMPT, "documents": TEXTS, "top_n": 1}).json()["results"]
    assert [row["index"] for row in best] == order[:1]


def test_a_score_goes_through_a_function_where_the_server_would_do_so(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("1", 1)[0]), Ref("two", 1, save("2", 1, head="binary")[0]))

    def probs(project: str, **options: Any) -> Any:
        rows = service.post(f"{project}/classify", {"input": TEXTS, **options}).json()["data"]
        return np.array([row["probs"] for row in rows])

    raw, pair = probs("tiny", use_activation=False), torch.tensor(probs("two", use_activation=False))
    np.testing.assert_allclose(probs("tiny"), raw, atol=1e-6)
    np.testing.assert_allclose(probs("tiny", use_activation=True), torch.tensor(raw).sigmoid(), atol=1e-6)
    for options in ({}, {"use_activation": True}, {"activation": True}, {"softmax": True}):
        np.testing.assert_allclose(probs("two", **options), pair.softmax(1), atol=1e-6)
    np.testing.assert_allclose(probs("two", activation=False), pair, atol=1e-6)


def test_a_long_text_is_refused_or_cut_where_it_is_asked_for(save: Save, serve: Serve) -> None:
    folder, _ = save("model", 1, share=False)
    service, plain = serve(Ref("tiny", 1, folder)), Plain(folder)
    long = "please never " * 30 + "help"
    for side in ("left", "right"):
        plain.tokenizer.truncation_side = side
        for most in (-1, 8):
            body = {"input": long, "use_activation": False, "truncate_prompt_tokens": most, "truncation_side": side}
            answer = service.post("tiny/classify", body).json()
            wanted = plain.logits(long, truncation=True, max_length=32 if most < 0 else most)
            np.testing.assert_allclose(answer["data"][0]["probs"], wanted, atol=1e-5)
            assert answer["usage"]["total_tokens"] == (32 if most < 0 else most)
    assert error_of(service.post("tiny/classify", {"input": ["never", long]}))[2] == (
        "text 1 has 63 tokens, the model reads 32; shorten it, or ask for cutting."
    )
    pairs = {"query": PROMPT, "documents": ["never", long]}
    assert "documents: completions[1] is over 32 tokens" in error_of(service.post("tiny/rerank", pairs))[2]
    assert service.post("tiny/rerank", {**pairs, "truncate_prompt_tokens": -1}).ok
    assert "over 8 tokens" in error_of(service.post("tiny/rerank", {**pairs, "truncate_prompt_tokens": 8}))[2]


def error_of(response: requests.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == response.status_code
    return response.status_code, error["type"], error["message"]


BAD: list[tuple[str, Any, int, str]] = [
    ("tiny/classify", {}, 400, "input is None; it must be a text"),
    ("tiny/classify", {"input": []}, 400, "input is an empty list"),
    ("tiny/classify", {"input": [1, 2]}, 400, r"input\[0\] is 1; it must be a text"),
    ("tiny/classify", {"input": "\ud800"}, 400, "half a surrogate pair"),
    ("tiny/classify", {"input": "", "add_special_tokens": False}, 400, "text 0 has no tokens at all"),
    ("tiny/classify", {"input": ["a"] * (MOST_COMPLETIONS + 1)}, 400, "1,025 completions at once"),
    ("tiny/classify", {"input": "a", "model": "helpful"}, 404, "The model 'helpful' is not served .*send tiny"),
    ("tiny/classify", {"input": "a", "model": "tiny@9"}, 404, "no model 9"),
    ("tiny@9/classify", {"input": "a"}, 404, "no model 9"),
    ("tiny@3/classify", {"input": "a", "model": "tiny@9"}, 400, "versions 3 and 9 are asked for at once"),
    ("other/classify", {"input": "a"}, 404, "'other' has no champion yet"),
    ("tiny/classify", {"input": "a", "model": 3}, 400, "model is 3; it must be a name"),
    ("tiny/classify", {"input": "a", "use_activation": "no"}, 400, "use_activation is 'no'; it must be true or false"),
    ("tiny/classify", {"input": "a", "chat_template": "x"}, 400, "chat_template is 'x', which .* can't follow"),
    ("tiny/classify", {"input": "a", "truncate_prompt_tokens": 0}, 400, "truncate_prompt_tokens is 0"),
    ("tiny/classify", {"input": "a", "truncate_prompt_tokens": 2}, 400, "cut to 2 tokens nothing is left"),
    ("tiny/classify", {"input": "a", "truncation_side": "up"}, 400, "truncation_side is 'up'"),
    ("tiny/classify", {"messages": "a"}, 400, "messages is 'a'"),
    ("tiny/classify", {"messages": TURNS[:1]}, 400, "messages must end with the assistant's"),
    ("tiny/classify", {"messages": [TURNS[0], {**TURNS[1], "content": [{"type": "image_url"}]}]}, 400, "only texts"),
    ("tiny/classify", {"messages": [7, 7]}, 400, r"messages\[0\] is 7"),
    ("tiny/classify", [], 400, "the body is a list"),
    ("tiny/score", {"text_1": ["a", "b"], "text_2": ["a"]}, 400, "text_1 has 2 texts and text_2 1"),
    ("tiny/score", {"text_1": "a"}, 400, "text_2 is None"),
    ("tiny/rerank", {"query": "a", "documents": ["b"], "top_n": -1}, 400, "top_n is -1"),
    ("tiny/rerank", {"documents": ["b"]}, 400, "query is None"),
]  # fmt: skip


def test_what_cannot_be_answered_is_said_in_its_form(scalar: Served) -> None:
    for path, body, status, words in BAD:
        got = error_of(scalar.post(path, body))
        assert got[:2] == (status, {400: "BadRequestError", 404: "NotFoundError"}[status]), (path, body, got)
        assert re.search(words, got[2]), got[2]
    broken = requests.post(f"{scalar.url}/tiny/rerank", data=b"{", timeout=60)
    assert error_of(broken)[0] == 400


def test_a_version_may_stand_in_the_address_and_in_the_name_of_the_model(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 3, save("3", 3)[0]), Ref("tiny", 4, save("4", 4)[0]))
    champion = service.post("tiny/classify", {"input": TEXTS}).json()
    assert champion["model"] == "tiny@4"
    by_address = service.post("tiny@3/classify", {"input": TEXTS, "model": "/models/tiny"})
    by_name = service.post("tiny/classify", {"input": TEXTS, "model": "tiny@3"})
    assert by_address.json()["data"] == by_name.json()["data"] != champion["data"]
    assert by_address.headers["X-Podium-Model"] == by_name.headers["X-Podium-Model"] == "tiny@3"
    assert service.post("tiny@3/score", {"prompt": PROMPT, "completions": TEXTS}).json()["model"] == 3
    assert service.post("tiny@3/rewards", {"query": TEXTS}).json()["model"] == 3
    assert service.post("tiny@3/tokens", {"prompt": PROMPT, "completion": "never"}).json()["model"] == 3
    assert service.post("tiny@3/score", {"prompt": PROMPT, "completions": TEXTS, "model": 4}).status_code == 400


def test_it_says_what_it_serves(scalar: Served) -> None:
    listed = requests.get(f"{scalar.url}/tiny/v1/models", timeout=60).json()
    assert [(row["id"], row["root"], row["max_model_len"]) for row in listed["data"]] == [
        ("tiny", "tiny@3", 32),
        ("tiny@3", "tiny@3", 32),
    ]
    for row in listed["data"]:
        assert scalar.post("tiny/classify", {"model": row["id"], "input": "never"}).json()["model"] == "tiny@3"
    for path in ("health", "tiny/health"):
        assert requests.get(f"{scalar.url}/{path}", timeout=60).ok
    assert error_of(requests.get(f"{scalar.url}/other/v1/models", timeout=60))[0] == 404


def test_only_a_token_opens_it(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]), token="secret")
    bodies = {"classify": {"input": "a"}, "pooling": {"input": "a"}, "v1/score": {"text_1": "a", "text_2": "b"}}
    bodies |= {name: {"query": "a", "documents": ["b"]} for name in ("rerank", "v1/rerank", "v2/rerank")}
    for name, body in bodies.items():
        assert error_of(service.post(f"tiny/{name}", body))[0] == 401
        assert service.post(f"tiny/{name}", body, headers={"Authorization": "Bearer secret"}).ok
    assert requests.get(f"{service.url}/tiny/v1/models", timeout=60).status_code == 401
