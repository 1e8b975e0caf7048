"""Rows whose id is in the project already: which of their rankings are new, and what they say otherwise than is stored.

Nothing that a file says is passed over in silence: what is stored stays, and a row that differs is refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from formats.gold import GoldRow
from formats.layouts.kept_originals import originals, texts_shown
from formats.rankings import RankingRow, unranked_of
from formats.refusals import Refused
from formats.rows import Row
from labeling.data.importing import recorded_rankings
from labeling.models import (
    Assignment,
    Completion,
    GoldAnswer,
    Project,
    Prompt,
    PromptErasure,
    RankedCompletion,
    Ranking,
)


@dataclass
class _Answer:
    """A recorded ranking as it is stored."""

    strength: int | None
    acceptable: int | None
    reasons: list[str]
    rewrite: str
    rewrite_of: int | None  # its key
    unranked: int
    ranks: list[int] = field(default_factory=list)  # and flags: by the completions' places
    flags: list[dict[str, bool]] = field(default_factory=list)
    attributes: list[dict[str, int]] = field(default_factory=list)

    @classmethod
    def of(cls, ranking: RankingRow, completions: Sequence[int]) -> _Answer:
        more = ranking.more
        attributes = list(more.attributes) or [{} for _ in ranking.ranks]
        ranks, flags = list(ranking.ranks), list(ranking.flags)
        place, text = more.rewrite or (None, "")
        of = None if place is None else completions[place]
        said = (ranking.strength, more.acceptable, list(more.reasons), text, of, ranking.unranked)
        return cls(*said, ranks, flags, attributes)

    def says(self, other: _Answer) -> bool:
        """Tells whether it says all that the other one does. Of two of a rest nothing is said, so a tie says that and
        more: so losers were stored before a file of winners left them a rest."""
        return self == other or (other.unranked > 0 and self == replace(other, unranked=0))


Known = tuple[Row, Prompt]
_Answers = dict[str, _Answer]  # by labeler's user name
_Completions = list[tuple[int, str, str, str]]  # key, id, text, model


@dataclass(frozen=True)
class New:
    """Rankings of a row that are new, and its completions' keys in its order."""

    rankings: tuple[RankingRow, ...]
    completions: list[int]


def compare(project: Project, known: Sequence[Known]) -> list[New | Refused]:
    """Gives what is new of each row, or why it is refused. A handful of statements however many there are."""
    completions, answers, golds = _completions(known), _answers(project, known), _golds(known)
    found: list[New | Refused] = []
    for row, prompt in known:
        new = _compared(project, row, prompt, completions[prompt.pk], answers.get(prompt.pk, {}))
        found.append(new if isinstance(new, Refused) else _other_gold(row, new, golds.get(prompt.pk)) or new)
    return found


def gold_of(gold: GoldRow, completions: Sequence[int]) -> tuple[dict[str, int], dict[str, dict[str, bool]], int]:
    """Gives ranks and flags as they are stored, by the completions' keys, and how many are a rest without an order."""
    ranks = {str(key): rank for key, rank in zip(completions, gold.ranks, strict=False)}
    flags = {str(key): said for key, said in zip(completions, gold.flags, strict=True) if said}
    return ranks, flags, unranked_of(gold.ranks, gold.top_k)


def _other_gold(row: Row, new: New, stored: GoldAnswer | None) -> Refused | None:
    """A file makes gold of new prompts alone: what people are checked by isn't changed by sending a file again."""
    if row.gold is None or (stored and gold_of(row.gold, new.completions) == _stored(stored)):
        return None
    return Refused("gold", list(row.gold.ranks) or list(row.gold.flags), "other_gold")


def _stored(gold: GoldAnswer) -> tuple[dict[str, int], dict[str, dict[str, bool]], int]:
    return gold.ranks, gold.flags, gold.unranked


def _golds(known: Sequence[Known]) -> dict[int, GoldAnswer]:
    """Gives the gold of those prompts of which the rows say some."""
    prompts = [prompt.pk for row, prompt in known if row.gold is not None]
    return {gold.prompt_id: gold for gold in GoldAnswer.objects.filter(prompt__in=prompts)} if prompts else {}


def _compared(
    project: Project, row: Row, prompt: Prompt, completions: _Completions, answers: _Answers
) -> New | Refused:
    if refused := _other_prompt(row, prompt, completions):
        return refused
    new = []
    for index, ranking in enumerate(row.rankings):
        usernames = recorded_rankings.usernames_of(project, ranking.labeler)
        answer = next((answers[name] for name in usernames if name in answers), None)
        if answer is None:
            new.append(ranking)
        elif not answer.says(_Answer.of(ranking, [key for key, *_ in completions])):
            return Refused(f"rankings[{index}].labeler", ranking.labeler, "other_ranking")
    return New(tuple(new), [key for key, *_ in completions])


def _other_prompt(row: Row, prompt: Prompt, completions: _Completions) -> Refused | None:
    """Models and metadata that a row leaves out say nothing, and so nothing else."""
    if list(row.messages) != prompt.messages or [(c.id, c.text) for c in row.completions] != [
        (name, text) for _, name, text, _ in completions
    ]:
        return Refused("id", row.id, "other_texts")
    for index, (completion, (*_, model)) in enumerate(zip(row.completions, completions, strict=True)):
        if completion.model and completion.model != model:
            return Refused(f"completions[{index}].model", completion.model, "other_model")
    if row.metadata and _said(row, prompt) != _kept(row, prompt):
        return Refused("metadata", row.metadata, "other_metadata")
    return other_split(row, prompt.split)


def _said(row: Row, prompt: Prompt) -> dict[str, object]:
    """Gives the row's metadata. Of a corrected prompt without what says its texts once more: that went with the old
    ones."""
    if prompt.revision == 1:
        return dict(row.metadata)
    again = originals(row.metadata, texts_shown(row.messages, (each.text for each in row.completions)))
    return {key: value for key, value in row.metadata.items() if key in prompt.metadata or key not in again}


def _kept(row: Row, prompt: Prompt) -> dict[str, object]:
    """Gives the prompt's metadata, without a column of tags that an earlier release took for metadata."""
    is_tags = {key for key in prompt.metadata if row.tags and key not in row.metadata and key.casefold() == "tags"}
    return {key: value for key, value in prompt.metadata.items() if key not in is_tags}


def erased_ids(project: Project) -> set[str]:
    """Lists the ids of prompts that were erased from the project, which no file brings again."""
    return set(PromptErasure.objects.filter(prompt__project=project).values_list("prompt__external_id", flat=True))


def other_split(row: Row, split: str) -> Refused | None:
    """A prompt's split follows from its text, in every file and version; a file that says another can't be kept to."""
    return Refused("split", row.split, "other_split", split=split) if row.split and row.split != split else None


def _completions(known: Sequence[Known]) -> dict[int, _Completions]:
    completions: dict[int, _Completions] = defaultdict(list)
    rows = Completion.objects.filter(prompt__in=[prompt.pk for _, prompt in known]).order_by("prompt_id", "position")
    for prompt_id, *completion in rows.values_list("prompt_id", "pk", "external_id", "text", "model_name"):
        completions[prompt_id].append(tuple(completion))  # type: ignore[arg-type]
    return completions


def _answers(project: Project, known: Sequence[Known]) -> dict[int, _Answers]:
    """Gives each prompt's recorded rankings by those labelers whom the rows name."""
    labelers = {ranking.labeler for row, _ in known for ranking in row.rankings}
    usernames = {name for labeler in labelers for name in recorded_rankings.usernames_of(project, labeler)}
    ranked = RankedCompletion.objects.filter(
        prompt__in=[prompt.pk for row, prompt in known if row.rankings],
        ranking__source=Ranking.Source.IMPORTED,
        ranking__assignment__state=Assignment.State.RANKED,  # those of a revision before have ended
        ranking__labeler__username__in=usernames,
    ).order_by("ranking_id", "completion__position")
    answers: dict[int, _Answers] = defaultdict(dict)
    said_once = ("strength", "acceptable", "reasons", "rewrite", "rewrite_of", "unranked")
    of_ranking = tuple(f"ranking__{name}" for name in said_once)
    columns = ("prompt_id", "ranking__labeler__username", "rank", "flags", "attributes", *of_ranking)
    for prompt_id, username, rank, flags, attributes, *said in ranked.values_list(*columns):
        answer = answers[prompt_id].setdefault(username, _Answer(*said))
        answer.ranks.append(rank)
        answer.flags.append(flags)
        answer.attributes.append(attributes)
    return answers
