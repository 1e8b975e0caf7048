"""Erases a prompt's texts for good, where somebody's data has to go: they are nowhere in the tables any more.

The prompt is withdrawn and stays so; its id stays taken. Frozen versions never change: those that hold its texts are
named, and keep them until their project is deleted. Where else texts are, and what becomes of them, is in
docs/operating.md. See docs/decisions/0156-what-erasing-leaves.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from labeling.data.importing.background import import_leftovers
from labeling.data.revising.revisions import forget_made_of_texts
from labeling.data.versions.holding import versions_with
from labeling.errors import Invalid
from labeling.models import (
    Assignment,
    Completion,
    DatasetVersion,
    Import,
    ImportedTags,
    PreferencePair,
    Project,
    Prompt,
    PromptErasure,
    RankedCompletion,
    Ranking,
    ReviewAct,
    User,
)
from labeling.models.functions import call
from labeling.models.project_lock import lock_imports, lock_project

MOST_VERSIONS = 10_000  # all that there are
NO_DIGEST = "0" * 64  # of a ranking whose comment and notes are gone

_forget: list[Callable[[Project], None]] = []  # what else is kept of a project's texts on the disk


def also(forget: Callable[[Project], None]) -> None:
    """Calls it before a prompt of the project is erased; twice must be harmless."""
    _forget.append(forget)


@dataclass(frozen=True)
class Foreseen:
    """What erasing a prompt would take, counted, and what would keep its texts."""

    completions: int
    revisions: int  # earlier ones
    rankings: int  # that stand, and would end
    pairs: int
    remarks: int  # comments and notes that labelers wrote of it
    drafts: int
    imports: int  # of which files, bad lines or what was wrong in them are kept, and would not be any more
    at_work: Import | None  # an import whose file may have the texts, so that nothing is erased before its end
    versions: Sequence[DatasetVersion]  # frozen ones that hold it, the newest first


def foresee(prompt: Prompt) -> Foreseen:
    """Counts what erasing the prompt would take. A statement for each kind, however much there is."""
    rankings, ranked = Ranking.objects.filter(prompt=prompt), RankedCompletion.objects.filter(prompt=prompt)
    return Foreseen(
        completions=prompt.completions.count(),
        revisions=prompt.revisions.count(),
        rankings=rankings.filter(live=True).count(),
        pairs=PreferencePair.objects.filter(prompt=prompt).count(),
        remarks=rankings.exclude(comment="", rewrite="").count() + ranked.exclude(note="").count(),
        drafts=Assignment.objects.filter(prompt=prompt, draft__isnull=False).count(),
        imports=import_leftovers.leftovers(prompt.project).count(),
        at_work=import_leftovers.at_work(prompt.project),
        versions=versions_with(prompt, most=MOST_VERSIONS),
    )


def erasure_of(prompt: Prompt) -> PromptErasure | None:
    """Finds who erased the prompt, and when; None where its texts are there."""
    return PromptErasure.objects.select_related("erased_by", "prompt").filter(prompt=prompt).first()


def check_confirmed(typed: str, wanted: str) -> None:
    """Raises Invalid('not_confirmed') where what was typed is not the prompt's id, whatever the blanks in it."""
    if typed != wanted and (not typed.strip() or typed.split() != wanted.split()):
        message = _("To erase the texts of this prompt, write its id, “%(wanted)s”; this was “%(typed)s”.")
        raise Invalid("not_confirmed", message % {"wanted": wanted, "typed": typed[:200]}, attr="confirm")


def erase(project: Project, prompt: Prompt, *, confirm: str, by: User | None) -> PromptErasure:
    """Erases what was asked and answered, earlier revisions, metadata, what labelers wrote of it, and files of imports.

    Twice is harmless: the first time stands. Raises Invalid('not_confirmed') where `confirm` is not the prompt's id,
    and Conflict('import_active') while an import is at work, whose file may have the texts.
    """
    check_confirmed(confirm, prompt.external_id)
    with transaction.atomic():
        lock_project(project)  # no version is frozen and no file is received meanwhile
        if (before := erasure_of(prompt)) is not None:
            return before
        holding = [version.number for version in versions_with(prompt, most=MOST_VERSIONS)]
        lock_imports(project)
        import_leftovers.forget(project)
        for forget in _forget:
            forget(project)
        call("podium_withdraw_prompts", project=project.pk, prompts=[prompt.pk])  # which locks it
        erasure = PromptErasure.objects.create(prompt=prompt, versions=holding, erased_by=by)
        _erase_texts(prompt)
        return erasure


def _erase_texts(prompt: Prompt) -> None:
    """Empties them. A checksum of a short text can be guessed, so that goes too: the split stands beside it."""
    Prompt.objects.filter(pk=prompt.pk).update(
        messages=[{"role": "user", "content": ""}],
        metadata={},
        tags=[],
        held_reason="",
        content_sha256=secrets.token_hex(32),
        prompt_key=None,
    )
    Completion.objects.filter(prompt=prompt).update(text="")
    ReviewAct.objects.filter(case__prompt=prompt).exclude(words="").update(words="")
    call("podium_take_gold_back", prompts=[prompt.pk])  # its explanation may say what the texts were
    prompt.revisions.all().delete()
    ImportedTags.objects.filter(prompt=prompt).delete()
    Assignment.objects.filter(prompt=prompt).update(draft=None, skip_reason="")
    RankedCompletion.objects.filter(prompt=prompt).exclude(note="").update(note="")
    Ranking.objects.filter(prompt=prompt).update(comment="", rewrite="", rewrite_of=None, payload_sha256=NO_DIGEST)
    forget_made_of_texts(prompt)
