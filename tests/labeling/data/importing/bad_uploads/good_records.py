"""Three prompts in each layout, in which each text has its own number: what is broken by damage.py."""

from __future__ import annotations

from collections.abc import Callable

Record = dict[str, object]


def question(n: int) -> str:
    return f"Which fruit is number {n}?"


def answers(n: int) -> tuple[str, str]:
    return f"Apple {n}, of a tree.", f"Stone {n}, of a field."


def _said(n: int) -> list[list[dict[str, str]]]:
    return [[{"role": "assistant", "content": text}] for text in answers(n)]


def _asked(n: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": question(n)}]


def podium(n: int) -> Record:
    first, second = answers(n)
    completions = [{"id": "a", "text": first}, {"id": "b", "text": second}]
    rankings = [{"labeler": "ann", "ranks": [1, 2]}]
    return {"id": f"p{n}", "prompt": question(n), "completions": completions, "rankings": rankings, "metadata": {}}


def trl_explicit(n: int) -> Record:
    first, second = answers(n)
    return {"prompt": question(n), "chosen": first, "rejected": second}


def trl_implicit(n: int) -> Record:
    return {key: f"{question(n)} {text}" for key, text in zip(("chosen", "rejected"), answers(n), strict=True)}


def trl_conversational(n: int) -> Record:
    chosen, rejected = _said(n)
    return {"prompt": _asked(n), "chosen": chosen, "rejected": rejected}


def trl_conversational_implicit(n: int) -> Record:
    chosen, rejected = _said(n)
    return {"chosen": _asked(n) + chosen, "rejected": _asked(n) + rejected}


def hh(n: int) -> Record:
    start = f"\n\nHuman: {question(n)}\n\nAssistant: "
    return {key: start + text for key, text in zip(("chosen", "rejected"), answers(n), strict=True)}


def openai_preference(n: int) -> Record:
    chosen, rejected = _said(n)
    return {"input": {"messages": _asked(n)}, "preferred_output": chosen, "non_preferred_output": rejected}


def openai_chat(n: int) -> Record:
    return {"messages": _asked(n) + _said(n)[0], "rejected_response": answers(n)[1]}


def nemo_rl(n: int) -> Record:
    ranked = [{"rank": rank, "completion": said} for rank, said in enumerate(_said(n))]
    return {"context": _asked(n), "completions": ranked}


def llama_factory(n: int) -> Record:
    chosen, rejected = ({"from": "gpt", "value": text} for text in answers(n))
    return {"conversations": [{"from": "human", "value": question(n)}], "chosen": chosen, "rejected": rejected}


def nectar(n: int) -> Record:
    ranked = [{"answer": text, "rank": rank, "model": f"m{rank}"} for rank, text in enumerate(answers(n), start=1)]
    return {"prompt": question(n), "answers": ranked}


def ultrafeedback(n: int) -> Record:
    scored = [{"response": text, "model": f"m{score}", "overall_score": score} for score, text in enumerate(answers(n))]
    return {"instruction": question(n), "completions": scored}


def helpsteer2(n: int) -> Record:
    first, second = answers(n)
    return {"prompt": question(n), "response_1": first, "response_2": second, "preference_strength": -2}


def helpsteer3(n: int) -> Record:
    first, second = answers(n)
    return {"context": _asked(n), "response1": first, "response2": second, "overall_preference": -2}


def multipref(n: int) -> Record:
    first, second = answers(n)
    said = [{"evaluator": "ann", "overall_pref": "A-is-clearly-better"}]
    texts = {"text": question(n), "completion_a": first, "completion_b": second}
    return {**texts, "normal_worker_annotations": said, "expert_worker_annotations": []}


def lmarena(n: int) -> Record:
    both = {f"conversation_{side}": _asked(n) + said for side, said in zip("ab", _said(n), strict=True)}
    return {"question_id": f"q{n}", "model_a": "m1", "model_b": "m2", "winner": "model_a", "judge": "ann", **both}


def argilla(n: int) -> Record:
    first, second = answers(n)
    fields = {"prompt": question(n), "reply-1": first, "reply-2": second}
    said = [{"value": ["reply-1", "reply-2"], "user_id": "ann", "status": "submitted"}]
    return {"id": f"a{n}", "fields": fields, "responses": {"order": said}, "suggestions": {}}


def label_studio(n: int) -> Record:
    first, second = answers(n)
    result = [{"from_name": "better", "to_name": "t1,t2", "type": "pairwise", "value": {"selected": "left"}}]
    said = [{"id": n, "completed_by": 1, "result": result, "was_cancelled": False}]
    return {"id": n, "data": {"prompt": question(n), "text1": first, "text2": second}, "annotations": said}


def potato(n: int) -> Record:
    said = {"preference": {"selection": "A"}}
    texts = list(answers(n))
    return {"user_id": "ann", "instance_id": f"i{n}", "prompt": question(n), "texts": texts, "label_annotations": said}


def wide_table(n: int) -> Record:
    first, second = answers(n)
    return {"prompt": question(n), "completion_a": first, "completion_b": second, "winner": "a", "topic": "fruit"}


def instruction_table(n: int) -> Record:
    first, second = answers(n)
    return {"instruction": question(n), "input": "", "chosen": first, "rejected": second}


Layout = Callable[[int], Record]
# The name that an import says, and a record of it. A long table has several records a prompt: tables.py tries it.
LAYOUTS: tuple[tuple[str, Layout], ...] = (
    ("podium", podium),
    ("trl-preference", trl_explicit),
    ("trl-preference", trl_implicit),
    ("trl-preference", trl_conversational),
    ("trl-preference", trl_conversational_implicit),
    ("hh-rlhf", hh),
    ("openai-preference", openai_preference),
    ("openai-chat", openai_chat),
    ("nemo-rl", nemo_rl),
    ("llama-factory", llama_factory),
    ("nectar", nectar),
    ("ultrafeedback", ultrafeedback),
    ("helpsteer2", helpsteer2),
    ("helpsteer3", helpsteer3),
    ("multipref", multipref),
    ("lmarena", lmarena),
    ("argilla", argilla),
    ("label-studio", label_studio),
    ("potato", potato),
    ("wide-table", wide_table),
    ("wide-table", instruction_table),
)
