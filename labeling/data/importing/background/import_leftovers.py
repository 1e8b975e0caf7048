"""What is kept of imports beside what they brought: the files that were sent, bad lines, and what was wrong in them.

Any of it may hold a text that has to go. Which file holds which text is not known without reading all of them, packed
ones too, so all of a project's goes together: whoever sent a file has it still.
"""

from __future__ import annotations

import re
import shutil

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from labeling.data.importing.background import import_files
from labeling.errors import Conflict
from labeling.models import Import, Project
from labeling.models.imports import DRAFT

_kept_file = re.compile(r"(\d+)\.(?:upload|bad|fetch)")


def leftovers(project: Project) -> QuerySet[Import]:
    """Finds the imports of which such things are kept."""
    return project.imports.exclude(
        upload="", bad_lines="", errors=[], done=0
    )  # done: files of one that is not all here


def at_work(project: Project) -> Import | None:
    """Finds one whose file is being read, or is about to be."""
    return project.imports.filter(state__in=Import.ACTIVE).defer("errors").first()


def forget(project: Project) -> None:
    """Deletes all of it, and drafts with it. Call it in a transaction, with the project locked and its imports too.

    The files go before the rows say so: whoever is killed in between does it again, and a row whose file is gone is
    told so by its page. Raises Conflict('import_active') while one is at work.
    """
    over = dict(project.imports.select_for_update().order_by("pk").values_list("number", "state"))
    if (active := at_work(project)) is not None:
        message = _(
            "Import %(number)d is at work, and its file may have these texts: wait for its end, or pause or cancel it."
        )
        raise Conflict("import_active", message % {"number": active.number})
    folder = import_files.path_of(import_files.folder_of(project))
    for path in folder.iterdir() if folder.is_dir() else ():
        if (name := _kept_file.fullmatch(path.name)) and int(name[1]) in over:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    project.imports.filter(state=DRAFT).delete()
    # Why one failed may name its first bad line.
    leftovers(project).filter(n_errors__gt=0).update(error="")
    leftovers(project).update(upload="", bad_lines="", bad_bytes=0, errors=[], done=0)
