"""Rows at the edges of the format, and what is right of each: the one table that every door is held to.

`refused` is the code of what is wrong with the row itself, whoever reads it, and `field` where. `project` is the code
by which a project refuses what the format allows: a limit of its own, in docs/import.md under 'What a project adds'.
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    name: str
    line: bytes
    refused: str | None = None
    field: str = ""
    project: str | None = None  # of a project that ranks
    classifies: str | None = None  # of one that classifies, with the flag `rude`


ANN = {"labeler": "ann", "ranks": [1, 2]}
BEST_OF_FOUR = {"labeler": "ann", "ranks": [2, 1, 2, 2], "top_k": 1}
TWO = [{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]
UNANSWERED = "not_answered"


def line(**changes: object) -> bytes:
    row = {"id": "p", "prompt": "Why?", "completions": TWO, **changes}
    return json.dumps({key: value for key, value in row.items() if value is not ...}).encode()


def texts(n: int) -> list[dict[str, str]]:
    return [{"id": str(place), "text": f"text {place}"} for place in range(n)]


def ranked(**changes: object) -> bytes:
    return line(rankings=[{**ANN, **changes}])


def said(role: str, content: object, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


EDGES = [
    # The completions. How many a person can put in order is the project's limit; training reads as many as there are.
    Edge("K = 0", line(completions=[]), "some_completions", "completions"),
    Edge("K = 1", line(completions=texts(1)), project="completions"),
    Edge("K = 10", line(completions=texts(10))),
    Edge("K = 11", line(completions=texts(11)), project="completions", classifies="completions"),
    Edge("no completions", line(completions=...), "some_completions", "completions"),
    Edge("completions that are an object", line(completions={"a": "b"}), "some_completions", "completions"),
    Edge("a completion that is a text", line(completions=["one", "two"]), "completion", "completions[0]"),
    # An id is a completion's name in a file; without one its place is, as best of N always had it.
    Edge("completions without ids", line(completions=[{"text": "one"}, {"text": "two"}])),
    Edge(
        "an id that is a place of another",
        line(completions=[{"id": "1", "text": "one"}, {"text": "two"}]),
        "repeated_id",
        "completions[1].id",
    ),
    Edge(
        "completion ids twice",
        line(completions=[TWO[0], {"id": "a", "text": "two"}]),
        "repeated_id",
        "completions[1].id",
    ),
    Edge(
        "a completion id that is a number",
        line(completions=[TWO[0], {"id": 7, "text": "two"}]),
        "no_text",
        "completions[1].id",
    ),
    # Training leaves equal texts out and counts them (`alike`); a person can't rank a text against itself.
    Edge(
        "equal texts",
        line(completions=[TWO[0], {"id": "b", "text": " one "}]),
        project="repeated_text",
        classifies="repeated_text",
    ),
    Edge("a text of blanks", line(completions=[TWO[0], {"id": "b", "text": " \n"}]), "no_text", "completions[1].text"),
    Edge(
        "a text that is true", line(completions=[TWO[0], {"id": "b", "text": True}]), "no_text", "completions[1].text"
    ),
    Edge("a model that is null", line(completions=[{**TWO[0], "model": None}, TWO[1]])),
    Edge(
        "a model that is a number", line(completions=[{**TWO[0], "model": 3}, TWO[1]]), "model", "completions[0].model"
    ),
    # The prompt. A lone text has none, which is right where texts are classified; training reads both kinds.
    Edge("an empty prompt", line(prompt=""), project="no_text"),
    Edge("a prompt of blanks", line(prompt=" \n"), project="no_text"),
    Edge("an empty prompt as a turn, as versions have it", line(prompt=[said("user", "")]), project="no_text"),
    Edge("no prompt", line(prompt=...), "prompt", "prompt"),
    Edge("a prompt of no turns", line(prompt=[]), "prompt", "prompt"),
    Edge("a prompt that is a number", line(prompt=3), "prompt", "prompt"),
    # Real dialogues have empty turns, empty system prompts above all.
    Edge("an empty turn beside others", line(prompt=[said("system", ""), said("user", "Why?")])),
    Edge("a turn that is null", line(prompt=[said("user", None)]), "content", "prompt[0].content"),
    Edge("a role that nobody has", line(prompt=[said("robot", "hi")]), "role", "prompt[0].role"),
    Edge("a role that is a list", line(prompt=[said(["user"], "hi")]), "role", "prompt[0].role"),  # type: ignore[arg-type]
    # A model would read two turns of the assistant in a row, which templates refuse or write as one.
    Edge(
        "a prompt that ends with the assistant",
        line(prompt=[said("user", "hi"), said("assistant", "x")]),
        "ends_with_assistant",
        "prompt",
    ),
    Edge("a message with another key", line(prompt=[said("user", "hi", name="ann")]), "unknown_key", "prompt[0].name"),
    # Characters. A NUL is never what somebody wrote, PostgreSQL can't keep it, and what trains must be what imports.
    Edge("a NUL in a prompt", line(prompt="a\x00b"), "nul", "prompt"),
    Edge("a NUL in a text", line(completions=[TWO[0], {"id": "b", "text": "t\x00"}]), "nul", "completions[1].text"),
    Edge("a NUL in an id", line(id="p\x00"), "nul", "id"),
    Edge("a surrogate in a prompt", line(prompt=[said("user", "\ud800")]), "surrogate", "prompt[0].content"),
    Edge("a surrogate in a labeler", ranked(labeler="\udc00"), "surrogate", "rankings[0].labeler"),
    Edge(
        "a surrogate in a model",
        line(completions=[{**TWO[0], "model": "\ud83d"}, TWO[1]]),
        "surrogate",
        "completions[0].model",
    ),
    Edge("a whole pair of surrogates, which is a character", line(prompt="\U0001f600")),
    # Numbers, JSON and keys.
    Edge("NaN", line(metadata={"x": float("nan")}), "not_json", "line"),
    Edge("a number beyond all", line(metadata={"x": 0}).replace(b'"x": 0', b'"x": 1e999'), "number", "metadata.x"),
    Edge("metadata that is a list", line(metadata=[1]), "metadata", "metadata"),
    Edge("any keys in metadata", line(metadata={"split": "dev", "x": [None, 0.5]})),
    Edge("no JSON", b'{"id": ', "not_json", "line"),
    Edge("no UTF-8", b'{"id": "\xff"}', "not_utf8", "line"),
    Edge("no object", b"[1]", "not_object", "line"),
    Edge("nesting without end", b"[" * 100_000, "not_json", "line"),
    Edge("a key twice", line().replace(b'"prompt"', b'"id": "q", "prompt"'), "repeated_key", "id"),
    Edge("a key that is misspelt", line(completion=[]), "misspelt_key", "completion"),
    Edge("a key that nobody knows", line(zzz=1), "unknown_key", "zzz"),
    Edge("an id that is a number", line(id=7), "no_text", "id"),
    Edge("no id", line(id=...), "no_text", "id"),
    Edge("an id of 201 characters", line(id="x" * 201), project="too_long", classifies="too_long"),
    # The split. A file may say it, as versions do; a project has its own rule (data/test_recorded_rows.py).
    Edge("a split nobody knows", line(split="dev"), "split", "split"),
    Edge("a split that is null", line(split=None)),
    Edge("a split that is empty", line(split="")),
    Edge("a split that is false", line(split=False), "split", "split"),
    # The rankings.
    Edge("rankings that are null", line(rankings=None)),
    Edge("rankings that are an object", line(rankings={}), "rankings", "rankings"),
    Edge("a ranking", ranked(), classifies=UNANSWERED),
    Edge("a ranking with an id, as versions have it", ranked(id="17"), classifies=UNANSWERED),
    Edge(
        "one labeler twice", line(rankings=[ANN, {**ANN, "ranks": [2, 1]}]), "repeated_labeler", "rankings[1].labeler"
    ),
    Edge("two labelers", line(rankings=[ANN, {**ANN, "labeler": "bob"}]), classifies=UNANSWERED),
    Edge("a labeler without a name", ranked(labeler=" "), "no_text", "rankings[0].labeler"),
    Edge("a labeler of 141 characters", ranked(labeler="x" * 141), project="too_long", classifies="too_long"),
    Edge("too few ranks", ranked(ranks=[1]), "ranks", "rankings[0].ranks"),
    Edge("a rank of 0", ranked(ranks=[0, 1]), "rank", "rankings[0].ranks[0]"),
    Edge("a rank that is true", ranked(ranks=[True, 2]), "rank", "rankings[0].ranks[0]"),
    Edge("a rank that is 1.0", ranked(ranks=[1.0, 2]), "rank", "rankings[0].ranks[0]"),
    Edge("ranks with a gap beyond any column", ranked(ranks=[10**400, 1]), classifies=UNANSWERED),
    Edge("a misspelt key of a ranking", ranked(strenght=2), "misspelt_key", "rankings[0].strenght"),
    Edge("a strength", ranked(strength=3), classifies=UNANSWERED),
    Edge("a strength that is null", ranked(strength=None), classifies=UNANSWERED),
    Edge("a strength of 4", ranked(strength=4), "strength", "rankings[0].strength"),
    Edge("a strength that is true", ranked(strength=True), "strength", "rankings[0].strength"),
    Edge("a strength of a tie", ranked(ranks=[1, 1], strength=2), "strength_of_tie", "rankings[0].strength"),
    Edge(
        "a strength of three",
        line(completions=texts(3), rankings=[{"labeler": "ann", "ranks": [1, 2, 3], "strength": 1}]),
        "strength_of_more",
        "rankings[0].strength",
    ),
    Edge("flags", ranked(flags=[{"rude": True}, {"rude": False}])),
    Edge("flags as JSON text, as versions have them", ranked(flags='[{"rude": true}, {"rude": false}]')),
    Edge("flags as a text that is no JSON", ranked(flags="[{"), "not_json", "rankings[0].flags"),
    Edge("no flags of two texts", ranked(flags=[]), classifies=UNANSWERED),
    Edge("flags of one text of two", ranked(flags=[{}]), "flags", "rankings[0].flags"),
    Edge("flags that are an object", ranked(flags={}), "flags", "rankings[0].flags"),
    Edge("a flag that is 1", ranked(flags=[{"rude": 1}, {}]), "flags_of_one", "rankings[0].flags[0]"),
    Edge("a flag with a NUL", ranked(flags=[{"\x00": True}, {}]), "nul", "rankings[0].flags[0]"),
    Edge("a flag with a surrogate", ranked(flags=[{"\ud800": True}, {}]), "surrogate", "rankings[0].flags[0]"),
    Edge(
        "a flag twice",
        ranked(flags=[{"rude": True}, {}]).replace(b'"rude": true', b'"rude": true, "rude": false'),
        "repeated_key",
        "rankings[0].flags[0].rude",
    ),
    # What is known of the completions. A project takes of it what it asks people.
    Edge("gold", line(gold={"ranks": [2, 1], "explanation": "b is right"}), classifies="of_an_order"),
    Edge("gold of flags alone", line(gold={"flags": [{"rude": True}, {}]})),
    Edge(
        "gold of flags that nobody asks",
        line(gold={"flags": [{"odd": True}, {}]}),
        project="gold_flag",
        classifies="gold_flag",
    ),
    Edge("gold that is null", line(gold=None)),
    Edge("gold that is a list", line(gold=[1, 2]), "gold", "gold"),
    Edge("gold of a tie alone", line(gold={"ranks": [1, 1]}), "gold_says_nothing", "gold"),
    Edge("gold that is empty", line(gold={}), "gold_says_nothing", "gold"),
    Edge("gold of three", line(gold={"ranks": [1, 2, 3]}), "ranks", "gold.ranks"),
    Edge("gold from 0", line(gold={"ranks": [0, 1]}), "rank", "gold.ranks[0]"),
    Edge("gold by somebody", line(gold={"ranks": [1, 2], "labeler": "ann"}), "unknown_key", "gold.labeler"),
    Edge("gold explained by a number", line(gold={"ranks": [1, 2], "explanation": 7}), "text", "gold.explanation"),
    Edge(
        "gold explained at length",
        line(gold={"ranks": [1, 2], "explanation": "x" * 2001}),
        project="too_long",
        classifies="too_long",
    ),
    # The best ranked, and a rest without an order below them.
    Edge("the best of four", line(completions=texts(4), rankings=[BEST_OF_FOUR]), classifies="of_an_order"),
    Edge("a rest of one", ranked(top_k=1), classifies=UNANSWERED),
    Edge("more best ones than ranks say", ranked(top_k=2), "top_k", "rankings[0].top_k"),
    Edge("best ones that are none", ranked(ranks=[1, 1], top_k=0), "top_k", "rankings[0].top_k"),
    Edge("a number of best ones that is true", ranked(top_k=True), "top_k", "rankings[0].top_k"),
    Edge("a number of best ones that is a text", ranked(top_k="1"), "top_k", "rankings[0].top_k"),
    # What is said beyond an order.
    Edge("an acceptable line", ranked(acceptable=0), classifies="of_an_order"),
    Edge("a line below all", ranked(acceptable=3), "acceptable", "rankings[0].acceptable"),
    Edge("a line that is true", ranked(acceptable=True), "acceptable", "rankings[0].acceptable"),
    Edge(
        "a line among answered texts",
        ranked(acceptable=1, flags=[{"rude": True}, {"rude": False}]),
        classifies="of_an_order",
    ),
    Edge("reasons", ranked(reasons=["correct"], flags=[{"rude": True}, {"rude": False}])),
    Edge("reasons that are a text", ranked(reasons="correct"), "reasons", "rankings[0].reasons"),
    Edge("a reason that is empty", ranked(reasons=[""]), "no_text", "rankings[0].reasons[0]"),
    Edge("a long reason", ranked(reasons=["x" * 41]), "too_long", "rankings[0].reasons[0]"),
    Edge("21 reasons", ranked(reasons=[f"r{n}" for n in range(21)]), "too_many", "rankings[0].reasons"),
    Edge("ratings", ranked(attributes=[{"helpful": 4}, {}]), classifies="of_an_order"),
    Edge("ratings as JSON text", ranked(attributes='[{"helpful": 4}, {}]'), classifies="of_an_order"),
    Edge("a comparison", ranked(attributes=[{"kinder": -3}, {"kinder": 3}]), classifies="of_an_order"),
    Edge("ratings of one of two", ranked(attributes=[{}]), "attributes", "rankings[0].attributes"),
    Edge("ratings that are an object", ranked(attributes={"a": 1}), "attributes", "rankings[0].attributes"),
    Edge("a rating that is a number", ranked(attributes=[4, 4]), "attributes_of_one", "rankings[0].attributes[0]"),
    Edge("a rating of 11", ranked(attributes=[{"h": 11}, {}]), "rating", "rankings[0].attributes[].h"),
    Edge("a rating of true", ranked(attributes=[{"h": True}, {}]), "rating", "rankings[0].attributes[].h"),
    Edge("a comparison of 4", ranked(attributes=[{"h": 4}, {"h": -4}]), "rating", "rankings[0].attributes[].h"),
    Edge("an uneven comparison", ranked(attributes=[{"h": 1}, {"h": -2}]), "rating", "rankings[0].attributes[].h"),
    Edge("a rating with a NUL", ranked(attributes=[{"\x00": 1}, {}]), "nul", "rankings[0].attributes[0]"),
    Edge("a rewrite", ranked(rewrite={"of": "a", "text": "Better."}), classifies="of_an_order"),
    Edge("a rewrite that is a text", ranked(rewrite="Better."), "rewrite", "rankings[0].rewrite"),
    Edge("a rewrite of none", ranked(rewrite={"of": "c", "text": "x"}), "rewrite_of", "rankings[0].rewrite.of"),
    Edge("a rewrite of a number", ranked(rewrite={"of": 1, "text": "x"}), "rewrite_of", "rankings[0].rewrite.of"),
    Edge("a rewrite of the worse", ranked(rewrite={"of": "b", "text": "x"}), "rewrite_of", "rankings[0].rewrite.of"),
    Edge("a rewrite without words", ranked(rewrite={"of": "a", "text": " "}), "no_text", "rankings[0].rewrite.text"),
    Edge("a rewrite with a NUL", ranked(rewrite={"of": "a", "text": "\x00"}), "nul", "rankings[0].rewrite.text"),
    Edge(
        "a further key of a rewrite",
        ranked(rewrite={"of": "a", "text": "x", "why": 1}),
        "unknown_key",
        "rankings[0].rewrite.why",
    ),
]
