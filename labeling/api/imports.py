"""Imports in the background: send a file, watch, pause, resume, cancel, undo, download the bad lines."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django.http import FileResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from formats.files.records import Peeked
from formats.layouts import known
from formats.lines import Readable
from labeling.api.prompts import FILES, FORMAT, HOW_TO_SEND, MAP, LineErrorSerializer, PromptsFileSerializer
from labeling.api.rest.fields import Text
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import NO_NUL, KnownFields, View, one_of, person
from labeling.api.rest.schema import conflict
from labeling.data.hub.names import Fetched, read_fetched
from labeling.data.importing.background import bad_lines, import_files, import_jobs
from labeling.data.importing.upload_layouts import read_object
from labeling.errors import Conflict, Invalid
from labeling.models import Import, Role
from labeling.people import access
from labeling.requests import strict_json

MOST_OF_HUB = 2048  # bytes of a body that may name a dataset; what is longer is a file
_BEGINS_WITH_HUB = re.compile(rb'\s*\{\s*"hub"\s*:')
MEDIA_TYPES = (*FILES, "application/json")
NAME = OpenApiParameter("name", NO_NUL, description="The file's name, where the body is the file itself.")


class HubSerializer(KnownFields):
    hub = Text(max_length=400)


DATASET_OR_FILE = {  # any other JSON is a file, whose rows are the worker's to refuse, each by its line
    "anyOf": [
        {
            "type": "object",
            "required": ["hub"],
            "properties": {
                "hub": {
                    "type": "string",
                    "maxLength": 400,
                    "pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$",
                    "description": "A dataset as owner/name or owner/name@revision, behind hf: or not.",
                }
            },
        },
        {"description": "A file of prompts."},
    ]
}


class ImportSerializer(serializers.ModelSerializer[Import]):
    """`id` is the import's number in its project, as in the address and on the page."""

    id = serializers.IntegerField(source="number")
    requested_by = serializers.CharField(source="requested_by.username", allow_null=True, default=None)
    undo = serializers.BooleanField(
        source="is_undo", help_text="It is being taken back, or was: `state` is that of taking back."
    )
    format = serializers.CharField(source="container", help_text="What the file was, such as JSON Lines (gzip).")
    hub = serializers.CharField(help_text="Of a dataset on a hub owner/name, with @ and the revision; else empty.")
    commit = serializers.CharField(help_text="What was found there.")
    fetching = serializers.BooleanField(
        source="is_fetch",
        help_text="It is to be fetched from the hub: `state`, `size` and `bytes_read` are of fetching.",
    )
    created = serializers.IntegerField(help_text="New prompts.")
    updated = serializers.IntegerField(help_text="Known prompts that got new rankings or tags.")
    tagged = serializers.IntegerField(help_text="Of these, those that got tags.")
    skipped = serializers.IntegerField(help_text="Known prompts with nothing new.")
    rankings = serializers.IntegerField(help_text="Recorded rankings that were stored.")
    n_errors = serializers.IntegerField(help_text="Lines that were refused.")
    kept_prompts = serializers.IntegerField(
        help_text="Prompts that were not taken back, for a person or another import has worked on them."
    )

    class Meta:
        model = Import
        fields = (
            "id", "state", "undo", "requested_by", "file_name", "hub", "commit", "fetching", "size",
            "sha256", "format", "bytes_read",
            "seconds_left", "created", "updated", "tagged", "skipped", "rankings", "n_errors",
            "undone_prompts", "undone_rankings", "undone_tagged", "kept_prompts", "attempts",
            "pause_requested", "cancel_requested", "error", "requested_at", "started_at", "heartbeat_at", "finished_at",
        )  # fmt: skip


class ImportDetailSerializer(ImportSerializer):
    errors = LineErrorSerializer(many=True, help_text="The first 1000; bad-lines/ has the lines.")  # type: ignore[assignment]

    class Meta(ImportSerializer.Meta):
        fields = (*ImportSerializer.Meta.fields, "errors")  # type: ignore[assignment]


class Imports(PagedView):
    serializer_class = ImportSerializer
    pagination_class = NewestFirst
    parser_classes = (MultiPartParser,)
    query: ClassVar = {"post": ("name", "format", "map")}

    @extend_schema(operation_id="imports_list", responses=ImportSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Imports, newest first."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return self.page(project.imports.select_related("requested_by").defer("errors"))

    @extend_schema(
        operation_id="imports_request",
        parameters=[NAME, FORMAT, MAP],
        request={
            "application/x-ndjson": OpenApiTypes.STR,
            "application/octet-stream": OpenApiTypes.BINARY,
            "application/json": DATASET_OR_FILE,
            "multipart/form-data": PromptsFileSerializer,
        },
        responses={202: ImportDetailSerializer, 409: conflict("Too many files wait, or the disk is full.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Send a file of prompts that a worker imports, however large: it is kept and read in the background.

        Or name a dataset on a hub as `{"hub": "owner/name"}`: a worker fetches it, as anybody may, and imports it then.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        layout = one_of(request, "format", known.BY_NAME, code="unknown_format") or ""
        columns = read_object(request.query_params.get("map", ""))
        file, name = sent_file(request)
        if media_type_of(request) == "application/json":
            file = Peeked(file, most=MOST_OF_HUB + 1)
            if what := _dataset_in(file, name):
                asked: dict[str, Any] = {"layout": layout, "columns": columns}
                job = import_jobs.fetch(project, what, by=person(request), start=True, **asked)
                return Response(ImportDetailSerializer(job).data, status=202)
        received = import_files.receive(project, file)
        if not received.size:
            received.draft.unlink()
            raise Invalid("empty", f"{_('There is no line in it.')} {HOW_TO_SEND}")
        job = import_jobs.receive(
            project, received, file_name=name, by=person(request), start=True, layout=layout, columns=columns
        )
        return Response(ImportDetailSerializer(job).data, status=202)


def _dataset_in(body: Peeked, name: str) -> Fetched | None:
    """Gives the dataset on a hub that a body names, which is no file then. Raises ValidationError and Invalid."""
    if b'"hub"' not in body.head:
        return None
    if not body.is_whole:  # no name is that long, nor is a row of a file that begins so
        return read_fetched(body.head.decode(errors="replace")) if _BEGINS_WITH_HUB.match(body.head) else None
    try:
        said = strict_json.loads(body.head)
    except Invalid:  # a file, of which a worker says what is wrong
        return None
    if not isinstance(said, dict) or "hub" not in said:
        return None
    serializer = HubSerializer(data=said)
    serializer.is_valid(raise_exception=True)
    if name:
        raise Invalid("name_of_a_dataset", _("A dataset on a hub has a name already: leave this one out."), attr="name")
    return read_fetched(serializer.validated_data["hub"])


def media_type_of(request: Request) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def sent_file(request: Request) -> tuple[Readable, str]:
    """Gives the file that was sent, in a form or as the body, with its name."""
    media_type = media_type_of(request)
    if media_type == MultiPartParser.media_type:
        fields = request.data
        if "file" not in request.FILES:
            message = _("Send the file in the field 'file'; got %(fields)s.")
            raise Invalid("no_file", message % {"fields": ", ".join(fields) or _("none")}, attr="file")
        file = request.FILES["file"]
        return file, file.name or ""
    if media_type not in MEDIA_TYPES:
        raise UnsupportedMediaType(media_type, detail=f"{HOW_TO_SEND} Content-Type: {media_type}")
    if request.stream is None:
        raise Invalid("empty", f"{_('There is no line in it.')} {HOW_TO_SEND}")
    return request.stream, request.query_params.get("name", "")


class OneImport(View):
    @extend_schema(operation_id="imports_read", responses=ImportDetailSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """One import: how far it is, what came of it, and the first bad lines."""
        return Response(ImportDetailSerializer(_get(request, slug, number)).data)


class PauseImport(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="imports_pause",
        request=None,
        responses={200: ImportDetailSerializer, 409: conflict("It is not at work.")},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Have it stop after the lines it is at, to be resumed."""
        return Response(ImportDetailSerializer(import_jobs.pause(_get(request, slug, number))).data)


class ResumeImport(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="imports_resume",
        request=None,
        responses={200: ImportDetailSerializer, 409: conflict("It is over, or its file is gone.")},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Go on with one that was paused or cancelled, or that failed, where it stopped."""
        return Response(ImportDetailSerializer(import_jobs.resume(_get(request, slug, number))).data)


class CancelImport(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="imports_cancel",
        request=None,
        responses={200: ImportDetailSerializer, 409: conflict("It has ended.")},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Have it stop; what went in stays until it is undone."""
        return Response(ImportDetailSerializer(import_jobs.cancel(_get(request, slug, number))).data)


class UndoImport(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="imports_undo",
        request=None,
        responses={200: ImportDetailSerializer, 409: conflict("It is at work.")},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Take back what it brought: its recorded rankings, and its prompts on which nobody has worked since."""
        return Response(ImportDetailSerializer(import_jobs.undo(_get(request, slug, number))).data)


class BadLines(View):
    @extend_schema(
        operation_id="imports_bad_lines",
        responses={
            (200, "application/x-ndjson"): OpenApiResponse(OpenApiTypes.STR, "The lines that were refused."),
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "Those of a table, with its header."),
            409: conflict("No line was bad."),
        },
    )
    def get(self, request: Request, slug: str, number: int) -> FileResponse:
        """Download the bad lines, to be corrected and sent again."""
        job = _get(request, slug, number)
        file = bad_lines.opened(job)
        if file is None:
            message = _("Import %(number)s has no bad lines.")
            raise Conflict("no_bad_lines", message % {"number": number})
        return FileResponse(
            file, as_attachment=True, filename=bad_lines.file_name(job), content_type=bad_lines.media_type(job)
        )


def _get(request: Request, slug: str, number: int) -> Import:
    project = access.get_project(request.user, slug, at_least=Role.MANAGER)
    job: Import = project.imports.select_related("project", "requested_by").get(number=number)
    return job
