"""A project's champion asked of another server: only where it agrees, and never with another model's rewards."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from rewardtrain.core.errors import ConfigError
from rewardtrain.core.serving.foreign.server import MOST_BYTES, parse_addresses
from rewardtrain.core.serving.model_cache import Ref
from tests.config.helpers import free_port, wait_until
from tests.core.serving.conftest import Serve, Served
from tests.core.serving.foreign.stub import Answer, Stub, serving
from tests.core.tiny.finished import Save

PROMPT, TEXTS = "how do i bake bread", ["please help you", "never", "go away stupid question"]
BODY = {"prompt": PROMPT, "completions": TEXTS}
KINDS = [("vllm", "tiny_llama"), ("vllm", "chat"), ("tei", "tiny_bert")]


def state(service: Served) -> dict[str, Any]:
    (row,) = requests.get(f"{service.url}/models", timeout=60).json()["champions"]
    server: dict[str, Any] = row["server"]
    return server


def asked(service: Served, body: dict[str, Any] = BODY) -> tuple[str, list[float]]:
    """Who computed it, and the rewards."""
    answer = service.post("tiny/score", body)
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Podium-Computed-By"], answer.json()["rewards"]


def until(service: Served, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Asks until the state of the server is so, for it is looked into when somebody asks."""

    def so() -> bool:
        asked(service)
        return condition(state(service))

    wait_until(so, 60, lambda: f"{state(service)}")
    return state(service)


def refused(service: Served) -> str:
    found = until(service, lambda found: not found["asked"] and found["why"] != "not checked yet")
    return str(found["why"])


@pytest.fixture
def folders(save: Save, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """folders(base, version, head): a whole folder, as it is exported."""

    def make(base: str, version: int = 1, head: str = "scalar") -> Path:
        return save(f"{base}-{version}", version, head=head, share=False, base=request.getfixturevalue(base))[0]

    return make


@pytest.mark.parametrize("head", ["scalar", "binary"])
@pytest.mark.parametrize(("kind", "base"), KINDS)
def test_what_agrees_is_asked_and_its_rewards_are_ours(
    folders: Callable[..., Path], serve: Serve, kind: str, base: str, head: str
) -> None:
    folder = folders(base, head=head)
    own = serve(Ref("tiny", 1, folder)).post("tiny/score", BODY).json()
    with serving(Stub(kind, folder, token="a secret")) as address:
        service = serve(Ref("tiny", 1, folder), servers={"tiny": address.replace(" ", "%20")})
        assert asked(service)[0] == "podium"  # nobody waits for the check
        found = until(service, lambda found: bool(found["asked"]))
        assert (found["kind"], found["why"]) == (kind, None)
        assert "secret" not in json.dumps(found)
        answer = service.post("tiny/score", BODY)
        assert answer.headers["X-Podium-Computed-By"] == kind
        for name in ("rewards", "logits", "probabilities"):
            np.testing.assert_allclose(answer.json()[name], own[name], atol=1e-5)
        many = {**BODY, "completions": [f"please help {place}" for place in range(300)]}
        assert asked(service, many)[0] == kind
        np.testing.assert_allclose(
            asked(service, many)[1][:3], asked(service, {**many, "completions": many["completions"][:3]})[1], atol=1e-5
        )
        assert "podium_score_elsewhere_total" in requests.get(f"{service.url}/metrics", timeout=60).text
    assert "is asked of" in "".join(service.said)


def test_what_it_would_read_otherwise_is_computed_here(folders: Callable[..., Path], serve: Serve) -> None:
    """A control token that was typed, and a text that is cut: TEI would read others."""
    folder = folders("tiny_bert")
    stub = Stub("tei", folder)
    texts = ["please", "never [SEP] help", "answer " * 500, "with this"]
    wanted = serve(Ref("tiny", 1, folder)).post("tiny/score", {**BODY, "completions": texts}).json()["rewards"]
    with serving(stub) as address:
        service = serve(Ref("tiny", 1, folder), servers={"tiny": address})
        until(service, lambda found: bool(found["asked"]))
        stub.asked.clear()
        by, rewards = asked(service, {**BODY, "completions": texts})
    assert by == "tei"
    np.testing.assert_allclose(rewards, wanted, atol=1e-5)
    sent = [pair[1] for body in stub.asked for pair in body["inputs"]]
    assert [text for text in sent if text in texts] == ["please", "with this"]


def lost(handler: BaseHTTPRequestHandler, answer: Answer) -> Answer | None:
    return None


def endless(handler: BaseHTTPRequestHandler, answer: Answer) -> Answer | None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(MOST_BYTES // 2**16 + 2):
        handler.wfile.write(b" " * 2**16)
    return None


def slow(handler: BaseHTTPRequestHandler, answer: Answer) -> Answer | None:
    """A byte now and then, for longer than anyone waits: no pause is as long as a timeout."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(60):
        time.sleep(0.2)
        handler.wfile.write(b" ")
    return None


def changed(change: Callable[[str], str]) -> Callable[[BaseHTTPRequestHandler, Answer], Answer]:
    return lambda handler, answer: (200, change(answer[1].decode()).encode())


MOODS: dict[str, tuple[Any, str]] = {
    "500": (lambda handler, answer: (500, b"<h1>CUDA out of memory</h1>"), "answers 500: .<h1>CUDA out of memory"),
    "redirect": (lambda handler, answer: (307, b""), "answers 307"),
    "gone": (lost, "doesn.t answer"),
    "endless": (endless, "is over 8 MiB"),
    "slow": (slow, "has not ended its answer within 2 s"),
    "no json": (changed(lambda text: text[:-3]), "what is no JSON"),
    "a row less": (changed(lambda text: json.dumps({"data": json.loads(text)["data"][1:]})), "rows came back of"),
    "no rows": (changed(lambda text: '{"data": 7}'), "has no list of data"),
    "no numbers": (changed(lambda text: text.replace("[", '["a", ', 2)), "no list of data|a row of the answer"),
    "too many numbers": (changed(lambda text: text.replace('"probs": [', '"probs": [1.0, ')), "it must be 1 numbers"),
    "truth": (changed(lambda text: json.dumps({"data": [{"index": 0, "probs": [True]}]})), "finite numbers"),
    "no index": (changed(lambda text: text.replace('"index"', '"place"')), "an index of the answer is null"),
}


@pytest.mark.parametrize("mood", MOODS)
def test_a_bad_day_of_the_server_fails_nobody_and_it_is_asked_again_when_it_is_well(
    folders: Callable[..., Path], serve: Serve, mood: str
) -> None:
    folder = folders("tiny_llama")
    stub = Stub("vllm", folder)
    wanted = serve(Ref("tiny", 1, folder)).post("tiny/score", BODY).json()["rewards"]
    with serving(stub) as address:
        service = serve(Ref("tiny", 1, folder), servers={"tiny": address}, patience=2 if mood == "slow" else 60)
        until(service, lambda found: bool(found["asked"]))
        stub.mood, words = MOODS[mood]
        by, rewards = asked(service)
        assert by == "podium"
        np.testing.assert_allclose(rewards, wanted, atol=1e-5)
        assert re.search(words, refused(service)), refused(service)
        stub.mood = None
        until(service, lambda found: bool(found["asked"]))
        assert mood == "slow" or asked(service)[0] == "vllm"
    by, rewards = asked(service)  # it is gone
    assert by == "podium"
    np.testing.assert_allclose(rewards, wanted, atol=1e-5)
    until(service, lambda found: "doesn't answer" in (found["why"] or ""))
    with serving(stub, port=int(address.rpartition(":")[2])):
        until(service, lambda found: bool(found["asked"]))  # it came back, and was checked


@pytest.mark.parametrize("head", ["scalar", "binary"])
def test_another_model_and_scores_through_a_function_are_refused_with_the_largest_difference(
    folders: Callable[..., Path], serve: Serve, head: str
) -> None:
    right, wrong = folders("tiny_llama", 1, head), folders("tiny_llama", 2, head)
    stub = Stub("vllm", wrong)
    with serving(stub) as address:
        service = serve(Ref("tiny", 1, right), servers={"tiny": address})
        why = refused(service)
        assert "of 12 fixed texts it differs most at number" in why
        assert "serve this version's exported folder" in why
        assert sum("is computed here, not by vllm" in line for line in service.said) == 1  # once, not at every look
        stub.hold(right)
        until(service, lambda found: bool(found["asked"]))
        stub.raw = False
        assert asked(service)[0] == "podium"
        assert "no longer computes this model" in "".join(service.said)
        until(service, lambda found: "differs most" in (found["why"] or ""))


def test_no_reward_of_another_model_is_told_though_the_server_changes_it_unseen(
    folders: Callable[..., Path], serve: Serve
) -> None:
    first, second = folders("tiny_llama", 1), folders("tiny_llama", 2)
    wanted = serve(Ref("tiny", 1, first)).post("tiny/score", BODY).json()["rewards"]
    stub = Stub("vllm", first)
    with serving(stub) as address:
        service = serve(Ref("tiny", 1, first), Ref("tiny", 1, first), servers={"tiny": address})
        until(service, lambda found: bool(found["asked"]))
        stub.hold(second)
        by, rewards = asked(service)
        assert by == "podium"
        np.testing.assert_allclose(rewards, wanted, atol=1e-5)


def test_a_new_champion_is_computed_here_until_the_server_holds_it(folders: Callable[..., Path], serve: Serve) -> None:
    refs = [Ref("tiny", version, folders("tiny_llama", version)) for version in (1, 2)]
    stub = Stub("vllm", refs[0].folder)
    with serving(stub) as address:
        service = serve(*reversed(refs), refs[0], servers={"tiny": address})
        until(service, lambda found: bool(found["asked"]))
        older = service.post("tiny@2/score", BODY)  # not the champion: it has another model
        assert older.headers["X-Podium-Computed-By"] == "podium"
        service.models.set_champions({"tiny": refs[1]})
        assert asked(service)[0] == "podium"
        assert "differs most" in refused(service)
        stub.hold(refs[1].folder)
        until(service, lambda found: bool(found["asked"]))
        by, rewards = asked(service)
        assert by == "vllm"
        np.testing.assert_allclose(rewards, older.json()["rewards"], atol=1e-5)


def test_a_kind_that_cannot_read_the_model_is_refused(folders: Callable[..., Path], serve: Serve) -> None:
    folder = folders("tiny_llama")
    with serving(Stub("tei", folder)) as address:
        service = serve(Ref("tiny", 1, folder), servers={"tiny": address})
        assert "tei can't be asked for this kind of model" in refused(service)


def test_whole_texts_are_asked_of_vllm_as_they_stand(folders: Callable[..., Path], serve: Serve) -> None:
    folder = folders("tiny_llama")
    own = serve(Ref("tiny", 1, folder)).post("tiny/classify", {"input": TEXTS}).json()["data"]
    with serving(Stub("vllm", folder)) as address:
        service = serve(Ref("tiny", 1, folder), servers={"tiny": address})
        until(service, lambda found: bool(found["asked"]))
        answer = service.post("tiny/classify", {"input": TEXTS})
    assert answer.headers["X-Podium-Computed-By"] == "vllm"
    np.testing.assert_allclose(
        [row["probs"] for row in answer.json()["data"]], [row["probs"] for row in own], atol=1e-5
    )


@pytest.mark.parametrize(
    "argument",
    [
        "tiny",
        "tiny=http://a",
        "tiny=triton:http://a",
        "=vllm:http://a",
        "tiny=vllm:a:8000",
        "tiny=vllm:http://x:secret@a:port",
    ],
)
def test_an_address_that_is_none_is_said_without_its_token(argument: str) -> None:
    with pytest.raises(ConfigError, match="give NAME=vllm:http://host:8000") as error:
        parse_addresses([argument])
    assert "secret" not in str(error.value)


def test_a_project_has_one_server() -> None:
    with pytest.raises(ConfigError, match="'tiny' has two servers"):
        parse_addresses([f"tiny=vllm:http://a:{free_port()}", "tiny=tei:http://b"])
