"""Files that wait to be started: looked into, and started as they were looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

from django.utils.translation import gettext as _

from formats.layouts import known
from labeling.data.importing import column_choices, import_preview
from labeling.data.importing.background import import_files, import_jobs
from labeling.data.importing.column_choices import FIELD, is_table
from labeling.data.importing.import_preview import Preview
from labeling.data.importing.upload_layouts import laid_out
from labeling.errors import Conflict
from labeling.models import Import
from labeling.models.imports import DRAFT


def look(job: Import, *, layout: str = "", chosen: Mapping[str, str] | None = None) -> Preview:
    """Looks into its file's beginning. chosen: fields of column_choices. Raises Invalid, and Conflict('no_file')."""
    with _opened(job) as file:
        columns = _map_of(file, job, layout, chosen or {})
        records = import_files.records_in(file, job)
        return import_preview.preview_of(records, project=job.project, layout=layout, columns=columns)


def start(job: Import, *, layout: str = "", chosen: Mapping[str, str] | None = None) -> Import:
    """Queues it to be read as it was looked at; started twice it is started once. Raises Invalid where nobody knows
    how to read it, and Conflict: 'no_file', 'discarded'."""
    if job.state != DRAFT:
        return import_jobs.start(job)  # somebody was faster
    with _opened(job) as file:
        columns = _map_of(file, job, layout, chosen or {})
        found = laid_out(import_files.records_in(file, job), layout=layout, columns=columns)
        if found.layout is None:
            for _record in found.records:  # says what is known instead
                pass
    return import_jobs.start(job, layout=found.layout.name if found.layout else "", columns=columns)


def _map_of(file: IO[bytes], job: Import, layout: str, chosen: Mapping[str, str]) -> dict[str, str]:
    """Makes a map of what was chosen, and leaves the file at its beginning."""
    if not any(field.startswith(FIELD) for field in chosen) or (layout and not is_table(known.BY_NAME.get(layout))):
        return {}
    found = laid_out(import_files.records_in(file, job), layout=layout)
    file.seek(0)
    return column_choices.map_of(found, chosen) if is_table(found.layout) else {}


def _opened(job: Import) -> IO[bytes]:
    """Opens its file, which somebody may have deleted just now: it is read to the end all the same once it is open."""
    try:
        if job.upload:
            return import_files.path_of(job.upload).open("rb")
    except FileNotFoundError:
        pass
    raise Conflict("no_file", _("The file of import %(number)s is gone: send it again.") % {"number": job.number})
