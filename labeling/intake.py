"""Import: prompts, completions and recorded rankings from a stream of JSON Lines.

Streams in batches, each its own transaction, so that a file of any size needs little memory and what went in stays in.
Idempotent by external id: a row that is there already is skipped, new rankings on it are added. Texts that differ from
the stored ones are an error, because rankings and frozen versions were made of the stored ones.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling import pairs
from labeling.messages import content_sha256, split_of, what_is_split
from labeling.models import Assignment, Completion, Project, Prompt, RankedCompletion, Ranking, User
from labeling.rows import BadRow, RankingRow, Row, parse_row
from labeling.slots import shuffled

BATCH = 200
MAX_ERRORS = 1_000  # reported; the rest is counted


@dataclass(frozen=True)
class LineError:
    line: int
    field: str
    value: str
    detail: str


@dataclass
class Report:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    rankings: int = 0
    n_errors: int = 0
    errors: list[LineError] = field(default_factory=list)

    def add_error(self, line: int, error: BadRow) -> None:
        self.n_errors += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(LineError(line, error.field, error.value, str(error)))


class _DryRun(Exception):
    pass


def import_lines(
    project: Project,
    lines: Iterable[bytes],
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Imports what is right and reports what is not, by line. `progress` gets the number of lines read so far."""
    report = Report()
    seen: dict[str, int] = {}
    asked = [flag["name"] for flag in project.flags] if project.classifies else []
    for batch in _batches(_rows(lines, asked, report, seen)):
        try:
            with transaction.atomic():
                _Batch(project, report).store(batch)
                if dry_run:
                    raise _DryRun
        except _DryRun:
            pass
        if progress is not None:
            progress(batch[-1][0])
    return report


def _rows(
    lines: Iterable[bytes], asked: Sequence[str], report: Report, seen: dict[str, int]
) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines, start=1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")  # a byte-order mark, which some editors write
        if not line.strip():
            continue
        try:
            row = parse_row(line, asked=asked)
            if row.id in seen:
                remedy = _("is line %(line)s's too: ids are unique in the file") % {"line": seen[row.id]}
                raise BadRow("id", row.id, remedy)
        except BadRow as error:
            report.add_error(number, error)
            continue
        seen[row.id] = number
        yield number, row


def _batches(rows: Iterator[tuple[int, Row]]) -> Iterator[list[tuple[int, Row]]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


class _Batch:
    """The rows of one transaction, stored with a handful of statements however many they are."""

    def __init__(self, project: Project, report: Report) -> None:
        self.project = project
        self.report = report

    def store(self, batch: Sequence[tuple[int, Row]]) -> None:
        ids = [row.id for _, row in batch]
        known = {
            prompt.external_id: prompt
            for prompt in Prompt.objects.select_for_update()
            .filter(project=self.project, external_id__in=ids)
            .order_by("id")
        }
        new = [row for _, row in batch if row.id not in known]
        prompts = self._create(new)
        self.report.created += len(new)
        recorded = [(prompts[row.id], row, row.rankings) for row in new]
        for number, row in batch:
            if row.id in known:
                self._compare(number, known[row.id], row, recorded)
        self._record([item for item in recorded if item[2]])

    def _create(self, rows: Sequence[Row]) -> dict[str, Prompt]:
        prompts = Prompt.objects.bulk_create(self._prompt(row) for row in rows)
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
        return {prompt.external_id: prompt for prompt in prompts}

    def _prompt(self, row: Row) -> Prompt:
        sha256 = content_sha256(what_is_split(row.messages, [completion.text for completion in row.completions]))
        return Prompt(
            project=self.project,
            external_id=row.id,
            messages=list(row.messages),
            content_sha256=sha256,
            split=split_of(sha256),
            # Recorded rankings take slots as people's do: a prompt ranked three times elsewhere is done.
            overlap=max(self.project.overlap, len(row.rankings)),
            metadata=row.metadata,
        )

    def _compare(
        self, number: int, prompt: Prompt, row: Row, recorded: list[tuple[Prompt, Row, tuple[RankingRow, ...]]]
    ) -> None:
        stored = list(prompt.completions.order_by("position").values_list("external_id", "text"))
        if list(row.messages) != prompt.messages or [(c.id, c.text) for c in row.completions] != stored:
            remedy = _("is in the project with other texts: import a changed prompt under a new id")
            self.report.add_error(number, BadRow("id", row.id, remedy))
            return
        here = set(
            Ranking.objects.filter(prompt=prompt, source=Ranking.Source.IMPORTED).values_list(
                "labeler__username", flat=True
            )
        )
        fresh = tuple(ranking for ranking in row.rankings if _username(self.project, ranking.labeler) not in here)
        if not fresh:
            self.report.skipped += 1
            return
        taken = Assignment.objects.filter(prompt=prompt, state__in=Assignment.LIVE).count()
        if taken + len(fresh) > prompt.overlap:
            prompt.overlap = taken + len(fresh)
            prompt.save(update_fields=["overlap"])
        self.report.updated += 1
        recorded.append((prompt, row, fresh))

    def _record(self, recorded: Sequence[tuple[Prompt, Row, tuple[RankingRow, ...]]]) -> None:
        """Recorded rankings as assignments, rankings, ranked completions and pairs."""
        prompts = [prompt for prompt, _, _ in recorded]
        completions: dict[int, dict[str, int]] = {prompt.pk: {} for prompt in prompts}
        for completion in Completion.objects.filter(prompt__in=prompts):
            completions[completion.prompt_id][completion.external_id] = completion.pk
        labelers = self._labelers({ranking.labeler for _, _, fresh in recorded for ranking in fresh})
        items = [(prompt, row, ranking) for prompt, row, fresh in recorded for ranking in fresh]
        assignments = Assignment.objects.bulk_create(
            _assignments(items, labelers, {pk: list(ids.values()) for pk, ids in completions.items()})
        )
        rankings = Ranking.objects.bulk_create(
            Ranking(
                assignment=assignment,
                prompt=prompt,
                labeler_id=assignment.labeler_id,
                source=Ranking.Source.IMPORTED,
                payload_sha256=hashlib.sha256(json.dumps(ranking.ranks).encode()).hexdigest(),
            )
            for assignment, (prompt, _, ranking) in zip(assignments, items, strict=True)
        )
        RankedCompletion.objects.bulk_create(
            RankedCompletion(
                ranking=stored,
                completion_id=completions[prompt.pk][completion.id],
                prompt=prompt,
                rank=rank,
                flags=flags,
            )
            for stored, (prompt, row, ranking) in zip(rankings, items, strict=True)
            for completion, rank, flags in zip(row.completions, ranking.ranks, ranking.flags, strict=True)
        )
        if rankings:
            pairs.expand(rankings)
        self.report.rankings += len(rankings)

    def _labelers(self, names: set[str]) -> dict[str, User]:
        usernames = {_username(self.project, name): name for name in names}
        User.objects.bulk_create(
            (
                User(username=username, is_imported=True, is_active=False, password="!")
                for username in sorted(usernames)
            ),
            ignore_conflicts=True,
        )
        return {usernames[user.username]: user for user in User.objects.filter(username__in=usernames)}


def _assignments(
    items: Sequence[tuple[Prompt, Row, RankingRow]],
    labelers: dict[str, User],
    completions: dict[int, list[int]],
) -> Iterator[Assignment]:
    now = timezone.now()
    taken: dict[int, set[int]] = {prompt.pk: set() for prompt, _, _ in items}
    live = Assignment.objects.filter(prompt__in=list(taken), state__in=Assignment.LIVE)
    for prompt_id, slot in live.values_list("prompt_id", "slot"):
        taken[prompt_id].add(slot)
    for prompt, _row, ranking in items:
        slot = next(slot for slot in range(1, prompt.overlap + 1) if slot not in taken[prompt.pk])
        taken[prompt.pk].add(slot)
        seed = secrets.randbelow(2**63)
        yield Assignment(
            prompt=prompt,
            labeler=labelers[ranking.labeler],
            state=Assignment.State.RANKED,
            slot=slot,
            overlap=prompt.overlap,
            seed=seed,
            shown_order=shuffled(completions[prompt.pk], seed),
            expires_at=now,
            finished_at=now,
        )


def _username(project: Project, labeler: str) -> str:
    """Imported labelers are one project's: the same name in two files of two projects need not be one person.

    Django's user names take no spaces, so the name is made safe; a hash keeps two names that look alike then apart.
    """
    safe = "".join(character if character.isalnum() or character in "@.+-_" else "-" for character in labeler)
    if safe != labeler or len(safe) > 80:
        safe = f"{safe[:80]}.{hashlib.sha256(labeler.encode()).hexdigest()[:8]}"
    return f"{safe}@{project.slug[:60]}"
