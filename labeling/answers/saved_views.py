"""What a list is narrowed by, kept under a name: by whoever narrowed it, and shared if they say so."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from labeling.errors import Conflict, Invalid, Missing
from labeling.models import Project, SavedView, User
from labeling.models.lists.saved_views import LONGEST_NAME
from labeling.models.project_lock import lock_project

MOST = 50  # of a person, of one list of a project
MOST_SHOWN = 100  # own ones, and of others
LONGEST_FILTERS = 4_000  # letters of all that narrows


def views_of(project: Project, user: User, of: str) -> list[SavedView]:
    """Gives a person's own views of a list, then those that others share, by name; in one statement."""
    found = visible(project, user).filter(of=of)
    is_others = ExpressionWrapper(~Q(owner=user), BooleanField())
    return list(found.order_by(is_others, Lower("name"), "pk")[:MOST_SHOWN])


def visible(project: Project, user: User) -> QuerySet[SavedView]:
    """Gives those of all lists of the project that the person sees: their own, and those that others share."""
    return project.saved_views.filter(Q(owner=user) | Q(is_shared=True)).select_related("owner")


def save(
    project: Project, user: User, of: str, *, name: str, filters: Mapping[str, str], is_shared: bool = False
) -> SavedView:
    """Keeps it; under a name that the person has already it takes that one's place.

    filters: by the names of the list's form (labeling/forms/finding.py), which has read them or reads them again.

    Raises Invalid('bad_name', 'nothing_narrowed', 'too_long'), Conflict('too_many_views').
    """
    name = read_name(name)
    kept = {key: value for key, value in filters.items() if value}
    if not kept:
        raise Invalid("nothing_narrowed", _("The list is narrowed by nothing: there is nothing to keep."), attr="name")
    if (n := sum(map(len, kept.values()))) > LONGEST_FILTERS:
        message = _("What narrows the list has %(n)d letters; at most %(most)d are kept.")
        raise Invalid("too_long", message % {"n": n, "most": LONGEST_FILTERS}, attr="q")
    with transaction.atomic():
        lock_project(project)
        own = project.saved_views.filter(owner=user, of=of)
        if not own.filter(name=name).exists() and own.count() >= MOST:
            message = _("You keep %(n)d views of this list, and that is the most: delete one first.")
            raise Conflict("too_many_views", message % {"n": MOST})
        view, _made = SavedView.objects.update_or_create(
            project=project, owner=user, of=of, name=name, defaults={"filters": kept, "is_shared": is_shared}
        )
    return view


def rename(view: SavedView, name: str) -> None:
    """Raises Invalid('bad_name'), Conflict('name_taken')."""
    name = read_name(name)
    with transaction.atomic():
        lock_project(view.project)
        others = SavedView.objects.filter(project=view.project, owner=view.owner, of=view.of, name=name)
        if others.exclude(pk=view.pk).exists():
            message = _("You have a view “%(name)s” of this list already: take another name.")
            raise Conflict("name_taken", message % {"name": name}, attr="name")
        SavedView.objects.filter(pk=view.pk).update(name=name)
    view.name = name


def share(view: SavedView, *, is_shared: bool) -> None:
    SavedView.objects.filter(pk=view.pk).update(is_shared=is_shared)


def find_own(project: Project, user: User, pk: int) -> SavedView:
    """Finds a view of one's own. Raises Missing: of others' one learns nothing."""
    found = project.saved_views.filter(owner=user, pk=min(pk, 2**63 - 1)).first()
    if found is None:
        raise Missing("no_view", _("You have no such view here; it may have been deleted."))
    return found


def read_name(text: str) -> str:
    """Gives a name as it is stored, its blanks as one. Raises Invalid('bad_name')."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        message = _("A view's name has 1 to %(most)d letters, all of them visible; got %(value)r.")
        raise Invalid("bad_name", message % {"most": LONGEST_NAME, "value": text[:80]}, attr="name")
    return name
