"""Text Embeddings Inference's /predict, /rerank and /info, as release 1.9 has them.

It cuts by itself what is too long, and so do we: a pair as always, the prompt from its left; a text alone as it does.
"""

from typing import Any

from starlette.responses import JSONResponse, Response

from rewardtrain.core.data.whole_texts import WholeTexts
from rewardtrain.core.errors import DataError
from rewardtrain.core.score import Scorer
from rewardtrain.core.serving.answers import Answered, Protocol, model_name
from rewardtrain.core.serving.batcher import MOST_WAITING
from rewardtrain.core.serving.problems import RETRY, Problem, Refused
from rewardtrain.core.serving.protocols import MOST_COMPLETIONS, Asked, object_of, refuse_count
from rewardtrain.core.serving.shapes.fields import (
    activated,
    asked_of_groups,
    asked_of_whole,
    choice_of,
    group_of,
    text_of,
    texts_of,
)

VERSION = "1.9.0"  # whose form this is
_STATUS = {
    "bad_request": (422, "Validation"),
    "busy": (429, "Overloaded"),
    "no_champion": (424, "Backend"),
    "empty": (400, "Empty"),
}


# --- What is read -----------------------------------------------------------------------------------------------------


def parse_predict(body: object) -> Asked:
    """Reads {"inputs": text, [prompt, completion], or a list of lists of one or two texts}. Raises DataError."""
    fields = object_of(body)
    given = fields.get("inputs")
    rows = given if isinstance(given, list) and given and isinstance(given[0], list) else None
    read = [_row("inputs", given)] if rows is None else _rows(rows)
    if len({len(row) for row in read}) > 1:
        raise DataError("inputs has pairs and texts alone; send these in a request of their own")
    wanted = {"wanted": (bool(choice_of(fields, "raw_scores")), rows is not None), "may_cut": _may_cut(fields)}
    if len(read[0]) == 2:
        groups = [group_of(f"inputs[{at}]", prompt, [text]) for at, (prompt, text) in enumerate(read)]
        return asked_of_groups(groups, **wanted)
    most = -1 if _may_cut(fields) else None
    whole = WholeTexts(tuple(text for (text,) in read), most=most, cut_left=_cuts_left(fields))
    return asked_of_whole(whole, **wanted)


def parse_rerank(body: object) -> Asked:
    """Reads {"query": text, "texts": texts, "raw_scores"?, "return_text"?, "truncate"?}. Raises DataError."""
    fields = object_of(body)
    if fields.get("texts") == []:
        raise Refused(400, "empty", "texts is an empty list; give at least one text.")
    group = group_of("texts", text_of("query", fields.get("query")), texts_of(fields, "texts"))
    wanted = (bool(choice_of(fields, "raw_scores")), bool(choice_of(fields, "return_text")))
    return asked_of_groups([group], wanted=wanted, may_cut=_may_cut(fields))


def _rows(rows: list[object]) -> list[list[str]]:
    refuse_count(len(rows))
    for at, row in enumerate(rows):
        if not isinstance(row, list):
            raise DataError(f"inputs[{at}] is {row!r:.80}; it must be a list of one text or two, as the first is")
    return [_row(f"inputs[{at}]", row) for at, row in enumerate(rows)]


def _row(place: str, row: object) -> list[str]:
    if isinstance(row, str):
        return [text_of(place, row)]
    if not isinstance(row, list) or len(row) not in (1, 2):
        raise DataError(f"{place} is {row!r:.80}; it must be a text, or [prompt, completion]")
    return [text_of(f"{place}[{at}]", text) for at, text in enumerate(row)]


def _may_cut(fields: dict[str, Any]) -> bool:
    return choice_of(fields, "truncate") is not False


def _cuts_left(fields: dict[str, Any]) -> bool:
    side = fields.get("truncation_direction", "Right")
    if side not in ("left", "Left", "right", "Right"):
        raise DataError(f"truncation_direction is {side!r:.80}; it must be Left or Right")
    return bool(side.lower() == "left")


# --- What is written --------------------------------------------------------------------------------------------------


def write_predict(answered: Answered) -> Any:
    """Gives the labels of each text by their scores, the highest first."""
    raw, several = answered.asked.wanted
    rows = []
    for logits in answered.logits:
        scores = zip(answered.labels, logits if raw else activated(logits), strict=True)
        rows.append([{"score": score, "label": label} for label, score in sorted(scores, key=lambda each: -each[1])])
    return rows if several else rows[0]


def write_rerank(answered: Answered) -> list[dict[str, Any]]:
    """Gives the texts by their scores, the highest first."""
    raw, with_text = answered.asked.wanted
    scores = [logits[-1] if raw else activated(logits)[-1] for logits in answered.logits]
    texts = answered.asked.groups[0].completions
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return [{"index": at, **({"text": texts[at]} if with_text else {}), "score": scores[at]} for at in order]


def info(project: str, version: int, scorer: Scorer) -> dict[str, Any]:
    """Tells what is served, and how much of it at once."""
    names = {str(at): name for at, name in enumerate(scorer.labels)}
    kind = "reranker" if len(names) == 1 else "classifier"
    about = {"id2label": names, "label2id": {name: int(at) for at, name in names.items()}}
    return {
        "model_id": model_name(project, version),
        "model_sha": None,
        "model_dtype": scorer.device.dtype_name,
        "served_model_name": project,
        "model_type": {kind: about},
        "max_concurrent_requests": MOST_COMPLETIONS,
        "max_input_length": scorer.max_length,
        "max_batch_tokens": MOST_WAITING,
        "max_batch_requests": None,
        "max_client_batch_size": MOST_COMPLETIONS,
        "auto_truncate": True,
        "tokenization_workers": 1,
        "version": VERSION,
        "sha": None,
        "docker_label": None,
    }


def refuse(problem: Problem) -> Response:
    """Writes {"error", "error_type"}."""
    fallback = (problem.status, "Unhealthy" if problem.status >= 500 else "Validation")
    status, kind = _STATUS.get(problem.code, fallback)
    body = {"error": problem.detail, "error_type": kind}
    return JSONResponse(body, status_code=status, headers=RETRY if status in (429, 503) else None)


PREDICT = Protocol(parse_predict, write_predict, refuse)
RERANK = Protocol(parse_rerank, write_rerank, refuse)


def is_rerank(body: object) -> bool:
    """Tells whether a body of /rerank is one of this server's."""
    return isinstance(body, dict) and "texts" in body
