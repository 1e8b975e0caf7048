"""Tags of prompts: words of the managers' own, by which lists are narrowed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import Project, Prompt
from labeling.models.prompts import LONGEST_TAG, MOST_TAGS


def read(text: str) -> str:
    """Gives a tag as it is stored, its blanks as one. Raises Invalid('bad_tag') for none, or for what can't be one."""
    tag = " ".join(text.split())
    if not tag or len(tag) > LONGEST_TAG or not tag.isprintable():
        message = _("A tag has 1 to %(most)d letters, all of them visible; got %(value)r.")
        raise Invalid("bad_tag", message % {"most": LONGEST_TAG, "value": text[:80]}, attr="tag")
    return tag


def replace(prompt: Prompt, names: Collection[str]) -> None:
    """Gives a prompt just these tags. Raises Invalid('bad_tag', 'too_many_tags')."""
    tags = sorted({read(name) for name in names})
    if len(tags) > MOST_TAGS:
        message = _("These are %(n)d tags, and a prompt has %(most)d at most.")
        raise Invalid("too_many_tags", message % {"n": len(tags), "most": MOST_TAGS}, attr="tags")
    Prompt.objects.filter(pk=prompt.pk).exclude(tags=tags).update(tags=tags)


def change(project: Project, keys: Collection[int], *, add: str = "", remove: str = "") -> int:
    """Gives prompts a tag or takes one from them, and tells how many it changed: the same twice changes none.

    Prompts of other projects stay as they are. Raises Invalid('bad_tag'), and Invalid('too_many_tags') before any is
    changed.
    """
    add, remove = (read(tag) if tag else "" for tag in (add, remove))
    changed: dict[tuple[str, ...], list[int]] = defaultdict(list)
    with transaction.atomic():
        rows = project.prompts.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk")
        for key, name, tags in rows.values_list("pk", "external_id", "tags"):
            now = sorted({*tags, add} - {remove, ""})
            if len(now) > MOST_TAGS:
                message = _("Prompt %(id)s has %(most)d tags, and no prompt has more: take one away first.")
                raise Invalid("too_many_tags", message % {"id": name, "most": MOST_TAGS}, attr="tag")
            if now != sorted(tags):
                changed[tuple(now)].append(key)
        for now_tags, prompts in changed.items():
            project.prompts.filter(pk__in=prompts).update(tags=list(now_tags))
    return sum(map(len, changed.values()))
