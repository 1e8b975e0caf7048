"""Projects: making one, and changing its settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from labeling.errors import Conflict, Invalid
from labeling.models import (
    Membership,
    Project,
    Prompt,
    Role,
    User,
)
from labeling.models.project_lock import lock_imports
from labeling.models.projects import CHECKS, SHARES
from labeling.projects import asks, qualification
from labeling.projects.named import MAX_LABEL
from labeling.projects.named import NAME as FLAG_NAME
from labeling.projects.search_languages import KNOWN

MAX_GUIDELINES = 100_000  # characters: forty pages, which is more than anybody reads beside a task
MAX_FLAGS = 20
MAX_OVERLAP, MAX_LEASE_MINUTES, MAX_DAILY_LIMIT = 50, 24 * 60, 5_000
# Of a new project: one ranking of most prompts, and three of some, by which people's agreement is known.
NEW_SHARES = {"overlap": 1, "extra_percent": 15, "extra_overlap": 3}
CHANGEABLE = {
    *("name", "kind", "guidelines", "flags", "ask_strength", "lease_minutes", "search_language", "review_percent"),
    *("champion_percent", "daily_limit", "ask_acceptable", "ask_reasons", "justification", "attributes"),
    *("ask_rewrite", "top_k", *SHARES),
    *CHECKS,
}


def create_project(*, by: User | None, slug: str, name: str, **settings: object) -> Project:
    """Makes the project; `by` becomes its manager.

    settings: any of CHANGEABLE. Where nothing, or None, is said of how many people rank a prompt, it is NEW_SHARES.

    Raises Invalid, and Conflict('slug_taken').
    """
    said = {field: value for field, value in settings.items() if field not in SHARES or value is not None}
    shares = {} if said.keys() & {*SHARES} else NEW_SHARES
    project = Project(slug=slug, created_by=by)
    apply(project, {"name": name, **shares, **said})
    qualification.check(project)
    with transaction.atomic():
        try:
            with transaction.atomic():
                project.save()
        except IntegrityError as error:
            message = _("There is a project %(slug)r already; choose another slug.")
            raise Conflict("slug_taken", message % {"slug": slug}, attr="slug") from error
        if by is not None:
            Membership.objects.create(project=project, user=by, role=Role.MANAGER)
    return project


def update_project(project: Project, **changes: object) -> Project:
    """Sets what is in CHANGEABLE. A new overlap holds for prompts imported from now on; those there are get it by
    labeling/data/bulk/setting_changes.py.

    Raises Invalid, and Conflict('kind_settled') where there are prompts already: what people answered to one kind means
    nothing in the other.
    """
    with transaction.atomic():
        if changes.keys() & {*SHARES}:
            lock_imports(project)  # each batch reads them once; and two who change them agree on what they are
        project.refresh_from_db(fields=["kind", "qualify_items", *SHARES])
        kind, asked = project.kind, project.qualify_items
        apply(project, changes)
        if project.qualify_items > asked:
            qualification.check(project)
        if project.kind != kind:
            _check_no_prompts(project)
        project.save(update_fields=sorted(changes))
    return project


def apply(project: Project, changes: Mapping[str, object]) -> None:
    """Sets them on the object alone. Raises Invalid."""
    read_whole(project)
    for field, value in changes.items():
        if field not in CHANGEABLE:
            message = _("%(field)r can't be changed; these can: %(known)s.")
            shown = {"field": field, "known": ", ".join(sorted(CHANGEABLE))}
            raise Invalid("unknown_field", message % shown, attr=field)
        setattr(project, field, CHECKED[field](value) if field in CHECKED else value)
    _validate(project)


def read_whole(project: Project) -> Project:
    """Reads by one statement what a look by its name left out, which is else one for each."""
    if left_out := project.get_deferred_fields():
        project.refresh_from_db(fields=left_out)
    return project


def _validate(project: Project) -> None:
    try:
        project.full_clean(exclude=["created_by"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        attr, messages = next(iter(error.message_dict.items()))
        raise Invalid("invalid", f"{attr}: {' '.join(messages)}", attr=attr) from error
    if project.extra_percent and project.extra_overlap <= project.overlap:
        message = _(
            "extra_overlap is above overlap, which is %(overlap)d: got %(value)d. Or send 0 for extra_percent: as many "
            "for each prompt."
        )
        values = {"overlap": project.overlap, "value": project.extra_overlap}
        raise Invalid("shares_invalid", message % values, attr="extra_overlap")
    if project.champion_percent and not 51 <= project.champion_percent <= 99:
        message = _("champion_percent is 0, or from 51 to 99: how sure of the contrary; got %(value)r.")
        raise Invalid("invalid", message % {"value": project.champion_percent}, attr="champion_percent")
    if len(project.guidelines) > MAX_GUIDELINES:
        message = _("Guidelines have at most %(limit)d characters; these have %(length)d.")
        values = {"limit": MAX_GUIDELINES, "length": len(project.guidelines)}
        raise Invalid("guidelines_too_long", message % values, attr="guidelines")
    if project.search_language not in KNOWN:
        message = _("%(language)r is no language that texts are searched in; these are: %(known)s.")
        shown = {"language": project.search_language, "known": ", ".join(KNOWN)}
        raise Invalid("unknown_language", message % shown, attr="search_language")
    project.judgement.check_project(project.flags)
    asks.check_kind(project)


def _check_no_prompts(project: Project) -> None:
    lock_imports(project)  # the batch of one that has begun is there then, and one to come finds the new kind
    if Prompt.objects.filter(project=project).exists():
        message = _("The kind can't be %(kind)s any more: the project has prompts. Make another project.")
        raise Conflict("kind_settled", message % {"kind": project.kind}, attr="kind")


def _checked_flags(flags: object) -> list[dict[str, str]]:
    if not isinstance(flags, list | tuple):
        raise _bad_flags(_('Flags are a list such as [{"name": "hateful", "label": "Hateful"}], not %(value)r.'), flags)
    if len(flags) > MAX_FLAGS:
        raise _bad_flags(_("There are %(value)d flags; a project has at most %(limit)d."), len(flags), limit=MAX_FLAGS)
    checked: dict[str, dict[str, str]] = {}
    for flag in flags:
        if not isinstance(flag, dict) or not isinstance(flag.get("name"), str):
            raise _bad_flags(_('A flag is such as {"name": "hateful", "label": "Hateful"}, not %(value)r.'), flag)
        name = flag["name"]
        if not re.fullmatch(FLAG_NAME.strip("^$"), name):
            raise _bad_flags(_("A flag's name is like 'factual_error', not %(value)r."), name)
        if name in checked:
            raise _bad_flags(_("The flag %(value)r is there twice."), name)
        if unknown := sorted(map(str, set(flag) - {"name", "label"})):
            raise _bad_flags(_("A flag has a name and a label; it has no %(value)s."), ", ".join(unknown)[:80])
        label = flag.get("label") or name.replace("_", " ").capitalize()
        if not isinstance(label, str) or len(label) > MAX_LABEL:
            message = _("A flag's label is a text of at most %(limit)d characters, not %(value)r.")
            raise _bad_flags(message, str(label)[:80], limit=MAX_LABEL)
        checked[name] = {"name": name, "label": label}
    return list(checked.values())


def _bad_flags(message: str, value: object, **said: object) -> Invalid:
    return Invalid("flags_invalid", message % {"value": value, **said}, attr="flags")


CHECKED: dict[str, Callable[[object], object]] = {
    "flags": _checked_flags,
    "ask_reasons": asks.checked_reasons,
    "attributes": asks.checked_attributes,
}
