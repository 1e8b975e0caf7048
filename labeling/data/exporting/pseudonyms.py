"""What stands for a person in a file: the same in a project for ever, and nobody's name.

It is drawn at random as soon as somebody has ranked in a project, and kept with how much they ranked there: no name
goes into it, so that it stays when the account is renamed or erased, and nobody finds the name by it. An imported
labeler whose name is a pseudonym already keeps it, so that what one project exports and another imports says the same
people apart, wherever it is exported again. See docs/decisions/0176-pseudonyms-that-stay.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from django.utils.crypto import salted_hmac

from labeling.data.exporting.ranked_prompts import Said
from labeling.models import DatasetVersion, LabelerCounter, Project, Ranking

MOST_REMEMBERED = 100_000  # people of one export, of whom no more is asked twice
_SALT = "labeling.data.exporting.pseudonyms"
_PSEUDONYM = re.compile(r"labeler-[0-9a-f]{16}")


def of(stored: str, username: str, *, is_imported: bool) -> str:
    """Gives a labeler's pseudonym in a project, by the one that is stored."""
    return imported_as(username) or stored if is_imported else stored


def imported_as(username: str) -> str:
    """Gives the pseudonym by which a labeler was imported, or ""."""
    name = re.split(r"[@#]", username, maxsplit=1)[0]
    return name if _PSEUDONYM.fullmatch(name) else ""


def in_project(project: Project) -> Iterator[tuple[str, str]]:
    """Yields the username and the pseudonym of each person who has ranked there, by their names."""
    rows = LabelerCounter.objects.filter(project=project).order_by("labeler__username")
    names = rows.values_list("pseudonym", "labeler__username", "labeler__is_imported")
    for stored, username, is_imported in names:
        yield username, of(stored, username, is_imported=is_imported)


def remembering(project: Project, version: DatasetVersion | None) -> Callable[[Said], str]:
    """Gives the pseudonym of whoever made a ranking, for one export, which asks for the same few people many times.

    A frozen version has the names of its time, which may be another's by now: there the ranking says whose it is. Where
    it is gone with its prompt, the name does, and where nobody has that any more, a pseudonym made of it.
    """
    now = dict(in_project(project))
    known = now if version is None else {}

    def pseudonym(said: Said) -> str:
        if (name := known.get(said.labeler)) is None:
            name = _of_ranking(project, said.id) or now.get(said.labeler) or _made(project, said.labeler)
            if len(known) < MOST_REMEMBERED:
                known[said.labeler] = name
        return name

    return pseudonym


def _of_ranking(project: Project, ranking: int) -> str:
    made = Ranking.objects.filter(pk=ranking, project=project)
    whose = LabelerCounter.objects.filter(project=project, labeler__in=made.values("labeler"))
    names = whose.values_list("pseudonym", "labeler__username", "labeler__is_imported")
    return next((of(stored, username, is_imported=imported) for stored, username, imported in names), "")


def _made(project: Project, username: str) -> str:
    """Makes one of the name and the site's secret, as all were before they were stored."""
    digest = salted_hmac(_SALT, f"{project.pk}/{username}", algorithm="sha256").hexdigest()
    return f"labeler-{digest[:16]}"
