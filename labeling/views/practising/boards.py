"""A practice item on the board, and marked: the same for whoever practises and whoever qualifies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from string import ascii_uppercase

from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from labeling import content
from labeling.answers.asks.asked import Asked
from labeling.board.cards import Shown, dialogue
from labeling.board.form import RankingForm
from labeling.board.pictures import Picture, Spot
from labeling.board.task import Task
from labeling.models import Project
from labeling.quality.practising.items import Item
from labeling.quality.practising.marking import REST, Marked
from labeling.quality.practising.sample import Verdict


@dataclass(frozen=True)
class Compared:
    """A comparison in the letters that the person saw. reason: why, where each has its own, as in the sample."""

    better: str
    worse: str
    verdict: Verdict
    reason: object = ""


@dataclass(frozen=True)
class Explained:
    """A completion, best first, with what is to be said of it."""

    letter: str
    html: SafeString
    verdict: object = ""


@dataclass(frozen=True)
class Answered:
    """A question about a completion, in the words and letters that the person saw. given: None where it has no
    answer."""

    letter: str
    label: str
    known: bool
    given: bool | None


def form_of(project: Project, item: Item, data: QueryDict | None) -> RankingForm:
    """Makes the form of any task of the project: it asks the same as in the queue."""
    return RankingForm(
        [Shown(name, each.text) for name, each in item.completions.items()],
        project.flags,
        ask_strength=project.ask_strength,
        asks=project.judgement.asks_every_flag,
        asked=Asked.of(project, len(item.completions)),
        data=data,
    )


def task_of(form: RankingForm, item: Item, *, name: str, action: str, compare: str) -> Task:
    """Puts it on the board. name: by which the browser tells it from others."""
    prompt = item.gold.prompt
    return Task(
        id=name,
        action=action,
        turns=dialogue(prompt.messages) if prompt.is_dialogue else [],
        form=form,
        cards=form.cards(),
        compare_url=compare if len(item.completions) > 1 else "",
        submit=_("Mark it"),
    )


def marked_context(project: Project, item: Item, marked: Marked, ranks: Mapping[int, int]) -> dict[str, object]:
    """Gives what the page of a marked item shows: whatever an answer has is there by then, and may be told."""
    letters = {each.pk: letter for letter, each in zip(ascii_uppercase, item.completions.values(), strict=False)}
    texts = {each.pk: each.text for each in item.completions.values()}
    labels = {flag["name"]: flag["label"] for flag in project.flags}
    known, prompt = item.ranks(), item.gold.prompt
    return {
        "project": project,
        "marked": marked,
        "explanation": item.gold.explanation,
        "guidelines": content.render(project.guidelines),
        "comparisons": [Compared(letters[one.better], letters[one.worse], one.verdict) for one in marked.comparisons],
        "questions": [
            Answered(letters[one.completion], labels[one.name], one.known, one.given) for one in marked.questions
        ],
        "yours": _picture(ranks, letters),
        "reference": _picture(known, letters),
        "completions": [
            Explained(letters[key], content.render(texts[key]))
            for key in sorted(letters, key=lambda key: (known.get(key) or len(letters) + 1, letters[key]))
        ],
        "prompt": dialogue(prompt.messages) if prompt.is_dialogue else [],
    }


def _picture(ranks: Mapping[int, int], letters: Mapping[int, str]) -> Picture:
    rest = [Spot(letter) for key, letter in letters.items() if ranks.get(key) == REST]
    return Picture(_tiers(ranks, letters), rest=rest)


def _tiers(ranks: Mapping[int, int], letters: Mapping[int, str]) -> Sequence[Sequence[Spot]]:
    """Gives them best first; none of a text alone, or where no order is known."""
    if len(ranks) < 2:
        return []
    ordered = sorted((rank, letters[key]) for key, rank in ranks.items() if key in letters and rank != REST)
    return [[Spot(letter) for _rank, letter in tier] for _rank, tier in groupby(ordered, key=lambda each: each[0])]
