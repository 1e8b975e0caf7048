"""What callers of the scoring service see."""

import base64
import json
import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rewardtrain.core.data.groups import parse_texts
from rewardtrain.core.device import choose_device
from rewardtrain.core.score import Scorer, score_lines
from rewardtrain.core.serving.batcher import MOST_CALLS
from rewardtrain.core.serving.model_cache import Ref
from tests.core.serving.conftest import Serve, Served, held
from tests.core.tiny.finished import Save

BODY = {"prompt": "how do i bake bread", "completions": ["please help you", "never", "go away stupid question"]}


def error_of(response: requests.Response) -> tuple[int, str, str]:
    (error,) = response.json()["errors"]
    return response.status_code, error["code"], error["detail"]


@pytest.mark.parametrize("head", ["scalar", "binary"])
@pytest.mark.parametrize("base", ["tiny_bert", "tiny_llama"])
def test_a_served_reward_is_that_of_the_command_and_of_plain_transformers(
    save: Save, serve: Serve, base: str, head: str, request: pytest.FixtureRequest
) -> None:
    folder, _ = save("model", 1, head=head, share=False, base=request.getfixturevalue(base))
    served = serve(Ref("tiny", 7, folder)).post("tiny/score", BODY).json()
    assert served["model"] == 7

    scorer = Scorer(folder, choose_device(1))
    (told,) = score_lines(scorer, [json.dumps(BODY).encode()])  # what `core score` prints
    np.testing.assert_allclose(served["logits"], told["logits"], atol=1e-5)

    plain = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sequences = scorer.encode(parse_texts("", BODY["prompt"], BODY["completions"]))
    for sequence, logits in zip(sequences, served["logits"], strict=True):
        inputs = {"input_ids": torch.from_numpy(sequence.ids)[None].long()}
        if "token_type_ids" in tokenizer.model_input_names:
            inputs["token_type_ids"] = torch.from_numpy(sequence.types)[None].long()
        with torch.no_grad():
            np.testing.assert_allclose(logits, plain(**inputs).logits[0], atol=1e-5)
    assert served["rewards"] == [logits[-1] for logits in served["logits"]]
    if head == "binary":
        wanted = torch.tensor(served["logits"]).softmax(1)[:, 1]
        np.testing.assert_allclose(served["class_probabilities"], wanted, atol=1e-6)


def test_callers_who_ask_together_are_answered_as_each_alone(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    bodies = [{**BODY, "completions": BODY["completions"][: 1 + turn % 3]} for turn in range(24)]
    with ThreadPoolExecutor(24) as pool, held(service.batcher):
        asked = [pool.submit(service.post, "tiny/score", body) for body in bodies]
        while service.batcher.requests_waiting < len(bodies):
            assert not any(answer.done() for answer in asked)
    wanted = service.post("tiny/score", BODY).json()["rewards"]
    for body, answer in zip(bodies, asked, strict=True):
        np.testing.assert_allclose(answer.result().json()["rewards"], wanted[: len(body["completions"])], atol=1e-5)


def test_rows_are_answered_in_their_order_and_pairwise_where_asked(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    rows = [BODY, {"prompt": [{"role": "user", "content": "learn chess"}], "completions": ["answer"]}]
    answer = service.post("tiny/rows", {"rows": rows, "pairwise": True}).json()
    assert [len(row["rewards"]) for row in answer["rows"]] == [3, 1]
    np.testing.assert_allclose(
        answer["rows"][0]["rewards"], service.post("tiny/score", BODY).json()["rewards"], atol=1e-5
    )
    pairwise = np.array(answer["rows"][0]["pairwise"])
    np.testing.assert_allclose(pairwise + pairwise.T, 1, atol=1e-6)


def test_an_empty_completion_has_a_reward_like_any_other(save: Save, serve: Serve) -> None:
    """A policy that ends at once has written nothing."""
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    assert len(service.post("tiny/score", {"prompt": "chess", "completions": ["", "answer"]}).json()["rewards"]) == 2


def test_openrlhf_gets_the_reward_of_what_follows_the_prompt(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    queries = [f"{BODY['prompt']}{text}</s>" for text in BODY["completions"]]
    answer = service.post(
        "tiny/rewards", {"query": queries, "prompts": [BODY["prompt"]] * 3, "labels": [""] * 3}
    ).json()
    np.testing.assert_allclose(answer["rewards"], service.post("tiny/score", BODY).json()["rewards"], atol=1e-5)


@pytest.mark.parametrize("base", ["tiny_bert", "tiny_llama"])
def test_the_tokens_of_a_completion_add_up_to_the_reward_that_is_served(
    save: Save, serve: Serve, base: str, request: pytest.FixtureRequest
) -> None:
    service = serve(Ref("tiny", 7, save("model", 1, base=request.getfixturevalue(base))[0]))
    told = service.post("tiny/tokens", {"prompt": BODY["prompt"], "completion": BODY["completions"][2]}).json()
    assert told["model"] == 7
    assert told["reward"] == pytest.approx(service.post("tiny/score", BODY).json()["rewards"][2], abs=1e-5)
    assert (
        "".join(token["text"] for token in told["tokens"] if token["part"] == "completion") == "go away stupid question"
    )
    total = sum(token["value"] for token in told["tokens"])
    assert told["baseline"] + total - told["gap"] == pytest.approx(told["reward"], abs=1e-5)


def test_scores_come_between_those_who_ask_for_tokens_and_too_many_of_these_are_told(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    body = {"prompt": BODY["prompt"], "completion": "never"}
    wanted = service.post("tiny/tokens", body).json()
    with ThreadPoolExecutor(16) as pool, held(service.batcher):
        asked = [pool.submit(service.post, "tiny/tokens", body) for _ in range(MOST_CALLS + 1)]
        refused = next(as_completed(asked)).result()
        scored = pool.submit(service.post, "tiny/score", BODY)
        while not service.batcher.requests_waiting:
            assert not scored.done()
    assert error_of(refused)[:2] == (503, "busy")
    assert scored.result().ok
    answers = [answer.result() for answer in asked]
    assert sum(answer.ok for answer in answers) == MOST_CALLS
    assert next(answer for answer in answers if answer.ok).json()["reward"] == pytest.approx(wanted["reward"], abs=1e-5)


BAD: list[tuple[str, Any, int, str, str]] = [
    (
        "tiny/score",
        {"prompt": "a", "completions": []},
        400,
        "bad_request",
        r"completions: must be a list of at least one text \(got \[\]\)",
    ),
    (
        "tiny/score",
        {"prompt": "a"},
        400,
        "bad_request",
        r"completions: must be a list of at least one text \(got null\)",
    ),
    (
        "tiny/score",
        {"prompt": 7, "completions": ["a"]},
        400,
        "bad_request",
        r"prompt: must be a text or a list of .* \(got 7\)",
    ),
    (
        "tiny/score",
        {"prompt": "a", "completions": [True]},
        400,
        "bad_request",
        r"completions\[0\]: must be a text \(got true\)",
    ),
    ("tiny/score", {"prompt": "a", "completions": ["\ud800"]}, 400, "bad_request", "half a surrogate pair"),
    ("tiny/score", {"prompt": "a", "completions": ["a"] * 10_000}, 400, "bad_request", "10,000 completions at once"),
    ("tiny/score", {**BODY, "model": "newest"}, 400, "bad_request", "model is 'newest'"),
    ("tiny/score", {**BODY, "model": 9}, 409, "no_champion", "no model 9"),
    ("tiny/score", {**BODY, "raw": 1}, 400, "bad_request", "raw is 1"),
    ("tiny/score", [], 400, "bad_request", "the body is a list"),
    ("tiny/rows", {"rows": [BODY, 7]}, 400, "bad_request", r"rows\[1\] is 7"),
    ("tiny/rewards", {"query": ["a"], "prompts": []}, 400, "bad_request", "prompts is 0; give one to each of the 1"),
    ("tiny/rewards", {"query": "a"}, 400, "bad_request", "query is 'a'"),
    ("other/score", BODY, 409, "no_champion", "'other' has no champion yet"),
    ("tiny/tokens", {"prompt": "a", "completion": ["b"]}, 400, "bad_request", r"completion is \['b'\]; it must be one"),
    ("tiny/tokens", {"prompt": "a"}, 400, "bad_request", "completion is None"),
    ("tiny/tokens", {"prompt": "a", "completion": "b", "model": 9}, 409, "no_champion", "no model 9"),
    ("tiny/best", BODY, 404, "not_found", "no such address"),
    ("ti%00ny/score", BODY, 404, "not_found", "no such project"),
    ("t" * 300 + "/score", BODY, 404, "not_found", "no such project"),
    ("tiny/score", {**BODY, "model": 10**30}, 409, "no_champion", "no model 1000"),
    ("tiny/score", {**BODY, "modell": 3}, 400, "bad_request", "the body has 'modell', which is not read"),
    ("tiny/rows", {"rows": [{**BODY, "completion": "a"}]}, 400, "bad_request", r"rows\[0\] has 'completion'"),
    (
        "tiny/tokens",
        {"prompt": "a", "completion": "b " * 20_000},
        400,
        "bad_request",
        "40,001 characters; give at most",
    ),
]


def test_what_cannot_be_answered_is_answered_with_why(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    for path, body, status, code, words in BAD:
        got = error_of(service.post(path, body))
        assert got[:2] == (status, code), (path, got)
        assert re.search(words, got[2]), got[2]
    broken = requests.post(f"{service.url}/tiny/score", data=b"{", timeout=60)
    assert error_of(broken)[:2] == (400, "bad_request")
    long = service.post("tiny/score", {"prompt": "chess", "completions": ["answer " * 500]}).json()
    assert long["truncated"] == [True]


def test_only_a_token_opens_and_it_may_stand_in_the_address(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]), token="secret")
    assert error_of(service.post("tiny/score", BODY))[:2] == (401, "not_authenticated")
    assert requests.get(f"{service.url}/models", timeout=60).status_code == 401
    assert service.post("tiny/score", BODY, headers={"Authorization": "Bearer secret"}).ok
    assert requests.post(service.url.replace("://", "://x:secret@") + "/tiny/score", json=BODY, timeout=60).ok
    basic = base64.b64encode(b"\xff\xfe").decode()
    assert service.post("tiny/score", BODY, headers={"Authorization": f"Basic {basic}"}).status_code == 401


def test_who_waits_too_long_is_told_and_costs_nothing_more(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]), seconds=0.05)
    with held(service.batcher):
        answer = service.post("tiny/score", BODY)
        assert error_of(answer)[:2] == (503, "timeout")
        assert answer.headers["Retry-After"] == "1"
    service.batcher.call(lambda tick: None).result(60)
    assert service.batcher.tokens_waiting == 0


def test_a_new_champion_takes_over_under_load_and_no_request_fails(save: Save, serve: Serve) -> None:
    refs = [Ref("tiny", version, save(str(version), version)[0]) for version in (1, 2, 3)]
    refs.append(Ref("tiny", 4, save("4", 4, share=False)[0]))
    service = serve(refs[0])
    wanted = {
        ref.version: Scorer(ref.folder, choose_device(1)).score(parse_texts("", **BODY))["rewards"] for ref in refs
    }
    stop = threading.Event()
    seen: list[int] = []

    def ask() -> list[int]:
        own: list[int] = []
        with requests.Session() as session:
            while not stop.is_set():
                answer = session.post(f"{service.url}/tiny/score", json=BODY, timeout=60)
                assert answer.ok, answer.text
                got = answer.json()
                np.testing.assert_allclose(got["rewards"], wanted[got["model"]], atol=1e-5)
                seen.append(got["model"])
                own.append(got["model"])
        return own

    with ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(ask) for _ in range(8)]
        for ref in refs[1:]:
            before = len(seen)
            while len(seen) < before + 20:
                assert not any(caller.done() for caller in callers), "a caller failed"
            service.models.set_champions({"tiny": ref})
        assert service.post("tiny/score", BODY).json()["model"] == 4
        while 4 not in seen:
            assert not any(caller.done() for caller in callers), "a caller failed"
        stop.set()
        answers = [caller.result() for caller in callers]
    assert {version for own in answers for version in own} == {1, 2, 3, 4}
    assert all(own == sorted(own) for own in answers)  # nobody is answered by an older one again


def test_a_champion_that_cannot_be_loaded_leaves_the_one_before_it_in_place(
    save: Save, serve: Serve, tmp_path: Path
) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    service.models.set_champions({"tiny": Ref("tiny", 2, tmp_path / "gone")})
    assert service.post("tiny/score", BODY).json()["model"] == 1
    assert "model 2 of tiny can't be loaded" in service.said[-1]
    assert "model 1 goes on answering" in service.said[-1]
    ready = requests.get(f"{service.url}/readyz", timeout=60)
    assert (ready.status_code, ready.json()["failed"]) == (200, 1)  # it answers, by the one before
    assert "podium_score_champions_failed 1.0" in requests.get(f"{service.url}/metrics", timeout=60).text
    service.models.set_champions({"tiny": Ref("tiny", 1, save("model", 1)[0])})
    assert requests.get(f"{service.url}/readyz", timeout=60).json() == {
        "champions": 1,
        "in_memory": 1,
        "failed": 0,
        "draining": False,
    }


def test_who_can_answer_nothing_is_not_ready(save: Save, serve: Serve, tmp_path: Path) -> None:
    good, gone = Ref("tiny", 1, save("model", 1)[0]), Ref("lost", 1, tmp_path / "gone")

    def ready(*refs: Ref) -> int:
        return requests.get(f"{serve(*refs).url}/readyz", timeout=60).status_code

    assert ready(gone) == 503
    assert ready(good, gone) == 200  # else one project's lost folder would take all services from behind a balancer
    assert ready() == 200


@pytest.mark.parametrize("damage", ["gone", "empty", "manifest", "weights"])
def test_who_asks_a_model_that_cannot_be_read_is_not_told_where_it_lies(
    save: Save, serve: Serve, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "models"
    if damage == "empty":
        folder.mkdir()
    elif damage != "gone":
        shutil.copytree(save("model", 1)[0], folder)
        for file in folder.glob("*.safetensors" if damage == "weights" else "*.json"):
            file.write_bytes(b"{")
    answer = serve(Ref("lost", 7, folder)).post("lost/score", BODY)
    assert answer.status_code >= 500
    assert str(tmp_path) not in answer.text
    assert "model 7" in answer.text or answer.json()["errors"][0]["code"] == "error"


def test_it_tells_what_it_holds_and_how_busy_it_is(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    service.post("tiny/score", BODY)
    assert requests.get(f"{service.url}/healthz", timeout=60).text == "ok\n"
    assert requests.get(f"{service.url}/models", timeout=60).json() == {
        "champions": [{"project": "tiny", "version": 1, "in_memory": True, "error": None}],
        "tokens_waiting": 0,
    }
    text = requests.get(f"{service.url}/metrics", timeout=60).text
    assert 'podium_score_completions_total{project="tiny"} 3.0' in text
    assert 'podium_score_requests_total{project="tiny",status="200"} 1.0' in text


def test_names_that_are_guessed_make_no_series(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    for place in range(3):
        service.post(f"guess{place}/score", BODY)
        service.post(f"guess{place}/score", {})
    text = requests.get(f"{service.url}/metrics", timeout=60).text
    assert "guess" not in text
    assert 'podium_score_requests_total{project="",status="409"} 3.0' in text


WORD = "chess"  # that the network below refuses


@pytest.fixture
def choosy(save: Save, serve: Serve) -> Served:
    """A service whose network raises where WORD is among a batch's tokens, and gives no number where "bread" is."""
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    _, scorer = service.models.get("tiny")
    tokenizer, network = scorer._model.encoder.tokenizer, scorer._model.network
    refused, unknown = (
        tokenizer(WORD, add_special_tokens=False)["input_ids"],
        tokenizer("bread", add_special_tokens=False)["input_ids"],
    )

    def refuse(module: torch.nn.Module, args: object, kwargs: dict[str, Any]) -> None:
        if set(refused) <= set(kwargs["input_ids"].unique().tolist()):
            raise IndexError("index out of range in self")

    def spoil(module: torch.nn.Module, args: object, kwargs: dict[str, Any], output: Any) -> None:
        for row, ids in enumerate(kwargs["input_ids"].tolist()):
            if set(unknown) <= set(ids):
                output.logits[row] = float("nan")

    network.register_forward_pre_hook(refuse, with_kwargs=True)
    network.register_forward_hook(spoil, with_kwargs=True)
    return service


@pytest.mark.parametrize(("word", "why"), [(WORD, "index out of range"), ("bread", "is no number")])
def test_a_text_that_the_network_refuses_is_named_to_its_caller_and_harms_no_other(
    choosy: Served, word: str, why: str
) -> None:
    good = {"prompt": "how do i", "completions": ["please help you", "never"]}
    bad = {"prompt": "how do i", "completions": ["never", f"learn {word}"]}
    wanted = choosy.post("tiny/score", good).json()["rewards"]
    with ThreadPoolExecutor(24) as pool, held(choosy.batcher):
        asked = [pool.submit(choosy.post, "tiny/score", bad if turn == 9 else good) for turn in range(24)]
        while choosy.batcher.requests_waiting < 24:
            assert not any(answer.done() for answer in asked)
    answers = [answer.result() for answer in asked]
    status, code, detail = error_of(answers.pop(9))
    assert (status, code) == (400, "bad_request")
    assert re.search(rf"request: completions\[1\]: .*{why}", detail), detail
    for answer in answers:
        np.testing.assert_allclose(answer.json()["rewards"], wanted, atol=1e-5)
    assert choosy.batcher.tokens_waiting == 0

    detail = error_of(choosy.post("tiny/rows", {"rows": [good, bad]}))[2]
    assert detail.startswith("rows[1]: completions[1]: ")
    detail = error_of(choosy.post("tiny/rewards", {"query": ["never", f"learn {word}"]}))[2]
    assert detail.startswith("query[1]: ")


def test_tokens_of_a_text_that_the_network_refuses_are_refused(choosy: Served) -> None:
    answer = choosy.post("tiny/tokens", {"prompt": "learn", "completion": WORD})
    assert error_of(answer)[:2] == (400, "bad_request")


def test_scores_are_computed_between_the_passes_of_who_asks_for_tokens(save: Save, serve: Serve) -> None:
    """Apart from each other: a request that came after, and waits for nothing but the network, is answered first."""
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    _, scorer = service.models.get("tiny")
    sequences = scorer.encode(parse_texts("", **BODY))
    (group,) = [parse_texts("", BODY["prompt"], ["never"])]
    seen: list[bool] = []

    def work(tick: Callable[[], None]) -> None:
        waiting = service.batcher.submit(scorer, sequences)
        scorer.tokens(group, tick=tick)
        seen.append(waiting.done())

    service.batcher.call(work).result(60)
    assert seen == [True]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"prompt": "a", "completions": ["b"], "prompt": "c"}', "the key 'prompt' stands twice in one object"),
        (b'{"prompt": [{"role": "user", "content": "a", "content": "b"}], "completions": ["c"]}', "'content' stands"),
        (b'{"prompt": "a", "completions": ["b"], "model": NaN}', "NaN is not JSON"),
        (b'{"prompt": "a", "completions": ["b"], "model": -Infinity}', "-Infinity is not JSON"),
        (b'{"prompt": "a", "completions": ["b"], "model": 1e999}', "a number is too large"),
        ('{"prompt": "a", "completions": ["b"]}'.encode("utf-16"), "not JSON in UTF-8"),
    ],
)
def test_a_body_is_read_to_the_letter(save: Save, serve: Serve, body: bytes, said: str) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    answer = error_of(requests.post(f"{service.url}/tiny/score", data=body, timeout=60))
    assert answer[:2] == (400, "bad_request")
    assert said in answer[2]
