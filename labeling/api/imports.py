"""Imports in the background: send a file, watch, pause, resume, cancel, undo, download the bad lines."""

from __future__ import annotations

from typing import ClassVar

from django.http import FileResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from formats.layouts import known
from formats.lines import Readable
from labeling.api.prompts import FILES, FORMAT, HOW_TO_SEND, MAP, LineErrorSerializer, PromptsFileSerializer
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import NO_NUL, View, one_of, person
from labeling.api.rest.schema import conflict
from labeling.data.importing.background import bad_lines, import_files, import_jobs
from labeling.data.importing.upload_layouts import read_object
from labeling.errors import Conflict, Invalid
from labeling.models import Import, Role
from labeling.people import access

MEDIA_TYPES = (*FILES, "application/json")
NAME = OpenApiParameter("name", NO_NUL, description="The file's name, where the body is the file itself.")


class ImportSerializer(serializers.ModelSerializer[Import]):
    """`id` is the import's number in its project, as in the address and on the page."""

    id = serializers.IntegerField(source="number")
    requested_by = serializers.CharField(source="requested_by.username", allow_null=True, default=None)
    undo = serializers.BooleanField(
        source="is_undo", help_text="It is being taken back, or was: `state` is that of taking back."
    )
    format = serializers.CharField(source="container", help_text="What the file was, such as JSON Lines (gzip).")
    created = serializers.IntegerField(help_text="New prompts.")
    updated = serializers.IntegerField(help_text="Known prompts that got new rankings.")
    skipped = serializers.IntegerField(help_text="Known prompts with nothing new.")
    rankings = serializers.IntegerField(help_text="Recorded rankings that were stored.")
    n_errors = serializers.IntegerField(help_text="Lines that were refused.")
    kept_prompts = serializers.IntegerField(
        help_text="Prompts that were not taken back, for a person or another import has worked on them."
    )

    class Meta:
        model = Import
        fields = (
            "id", "state", "undo", "requested_by", "file_name", "size", "sha256", "format", "bytes_read",
            "seconds_left", "created", "updated", "skipped", "rankings", "n_errors",
            "undone_prompts", "undone_rankings", "kept_prompts", "attempts", "pause_requested", "cancel_requested",
            "error", "requested_at", "started_at", "heartbeat_at", "finished_at",
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
            "multipart/form-data": PromptsFileSerializer,
        },
        responses={202: ImportDetailSerializer, 409: conflict("Too many files wait, or the disk is full.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Send a file of prompts that a worker imports, however large: it is kept and read in the background."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        layout = one_of(request, "format", known.BY_NAME, code="unknown_format") or ""
        columns = read_object(request.query_params.get("map", ""))
        file, name = sent_file(request)
        received = import_files.receive(project, file)
        if not received.size:
            received.draft.unlink()
            raise Invalid("empty", f"{_('There is no line in it.')} {HOW_TO_SEND}")
        job = import_jobs.receive(
            project, received, file_name=name, by=person(request), start=True, layout=layout, columns=columns
        )
        return Response(ImportDetailSerializer(job).data, status=202)


def sent_file(request: Request) -> tuple[Readable, str]:
    """Gives the file that was sent, in a form or as the body, with its name."""
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
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
