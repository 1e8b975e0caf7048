"""The rows of one transaction of an import, stored with a handful of statements however many they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import Case, Count, IntegerField, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from formats.prompts import prompt_key, split_of
from formats.refusals import Refused
from formats.rows import Row
from labeling.data import known_rows, recorded_rankings
from labeling.data.recorded_rankings import Recorded
from labeling.errors import Invalid
from labeling.judgements.row_limits import MAX_RANKINGS
from labeling.models import Assignment, Completion, Project, Prompt
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
    refused: list[tuple[int, Refused]] = field(default_factory=list)


def store(project: Project, lines: Sequence[Line]) -> Stored:
    """Stores them; to be called in a transaction. The database's own refusals come out as its errors.

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
    prompts, rows = [], []
    for line, prompt in _prompts(project, [line for line in lines if line.row.id not in known]):
        if refused := known_rows.other_split(line.row, prompt.split):
            stored.refused.append((line.number, refused))
        else:
            prompts.append(prompt)
            rows.append(line.row)
    _create(prompts, rows)
    stored.created = len(rows)
    fresh = [Recorded(prompt, row, row.rankings) for prompt, row in zip(prompts, rows, strict=True) if row.rankings]
    fresh += _compare(project, [(line, known[line.row.id]) for line in lines if line.row.id in known], stored)
    stored.rankings = recorded_rankings.store(project, fresh)
    return stored


def _refuse_another_kind(project: Project) -> None:
    """A file is read for minutes, and the first batch may come after a manager made the project one of texts."""
    if not Project.objects.filter(pk=project.pk, kind=project.kind).exists():
        raise Invalid("kind_changed", _("The project's kind was changed while the file was read. Send the file again."))


def _create(prompts: Sequence[Prompt], rows: Sequence[Row]) -> None:
    if not prompts:
        return
    Prompt.objects.bulk_create(prompts)
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


def _prompts(project: Project, lines: Sequence[Line]) -> Iterator[tuple[Line, Prompt]]:
    """Builds the prompts that the lines make, not stored yet."""
    keys = [
        prompt_key(
            ((message["role"], message["content"]) for message in line.row.messages),
            [completion.text for completion in line.row.completions],
        )
        for line in lines
    ]
    here = _decided(project, keys) if keys else {}
    for line, key in zip(lines, keys, strict=True):
        row = line.row
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
        yield line, prompt


def _decided(project: Project, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Tells of each key that the project has what its prompts' split follows from, and the split."""
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
    """Gives the new rankings of rows whose id is known; counts the others in `stored`."""
    if not known:
        return []
    taken = _taken([prompt.pk for _, prompt in known])
    fresh, grown = [], []
    compared = known_rows.compare(project, [(line.row, prompt) for line, prompt in known])
    for (line, prompt), rankings in zip(known, compared, strict=True):
        if isinstance(rankings, Refused):
            stored.refused.append((line.number, rankings))
            continue
        needed = taken[prompt.pk] + len(rankings)
        if rankings and needed > MAX_RANKINGS:
            stored.refused.append((line.number, Refused("rankings", needed, "many_rankings", most=MAX_RANKINGS)))
        elif rankings:
            if needed > prompt.overlap:
                prompt.overlap = needed
                grown.append(prompt)
            fresh.append(Recorded(prompt, line.row, rankings))
        else:
            stored.skipped += 1
    Prompt.objects.bulk_update(grown, ["overlap"])
    stored.updated = len(fresh)
    return fresh


def _taken(ids: Sequence[int]) -> dict[int, int]:
    """Counts the slots that are taken."""
    rows = Assignment.objects.filter(prompt__in=ids, state__in=Assignment.LIVE).order_by().values("prompt_id")
    return defaultdict(int, rows.annotate(n=Count("pk")).values_list("prompt_id", "n"))
