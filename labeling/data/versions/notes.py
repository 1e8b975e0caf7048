"""What people say of a version: a note and tags, which may change, by whom and when."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import DatasetVersion, User, VersionNote

LONGEST_NOTE = 5_000
MOST_TAGS, LONGEST_TAG = 20, 40


def tags_of(text: str) -> list[str]:
    """Reads "paper, pilot": each tag once, in the order typed."""
    tags = [" ".join(tag.split()) for tag in text.split(",")]
    return list(dict.fromkeys(tag for tag in tags if tag))


def change(
    version: DatasetVersion, *, by: User | None, text: str | None = None, tags: Sequence[str] | None = None
) -> VersionNote:
    """Replaces the note, the tags, or both; what is None stays. Raises Invalid."""
    values: dict[str, object] = {}
    if text is not None:
        values["text"] = _checked_text(text)
    if tags is not None:
        values["tags"] = _checked_tags(tags)
    note, _created = VersionNote.objects.update_or_create(version=version, defaults={**values, "changed_by": by})
    return note


def of(version: DatasetVersion) -> VersionNote:
    """Gives what was said; an empty note where nothing was."""
    return VersionNote.objects.filter(version=version).select_related("changed_by").first() or VersionNote()


def written(version: DatasetVersion) -> VersionNote:
    """Gives the same of a version that was read with its note, by no statement."""
    try:
        return version.note
    except VersionNote.DoesNotExist:
        return VersionNote()


def _checked_text(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if len(text) > LONGEST_NOTE:
        message = _("A note has up to %(most)d characters; this one has %(n)d.")
        raise Invalid("note_too_long", message % {"most": LONGEST_NOTE, "n": len(text)}, attr="note")
    return text


def _checked_tags(tags: Sequence[str]) -> list[str]:
    tags = list(dict.fromkeys(" ".join(tag.split()) for tag in tags))
    for tag in tags:
        if not tag or "," in tag or len(tag) > LONGEST_TAG:
            message = _("A tag has 1 to %(most)d characters and no comma; got %(tag)r.")
            raise Invalid("tag_invalid", message % {"most": LONGEST_TAG, "tag": tag[:80]}, attr="tags")
    if len(tags) > MOST_TAGS:
        message = _("A version has up to %(most)d tags; these are %(n)d.")
        raise Invalid("too_many_tags", message % {"most": MOST_TAGS, "n": len(tags)}, attr="tags")
    return tags
