"""Corrects a prompt's texts. It keeps its id, its split and its place.

Rankings of the old texts end, with their pairs, and the prompt goes through the queue again: nobody has said anything
of the new ones. Frozen versions keep what they have. See docs/decisions/0153-revisions-of-prompts.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from formats.layouts.kept_originals import originals, texts_shown
from formats.prompts import prompt_key
from formats.refusals import Refused
from formats.rows import Row
from labeling.data.importing.imports import parse_value
from labeling.data.importing.row_words import words_of
from labeling.errors import Conflict, Invalid, Outdated
from labeling.models import Completion, Project, Prompt, PromptErasure, PromptRevision, User
from labeling.models.functions import call
from labeling.models.project_lock import lock_imports

Messages = Sequence[Mapping[str, Any]]
SHOWN = 20  # of the newest, where they are read with their prompt


def revise(
    project: Project,
    prompt: Prompt,
    *,
    base: int,
    by: User | None,
    messages: Messages | None = None,
    texts: Mapping[str, str] | None = None,
) -> Prompt:
    """Stores the next revision: of the dialogue, of completions by their ids, or of both. The same changes nothing.

    base: the revision that the change was made to. Raises Outdated('prompt_changed') where there is a later one,
    Invalid('bad_text') for what an import would refuse, Conflict('other_split') where the new texts are those of a
    prompt on another side of the split.
    """
    with transaction.atomic():
        lock_imports(project)  # which side of the split a text is on is decided by one at a time
        prompt = Prompt.objects.select_for_update().get(pk=prompt.pk)
        if prompt.revision != base:
            raise _outdated(prompt, base)
        if PromptErasure.objects.filter(prompt=prompt).exists():
            raise Conflict("erased", _("The texts of prompt %(id)s were erased.") % {"id": prompt.external_id})
        completions = list(prompt.completions.all())
        row = _checked(project, prompt, completions, messages, texts or {})
        if list(row.messages) == prompt.messages and [each.text for each in row.completions] == [
            each.text for each in completions
        ]:
            return prompt
        key = prompt_key(
            ((message["role"], message["content"]) for message in row.messages), [each.text for each in row.completions]
        )
        _refuse_other_split(project, prompt, key)
        _store(project, prompt, completions, row, key, by)
    return prompt


def _outdated(prompt: Prompt, base: int) -> Outdated:
    last = prompt.revisions.select_related("replaced_by").first()
    message = _(
        "Prompt %(id)s was changed meanwhile, by %(who)s: it is at revision %(now)d, and yours goes on from %(base)d."
    )
    who = last.replaced_by.username if last and last.replaced_by else _("somebody")
    values = {"id": prompt.external_id, "who": who, "now": prompt.revision, "base": base}
    return Outdated("prompt_changed", message % values, attr="revision")


def _checked(
    project: Project,
    prompt: Prompt,
    completions: Sequence[Completion],
    messages: Messages | None,
    texts: Mapping[str, str],
) -> Row:
    """Reads it as an import would."""
    if unknown := sorted(set(texts) - {each.external_id for each in completions}):
        known = ", ".join(each.external_id for each in completions)
        message = _("This prompt has no completion %(id)s; it has %(known)s.")
        raise Invalid("unknown_completion", message % {"id": unknown[0], "known": known}, attr="completions")
    if not prompt.is_dialogue and messages:
        raise Invalid("text_alone", _("This is a text that stands alone: it has no dialogue to change."), attr="prompt")
    said = [{"id": each.external_id, "text": texts.get(each.external_id, each.text)} for each in completions]
    asked: object = "" if not prompt.is_dialogue else prompt.messages if messages is None else messages
    try:
        return parse_value(
            {"id": prompt.external_id, "prompt": asked, "completions": said}, judgement=project.judgement
        )
    except Refused as refused:
        raise Invalid("bad_text", words_of(refused), attr=refused.field.partition("[")[0]) from refused


def _refuse_other_split(project: Project, prompt: Prompt, key: str) -> None:
    twins = Prompt.objects.filter(project=project).exclude(pk=prompt.pk).exclude(split=prompt.split)
    twin = twins.alias(key=Coalesce("prompt_key", "content_sha256")).filter(key=key).first()
    if twin:
        message = _(
            "Prompt %(twin)s says the same and is in %(other)s, while this one is in %(split)s: a model would be "
            "judged by what it has learnt. Withdraw this prompt, or give it other words."
        )
        values = {"twin": twin.external_id, "other": twin.split, "split": prompt.split}
        raise Conflict("other_split", message % values, attr="prompt")


def _store(
    project: Project, prompt: Prompt, completions: Sequence[Completion], row: Row, key: str, by: User | None
) -> None:
    ended = call("podium_end_rankings_of", prompt=prompt.pk)
    # What an import kept of the old texts as its file had them would say beside the new ones what they are no more.
    before = texts_shown(prompt.messages, (each.text for each in completions))
    now = texts_shown(row.messages, (each.text for each in row.completions))
    replaced = originals(prompt.metadata, before - now)
    PromptRevision.objects.create(
        prompt=prompt,
        number=prompt.revision,
        messages=prompt.messages,
        texts=[{"id": each.external_id, "text": each.text} for each in completions],
        metadata=replaced,
        rankings=ended["rankings"],
        last_ranking_id=ended["last"],
        replaced_at=ended["moment"],
        replaced_by=by,
    )
    for completion, new in zip(completions, row.completions, strict=True):
        completion.text = new.text
    Completion.objects.bulk_update(completions, ["text"])
    prompt.messages = list(row.messages)
    prompt.metadata = {key: value for key, value in prompt.metadata.items() if key not in replaced}
    prompt.prompt_key = None if key == prompt.content_sha256 else key
    prompt.overlap = project.overlap_of(prompt.content_sha256)  # recorded rankings made it grow, and they have ended
    prompt.revision += 1
    prompt.revised_at = ended["moment"]
    prompt.save(update_fields=["messages", "metadata", "prompt_key", "overlap", "revision", "revised_at"])
    forget_made_of_texts(prompt)


def forget_made_of_texts(prompt: Prompt) -> None:
    """Deletes what other apps made of the texts, such as scores: it is of texts that are no more."""
    for relation in Prompt._meta.related_objects:
        if relation.related_model._meta.app_label != Prompt._meta.app_label:
            relation.related_model._default_manager.filter(**{relation.field.name: prompt}).delete()


def earlier(prompt: Prompt) -> list[PromptRevision]:
    """Gives those that were replaced, the newest first: SHOWN, and one more where there are more."""
    if prompt.revision == 1:
        return []
    return list(prompt.revisions.select_related("replaced_by")[: SHOWN + 1])
