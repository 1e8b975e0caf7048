"""manage.py check_counters [PROJECT] [--mend]"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.models import Project
from labeling.projects import counters

_KEYS = ("project_id", "split", "id_range", "flag", "labeler_id")


class Command(BaseCommand):
    help = (
        "Count the rows of a project, or of all, and say where the counters that pages read differ. While people work."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", nargs="?", help="its slug; without one, all projects")
        parser.add_argument("--mend", action="store_true", help="add what differs to the counters")

    def handle(self, *args: Any, project: str | None, mend: bool, **options: Any) -> None:
        chosen = Project.objects.filter(slug=project).first() if project is not None else None
        if project is not None and chosen is None:
            raise CommandError(f"There is no project {project!r}.")
        found = counters.mend(chosen) if mend else counters.differences(chosen)
        slugs = dict(Project.objects.values_list("pk", "slug")) if found else {}
        for row in found:
            self.stdout.write(_line(row, slugs.get(row["project_id"], "a project that is gone")))
        if found and not mend:
            raise CommandError(f"{len(found)} counters differ from what is there. With --mend they are put right.")
        self.stdout.write(f"{len(found)} counters were put right." if found else "All counters are right.")


def _line(row: dict[str, Any], slug: str) -> str:
    """Says by how much counters are too low (+) or too high (-)."""
    of = f"labeler {row['labeler_id']}" if "labeler_id" in row else f"{row['split']} {row['flag']}".rstrip()
    numbers = ", ".join(f"{name} {n:+}" for name, n in row.items() if name not in _KEYS and n)
    return f"{slug}, {of}: {numbers}"
