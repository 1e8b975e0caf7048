"""Erases a prompt's texts for good, where somebody's data has to go: they are nowhere in the tables any more.

The prompt is withdrawn and stays so; its id stays taken. Frozen versions never change: those that hold its texts are
named, and keep them until their project is deleted. So do backups, and uploads and bad lines of imports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from labeling.data.revising.revisions import forget_made_of_texts
from labeling.data.versions.holding import versions_with
from labeling.errors import Invalid
from labeling.models import (
    Assignment,
    Completion,
    DatasetVersion,
    PreferencePair,
    Project,
    Prompt,
    PromptErasure,
    RankedCompletion,
    Ranking,
    User,
)
from labeling.models.functions import call

MOST_VERSIONS = 10_000  # all that there are


@dataclass(frozen=True)
class Foreseen:
    """What erasing a prompt would take, counted, and what would keep its texts."""

    completions: int
    revisions: int  # earlier ones
    rankings: int  # that stand, and would end
    pairs: int
    remarks: int  # comments and notes that labelers wrote of it
    drafts: int
    versions: Sequence[DatasetVersion]  # frozen ones that hold it, the newest first


def foresee(prompt: Prompt) -> Foreseen:
    """Counts what erasing the prompt would take. A statement for each kind, however much there is."""
    rankings, ranked = Ranking.objects.filter(prompt=prompt), RankedCompletion.objects.filter(prompt=prompt)
    return Foreseen(
        completions=prompt.completions.count(),
        revisions=prompt.revisions.count(),
        rankings=rankings.filter(live=True).count(),
        pairs=PreferencePair.objects.filter(prompt=prompt).count(),
        remarks=rankings.exclude(comment="").count() + ranked.exclude(note="").count(),
        drafts=Assignment.objects.filter(prompt=prompt, draft__isnull=False).count(),
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
    """Erases what was asked and answered, earlier revisions, metadata, and what labelers wrote of it.

    Twice is harmless: the first time stands. Raises Invalid('not_confirmed') where `confirm` is not the prompt's id.
    """
    check_confirmed(confirm, prompt.external_id)
    holding = [version.number for version in versions_with(prompt, most=MOST_VERSIONS)]
    with transaction.atomic():
        prompt = Prompt.objects.select_for_update().get(pk=prompt.pk)
        if (before := erasure_of(prompt)) is not None:
            return before
        call("podium_withdraw_prompts", project=project.pk, prompts=[prompt.pk])
        Prompt.objects.filter(pk=prompt.pk).update(
            messages=[{"role": "user", "content": ""}], metadata={}, held_reason=""
        )
        Completion.objects.filter(prompt=prompt).update(text="")
        prompt.revisions.all().delete()
        Assignment.objects.filter(prompt=prompt).update(draft=None, skip_reason="")
        RankedCompletion.objects.filter(prompt=prompt).exclude(note="").update(note="")
        Ranking.objects.filter(prompt=prompt).exclude(comment="").update(comment="")
        forget_made_of_texts(prompt)
        return PromptErasure.objects.create(prompt=prompt, versions=holding, erased_by=by)
