"""A transformers pipeline on the exported folder, against the running service."""

from typing import Any

import numpy as np
import pytest
from transformers import pipeline

from rewardtrain.core.serving.model_cache import Ref
from tests.core.serving.conftest import Serve
from tests.core.tiny.finished import Save

PROMPT, TEXTS = "how do i bake bread", ["please help you", "never", "go away stupid question"]


def as_pairs(tokenizer: Any) -> list[Any]:
    return [{"text": PROMPT, "text_pair": text} for text in TEXTS]


def as_chat(tokenizer: Any) -> list[Any]:
    question = {"role": "user", "content": PROMPT}
    turns = ([question, {"role": "assistant", "content": text}] for text in TEXTS)
    return [tokenizer.apply_chat_template(each, tokenize=False) for each in turns]


def as_text(tokenizer: Any) -> list[Any]:
    return [f"{PROMPT}\n\nAssistant: {text}{tokenizer.eos_token}" for text in TEXTS]


@pytest.mark.parametrize("head", ["scalar", "binary"])
@pytest.mark.parametrize(("base", "write"), [("tiny_bert", as_pairs), ("tiny_llama", as_text), ("chat", as_chat)])
def test_it_gives_the_served_logits(
    save: Save, serve: Serve, base: str, write: Any, head: str, request: pytest.FixtureRequest
) -> None:
    folder, _ = save("model", 1, head=head, share=False, base=request.getfixturevalue(base))
    served = serve(Ref("tiny", 1, folder)).post("tiny/score", {"prompt": PROMPT, "completions": TEXTS}).json()

    classify = pipeline("text-classification", model=str(folder), device="cpu", dtype="float32")
    texts = write(classify.tokenizer)
    options = {"add_special_tokens": False} if write is as_chat else {}
    names = [classify.model.config.id2label[index] for index in range(classify.model.config.num_labels)]

    def scores(function: str) -> list[list[float]]:
        found = classify(texts, function_to_apply=function, top_k=None, **options)
        return [[{one["label"]: one["score"] for one in row}[name] for name in names] for row in found]

    np.testing.assert_allclose(scores("none"), served["logits"], atol=1e-5)
    if head == "binary":
        chances = [row[1] for row in scores("softmax")]
        np.testing.assert_allclose(chances, served["class_probabilities"], atol=1e-6)
