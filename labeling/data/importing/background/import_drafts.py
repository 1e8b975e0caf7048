"""Files that wait to be started: looked into, and started as they were looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.utils.translation import gettext as _

from formats.layouts import known
from labeling.data.importing import column_choices, import_preview
from labeling.data.importing.background import import_files, import_jobs
from labeling.data.importing.column_choices import FIELD, is_table
from labeling.data.importing.import_preview import Preview
from labeling.data.importing.upload_layouts import laid_out
from labeling.data.importing.upload_lines import records_of
from labeling.errors import Conflict
from labeling.models import Import
from labeling.models.imports import DRAFT


def look(job: Import, *, layout: str = "", chosen: Mapping[str, str] | None = None) -> Preview:
    """Looks into its file's beginning. chosen: fields of column_choices. Raises Invalid, and Conflict('no_file')."""
    path = _path_of(job)
    columns = _map_of(path, job, layout, chosen or {})
    with path.open("rb") as file:
        return import_preview.preview(file, job.file_name, project=job.project, layout=layout, columns=columns)


def start(job: Import, *, layout: str = "", chosen: Mapping[str, str] | None = None) -> Import:
    """Queues it to be read as it was looked at; started twice it is started once. Raises Invalid where nobody knows
    how to read it."""
    if job.state != DRAFT:
        return import_jobs.start(job)  # somebody was faster
    path = _path_of(job)
    columns = _map_of(path, job, layout, chosen or {})
    with path.open("rb") as file:
        found = laid_out(records_of(file, job.file_name), layout=layout, columns=columns)
        if found.layout is None:
            for _record in found.records:  # says what is known instead
                pass
    return import_jobs.start(job, layout=found.layout.name if found.layout else "", columns=columns)


def _map_of(path: Path, job: Import, layout: str, chosen: Mapping[str, str]) -> dict[str, str]:
    if not any(field.startswith(FIELD) for field in chosen) or (layout and not is_table(known.BY_NAME.get(layout))):
        return {}
    with path.open("rb") as file:
        found = laid_out(records_of(file, job.file_name), layout=layout)
    return column_choices.map_of(found, chosen) if is_table(found.layout) else {}


def _path_of(job: Import) -> Path:
    path = import_files.path_of(job.upload)
    if not job.upload or not path.exists():
        raise Conflict("no_file", _("The file of import %(number)s is gone: send it again.") % {"number": job.number})
    return path
