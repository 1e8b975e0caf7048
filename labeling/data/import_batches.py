"""The rows of one transaction of an import, stored with a handful of statements however many they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Case, Count, IntegerField, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from formats.prompts import prompt_key, split_of
from labeling.data import recorded_rankings
from labeling.data.import_rows import MAX_RANKINGS, Row
from labeling.data.recorded_rankings import Recorded
from labeling.data.row_fields import BadRow
from labeling.errors import Invalid
from labeling.models import Assignment, Completion, Project, Prompt, Ranking
from labeling.models.project_lock import lock_imports
from labeling.models.prompts import Split

# Where old twins stand on different sides, a new one joins the one that is held out most: nothing is trained on it.
_HELD_OUT_FIRST = (Split.TEST, Split.VALIDATION, Split.TRAIN)


@dataclass(frozen=True)
class Line:
    number: int
    size: int  # bytes
    row: Row


@dataclass
class Stored:
    """What became of a batch; the refused with their line."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    rankings: int = 0
    refused: list[tuple[int, BadRow]] = field(default_factory=list)


def store(project: Project, lines: Sequence[Line]) -> Stored:
    """To be called in a transaction. The database's own refusals come out as its errors.

    Raises Invalid('kind_changed') where the lines were read for a kind that the project is no longer of.
    """
    lock_imports(project)
    _refuse_another_kind(project)
    stored = Stored()
    known = {
        prompt.external_id: prompt
        for prompt in Prompt.objects.select_for_update()
        .filter(project=project, external_id__in=[line.row.id for line in lines])
        .order_by("id")
    }
    new = [line.row for line in lines if line.row.id not in known]
    prompts = _create(project, new)
    stored.created = len(new)
    fresh = [Recorded(prompt, row, row.rankings) for prompt, row in zip(prompts, new, strict=True) if row.rankings]
    fresh += _compare(project, [(line, known[line.row.id]) for line in lines if line.row.id in known], stored)
    stored.rankings = recorded_rankings.store(project, fresh)
    return stored


def _refuse_another_kind(project: Project) -> None:
    """A file is read for minutes, and the first batch may come after a manager made the project one of texts."""
    if not Project.objects.filter(pk=project.pk, kind=project.kind).exists():
        raise Invalid("kind_changed", _("The project's kind was changed while the file was read. Send the file again."))


def _create(project: Project, rows: Sequence[Row]) -> list[Prompt]:
    if not rows:
        return []
    prompts = Prompt.objects.bulk_create(_prompts(project, rows))
    Completion.objects.bulk_create(
        Completion(
            prompt=prompt,
            external_id=completion.id,
            text=completion.text,
            model_name=completion.model,
            position=position,
        )
        for prompt, row in zip(prompts, rows, strict=True)
        for position, completion in enumerate(row.completions)
    )
    return prompts


def _prompts(project: Project, rows: Sequence[Row]) -> list[Prompt]:
    keys = [
        prompt_key(
            ((message["role"], message["content"]) for message in row.messages),
            [completion.text for completion in row.completions],
        )
        for row in rows
    ]
    here = _decided(project, keys)
    prompts = []
    for row, key in zip(rows, keys, strict=True):
        content_sha256, split = here.get(key, (key, split_of(key)))
        prompt = Prompt(
            project=project,
            external_id=row.id,
            messages=list(row.messages),
            content_sha256=content_sha256,
            prompt_key=None if key == content_sha256 else key,
            split=split,
            # Recorded rankings take slots as people's do: a prompt ranked three times elsewhere is done.
            overlap=max(project.overlap, len(row.rankings)),
            metadata=row.metadata,
        )
        prompts.append(prompt)
    return prompts


def _decided(project: Project, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Of each key that the project has, what its prompts' split follows from, and the split."""
    order = Case(
        *(When(split=split, then=Value(place)) for place, split in enumerate(_HELD_OUT_FIRST)),
        output_field=IntegerField(),
    )
    rows = (
        Prompt.objects.annotate(key=Coalesce("prompt_key", "content_sha256"))
        .filter(project=project, key__in=set(keys))
        .order_by("key", order, "id")
        .distinct("key")
        .values_list("key", "content_sha256", "split")
    )
    return {key: (content_sha256, split) for key, content_sha256, split in rows}


def _compare(project: Project, known: Sequence[tuple[Line, Prompt]], stored: Stored) -> list[Recorded]:
    """Of rows whose id is known: the rankings that are new; counts the others in `stored`."""
    if not known:
        return []
    ids = [prompt.pk for _, prompt in known]
    texts, here, taken = _texts(ids), _labelers(ids), _taken(ids)
    fresh, grown = [], []
    for line, prompt in known:
        row = line.row
        if list(row.messages) != prompt.messages or [(c.id, c.text) for c in row.completions] != texts[prompt.pk]:
            remedy = _("is in the project with other texts: import a changed prompt under a new id")
            stored.refused.append((line.number, BadRow("id", row.id, remedy)))
            continue
        rankings = tuple(
            ranking
            for ranking in row.rankings
            if here[prompt.pk].isdisjoint(recorded_rankings.usernames_of(project, ranking.labeler))
        )
        needed = taken[prompt.pk] + len(rankings)
        if rankings and needed > MAX_RANKINGS:
            remedy = _("would be rankings of one prompt, which has %(most)s at most") % {"most": MAX_RANKINGS}
            stored.refused.append((line.number, BadRow("rankings", needed, remedy)))
        elif rankings:
            if needed > prompt.overlap:
                prompt.overlap = needed
                grown.append(prompt)
            fresh.append(Recorded(prompt, row, rankings))
        else:
            stored.skipped += 1
    Prompt.objects.bulk_update(grown, ["overlap"])
    stored.updated = len(fresh)
    return fresh


def _texts(ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    texts = defaultdict(list)
    rows = Completion.objects.filter(prompt__in=ids).order_by("prompt_id", "position")
    for prompt_id, external_id, text in rows.values_list("prompt_id", "external_id", "text"):
        texts[prompt_id].append((external_id, text))
    return texts


def _labelers(ids: Sequence[int]) -> dict[int, set[str]]:
    """Whose recorded rankings are there."""
    labelers = defaultdict(set)
    rows = Ranking.objects.filter(prompt__in=ids, source=Ranking.Source.IMPORTED).order_by()
    for prompt_id, username in rows.values_list("prompt_id", "labeler__username"):
        labelers[prompt_id].add(username)
    return labelers


def _taken(ids: Sequence[int]) -> dict[int, int]:
    """How many slots are."""
    rows = Assignment.objects.filter(prompt__in=ids, state__in=Assignment.LIVE).order_by().values("prompt_id")
    return defaultdict(int, rows.annotate(n=Count("pk")).values_list("prompt_id", "n"))
