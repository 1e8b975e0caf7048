"""The rows of one transaction of an import, stored with a handful of statements however many they are."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from formats.prompts import prompt_key, split_of
from formats.refusals import Refused
from formats.rows import Row
from labeling.data.importing import bulk_rows, known_rows, recorded_rankings
from labeling.data.importing.recorded_rankings import Recorded
from labeling.errors import Invalid
from labeling.judgements.row_limits import MAX_RANKINGS
from labeling.models import Assignment, Completion, GoldAnswer, ImportedTags, Project, Prompt, PromptErasure, Purpose
from labeling.models.project_lock import lock_imports
from labeling.models.projects import SHARES
from labeling.models.prompts import MOST_TAGS, Split

# Where old twins stand on different sides, a new one joins the one that is held out most: nothing is trained on it.
_HELD_OUT_FIRST = [Split.TEST.value, Split.VALIDATION.value, Split.TRAIN.value]
_DECIDED = """
SELECT DISTINCT ON (1) COALESCE(prompt_key, content_sha256), content_sha256, split FROM labeling_prompt
WHERE project_id = %s AND COALESCE(prompt_key, content_sha256) = ANY(%s)
ORDER BY 1, array_position(%s, split::text), id
"""
_GROW = """
UPDATE labeling_prompt SET overlap = grown.overlap FROM unnest(%s::bigint[], %s::int[]) AS grown (id, overlap)
WHERE labeling_prompt.id = grown.id
"""

# As lists in JSON: lists of different lengths are no array.
_TAG = """
UPDATE labeling_prompt SET tags = ARRAY(SELECT jsonb_array_elements_text(tagged.tags))
FROM unnest(%s::bigint[], %s::jsonb[]) AS tagged (id, tags) WHERE labeling_prompt.id = tagged.id
"""

_json = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class Line:
    number: int
    size: int  # bytes
    row: Row
    is_part: bool = False  # of a prompt that came before: a dry run stores none of it


@dataclass(frozen=True)
class _New:
    """A prompt that isn't stored yet."""

    row: Row
    content_sha256: str
    prompt_key: str | None
    split: str
    overlap: int


@dataclass
class Stored:
    """What became of a batch; the refused with their line."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    rankings: int = 0
    tagged: int = 0  # of those updated, those to which it gave tags
    prompt_keys: list[int] = field(default_factory=list)  # of those created
    ranking_keys: list[int] = field(default_factory=list)
    refused: list[tuple[int, Refused]] = field(default_factory=list)
    created_parts: int = 0  # of those created


def store(project: Project, lines: Sequence[Line], *, imported_by: int | None = None) -> Stored:
    """Stores them; to be called in a transaction. The database's own refusals come out as its errors.

    Raises Invalid('kind_changed') where the lines were read for a kind that the project is no longer of.
    """
    lock_imports(project)
    _see_what_changed(project)
    stored, now = Stored(), timezone.now().isoformat()
    known = {
        prompt.external_id: prompt
        for prompt in Prompt.objects.select_for_update()
        .filter(project=project, external_id__in=[line.row.id for line in lines])
        .order_by("id")
    }
    made = []
    for line, new in _new(project, [line for line in lines if line.row.id not in known]):
        if refused := known_rows.other_split(line.row, new.split):
            stored.refused.append((line.number, refused))
        else:
            made.append(new)
            stored.created_parts += line.is_part
    stored.prompt_keys = bulk_rows.next_keys(Prompt, len(made))
    stored.created = len(made)
    fresh = _create(project, made, stored.prompt_keys, imported_by, now)
    known_lines = [(line, known[line.row.id]) for line in lines if line.row.id in known]
    fresh += _compare(project, known_lines, stored, imported_by)
    stored.ranking_keys = recorded_rankings.store(project, fresh, imported_by=imported_by, now=now)
    stored.rankings = len(stored.ranking_keys)
    return stored


def _see_what_changed(project: Project) -> None:
    """Reads its overlap anew: a file is read for minutes, in which a manager may also have made it one of texts."""
    now = Project.objects.filter(pk=project.pk).only("kind", "deleted_at", *SHARES).first()
    if now is None or now.kind != project.kind:
        raise Invalid("kind_changed", _("The project's kind was changed while the file was read. Send the file again."))
    if now.deleted_at is not None:
        raise Invalid("project_deleted", _("The project %(name)s is being deleted.") % {"name": project.name})
    for name in SHARES:
        setattr(project, name, getattr(now, name))


def _new(project: Project, lines: Sequence[Line]) -> Iterator[tuple[Line, _New]]:
    """Builds the prompts that the lines make."""
    keys = [
        prompt_key(
            ((message["role"], message["content"]) for message in line.row.messages),
            [completion.text for completion in line.row.completions],
        )
        for line in lines
    ]
    here = _decided(project, keys) if keys else {}
    for line, key in zip(lines, keys, strict=True):
        content_sha256, split = here.get(key, (key, split_of(key)))
        # Recorded rankings take slots as people's do: a prompt ranked three times elsewhere is done.
        overlap = max(project.overlap_of(content_sha256), len(line.row.rankings))
        yield line, _New(line.row, content_sha256, None if key == content_sha256 else key, split, overlap)


def _decided(project: Project, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Tells of each key that the project has what its prompts' split follows from, and the split."""
    with connection.cursor() as cursor:
        cursor.execute(_DECIDED, [project.pk, list(keys), _HELD_OUT_FIRST])
        return {key: (content_sha256, split) for key, content_sha256, split in cursor.fetchall()}


def _create(
    project: Project, made: Sequence[_New], prompts: Sequence[int], imported_by: int | None, now: str
) -> list[Recorded]:
    """Stores prompts with their completions, and gives the rankings that came with them.

    How many these are, and when they came, stands in the row from the beginning: noted afterwards, each prompt would be
    written twice, with all its indexes. The triggers on assignments and rankings see that it is right (migrations 0024
    and 0055).
    """
    if not made:
        return []
    free = iter(bulk_rows.next_keys(Completion, sum(len(new.row.completions) for new in made)))
    completions = [[next(free) for _ in new.row.completions] for new in made]
    bulk_rows.copy_in(
        Prompt,
        (
            *("id", "project_id", "external_id", "messages", "content_sha256", "prompt_key", "split", "overlap"),
            *("ranked", "held_reason", "metadata", "created_at", "imported_by_id", "tags", "last_ranked_at"),
            *("held_at", "gold_at"),
        ),
        (
            (
                *(key, project.pk, new.row.id, _json(new.row.messages), new.content_sha256, new.prompt_key, new.split),
                *(new.overlap, len(new.row.rankings), "", _json(new.row.metadata) if new.row.metadata else "{}", now),
                *(imported_by, list(new.row.tags), now if new.row.rankings else None),
                *((now, now) if new.row.gold else (None, None)),
            )
            for key, new in zip(prompts, made, strict=True)
        ),
    )
    bulk_rows.copy_in(
        Completion,
        ("id", "prompt_id", "external_id", "text", "model_name", "position"),
        (
            (key, prompt, completion.id, completion.text, completion.model, position)
            for prompt, keys, new in zip(prompts, completions, made, strict=True)
            for position, (key, completion) in enumerate(zip(keys, new.row.completions, strict=True))
        ),
    )
    _make_gold(project, zip(prompts, completions, made, strict=True), now)
    return [
        Recorded(prompt, new.overlap, keys, new.row.rankings, is_new=True)
        for prompt, keys, new in zip(prompts, completions, made, strict=True)
        if new.row.rankings
    ]


def _make_gold(project: Project, made: Iterable[tuple[int, list[int], _New]], now: str) -> None:
    """Stores what rows say is known of their completions."""
    rows = [(prompt, keys, new.row.gold) for prompt, keys, new in made if new.row.gold is not None]
    if rows:
        bulk_rows.copy_in(
            GoldAnswer,
            ("project_id", "prompt_id", "ranks", "flags", "unranked", "explanation", "source", "created_at"),
            (
                (
                    *(project.pk, prompt, _json(ranks), _json(flags), unranked, gold.explanation),
                    *(GoldAnswer.Source.IMPORT.value, now),
                )
                for prompt, keys, gold in rows
                for ranks, flags, unranked in [known_rows.gold_of(gold, keys)]
            ),
        )


def _erased(prompts: Sequence[int]) -> set[int]:
    """Tells which of these withdrawn prompts were erased."""
    if not prompts:
        return set()
    return set(PromptErasure.objects.filter(prompt__in=prompts).values_list("prompt", flat=True))


def _compare(
    project: Project, known: Sequence[tuple[Line, Prompt]], stored: Stored, imported_by: int | None
) -> list[Recorded]:
    """Gives the new rankings of rows whose id is known, and adds their tags; counts the others in `stored`."""
    if not known:
        return []
    taken = _taken([prompt.pk for _, prompt in known])
    fresh, grown, tagged = [], {}, {}
    erased = _erased([prompt.pk for _, prompt in known if prompt.withdrawn_at is not None])
    compared = known_rows.compare(project, [(line.row, prompt) for line, prompt in known])
    for (line, prompt), new in zip(known, compared, strict=True):
        if prompt.pk in erased:  # whatever the row says: no text is left to compare it with
            stored.refused.append((line.number, Refused("id", prompt.external_id, "erased")))
            continue
        if isinstance(new, Refused):
            stored.refused.append((line.number, new))
            continue
        if prompt.withdrawn_at is not None:
            stored.refused.append((line.number, Refused("id", prompt.external_id, "withdrawn")))
            continue
        now = sorted({*prompt.tags, *line.row.tags})
        if len(now) > MOST_TAGS:
            stored.refused.append((line.number, Refused("tags", now, "many_tags", most=MOST_TAGS)))
            continue
        needed = taken[prompt.pk] + len(new.rankings)
        if new.rankings and needed > MAX_RANKINGS:
            stored.refused.append((line.number, Refused("rankings", needed, "many_rankings", most=MAX_RANKINGS)))
            continue
        if now != sorted(prompt.tags):
            tagged[prompt.pk] = now
        if new.rankings:
            if needed > prompt.overlap:
                grown[prompt.pk] = needed
            overlap = max(needed, prompt.overlap)
            fresh.append(Recorded(prompt.pk, overlap, new.completions, new.rankings, is_new=False))
        elif prompt.pk not in tagged:
            stored.skipped += 1
    _grow(grown)
    _tag(tagged)
    # Of those that the import brought itself nothing is noted: they go, or are kept with their tags.
    here = [prompt for _, prompt in known if prompt.pk in tagged and prompt.imported_by_id != (imported_by or 0)]
    stored.tagged = len(here)
    if imported_by is not None:
        ImportedTags.objects.bulk_create(
            ImportedTags(given_by_id=imported_by, prompt=prompt, tags=sorted({*tagged[prompt.pk]} - {*prompt.tags}))
            for prompt in here
        )
    stored.updated = len({each.prompt for each in fresh} | tagged.keys())
    return fresh


def _taken(ids: Sequence[int]) -> dict[int, int]:
    """Counts the slots that are taken."""
    live = Assignment.objects.filter(prompt__in=ids, state__in=Assignment.LIVE, purpose=Purpose.LABEL)
    rows = live.order_by().values("prompt_id")
    return defaultdict(int, rows.annotate(n=Count("pk")).values_list("prompt_id", "n"))


def _tag(tagged: dict[int, list[str]]) -> None:
    if tagged:
        with connection.cursor() as cursor:
            cursor.execute(_TAG, [list(tagged), [_json(tags) for tags in tagged.values()]])


def _grow(overlaps: dict[int, int]) -> None:
    if overlaps:
        with connection.cursor() as cursor:
            cursor.execute(_GROW, [list(overlaps), list(overlaps.values())])
