"""Which prompts are meant: all that have something in common, or those whose ids a file lists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date
from itertools import islice
from typing import NamedTuple

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.utils.translation import gettext as _

from labeling.answers import finding_prompts
from labeling.errors import Invalid
from labeling.models import Project, Prompt

AT_ONCE = 1_000  # prompts that are looked for by one statement
LONGEST_ID = 200  # characters, as in the table
STATES = {**finding_prompts.STATES, "unranked": Q(ranked=0)}  # each by an index of its own but for the last


class Found(NamedTuple):
    key: int
    name: str  # the external id
    ranked: int
    is_withdrawn: bool


@dataclass(frozen=True)
class Choice:
    """What prompts have in common; what is left empty says nothing, and at least one thing is said."""

    split: str = ""
    state: str = ""
    id_begins: str = ""
    metadata_key: str = ""
    metadata_value: str = ""  # any where it is empty
    imported_from: date | None = None
    imported_to: date | None = None  # that day included

    @property
    def says_something(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self) if each.name != "metadata_value")

    def rows(self, project: Project) -> QuerySet[Prompt]:
        """Raises Invalid('nothing_chosen') where nothing is said: that would be all there are."""
        if not self.says_something:
            raise Invalid("nothing_chosen", _("Say which prompts: by split, state, id, metadata or date."))
        rows = project.prompts.filter(STATES.get(self.state, Q()))
        if self.split:
            rows = rows.filter(split=self.split)
        if self.id_begins:
            rows = rows.filter(external_id__startswith=self.id_begins)
        if self.metadata_key and not self.metadata_value:
            rows = rows.filter(metadata__has_key=self.metadata_key)
        elif self.metadata_key:
            rows = rows.alias(said=KeyTextTransform(self.metadata_key, "metadata")).filter(said=self.metadata_value)
        if self.imported_from:
            rows = rows.filter(created_at__date__gte=self.imported_from)
        if self.imported_to:
            rows = rows.filter(created_at__date__lte=self.imported_to)
        return rows


def by_choice(project: Project, choice: Choice, *, withdrawn: bool) -> Iterator[list[Found]]:
    """Walks over those that are withdrawn, or are not, in the order of their keys: whatever is done to them meanwhile,
    each is found once."""
    rows, last = choice.rows(project).filter(withdrawn_at__isnull=not withdrawn).order_by("pk"), 0
    while found := _found(rows.filter(pk__gt=last)[:AT_ONCE]):
        yield found
        last = found[-1].key


def by_ids(project: Project, names: Iterable[str]) -> Iterator[tuple[list[Found], list[str]]]:
    """Gives what is found of some ids at a time, and the ids that the project doesn't have."""
    rest = iter(names)
    while asked := list(dict.fromkeys(islice(rest, AT_ONCE))):
        found = _found(project.prompts.filter(external_id__in=asked).order_by("pk"))
        there = {each.name for each in found}
        yield found, [name for name in asked if name not in there]


def ids_of(lines: Iterable[bytes]) -> Iterator[str]:
    """Reads an id a line: as it is, as a JSON text, or as the "id" of a JSON object. Empty lines say nothing.

    Raises Invalid('bad_line') for any other, with its number.
    """
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text:
            yield _id_of(text, number)


def _id_of(line: bytes, number: int) -> str:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        name = json.loads(text) if text[0] in '{"' else text
        name = name.get("id") if isinstance(name, dict) else name
        name = str(name) if type(name) is int else name
        if isinstance(name, str) and name.encode() and len(name) <= LONGEST_ID and "\0" not in name:
            return name
    except (ValueError, RecursionError) as error:  # of half a surrogate pair too
        raise _bad_line(number, line) from error
    raise _bad_line(number, line)


def _bad_line(number: int, line: bytes) -> Invalid:
    message = _('Line %(number)d is no prompt\'s id (%(seen)s): write an id a line, or {"id": "..."}.')
    seen = line[:80].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return Invalid("bad_line", message % {"number": number, "seen": seen}, attr="file")


def _found(rows: QuerySet[Prompt]) -> list[Found]:
    return [
        Found(key, name, ranked, withdrawn_at is not None)
        for key, name, ranked, withdrawn_at in rows.values_list("pk", "external_id", "ranked", "withdrawn_at")
    ]
