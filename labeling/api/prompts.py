"""Prompts: read back in pages, and import of a file as the body or in a form, or JSON, read as it arrives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, UnsupportedMediaType
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from formats import messages
from formats.files.records import Record, Records
from formats.layouts import known
from formats.lines import Readable
from labeling.api import prompt_rows
from labeling.api.prompt_rows import PromptSerializer, PromptWithRankingsSerializer
from labeling.api.rest.fields import Choice, Several, Text, Whole
from labeling.api.rest.in_order import InOrderOf
from labeling.api.rest.paging import PagedView
from labeling.api.rest.parsing import RowsJSONParser
from labeling.api.rest.requests import NO_NUL, KnownFields, View, person, truth
from labeling.api.rest.schema import conflict
from labeling.data.importing import imports
from labeling.data.importing.upload_layouts import laid_out, read_object
from labeling.data.importing.upload_lines import lines_of, records_of
from labeling.data.revising import erasures, revisions, tags
from labeling.errors import Invalid
from labeling.judgements.row_limits import MAX_COMPLETIONS, MAX_ID, MAX_MESSAGES, MAX_TEXT
from labeling.models import Prompt, Role
from labeling.models.prompts import LONGEST_TAG, MOST_TAGS
from labeling.people import access
from labeling.requests.strict_json import unstorable

MOST_ROWS = 100_000  # of a JSON body; a bad one takes 2 bytes and as long as a good one
# A body that is a file, of any kind that Podium reads: it is told by how it begins and not by this.
JSON_LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
FILES = (
    *(*JSON_LINES, "text/csv", "text/tab-separated-values", "application/gzip", "application/zstd"),
    *("application/octet-stream", "application/vnd.apache.parquet"),
    *("application/vnd.apache.arrow.file", "application/vnd.apache.arrow.stream"),
)
HOW_TO_SEND = gettext_lazy(
    "Send JSON Lines as application/x-ndjson; with curl: -H 'Content-Type: application/x-ndjson' --data-binary @FILE."
)


ROWS = {  # what a row holds is docs/import.md's to say: a bad one is named and no reason to refuse the others
    "oneOf": [{"type": "object", "minProperties": 1}, {"type": "array", "minItems": 1, "items": {}}],
    "description": "One row or a list of rows.",
}


FORMAT = OpenApiParameter("format", str, enum=list(known.BY_NAME), description="Default: told by the first records.")
MAP = OpenApiParameter(
    "map",
    NO_NUL,
    description="Of a table: what its columns are for, as a JSON object; the rest is guessed.",
    examples=[OpenApiExample("columns", '{"prompt": "question", "completion_a": "first"}')],
)


class LineErrorSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    field = serializers.CharField()
    value = serializers.CharField()
    detail = serializers.CharField()


class GroupSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="With [] for a place in a list.")
    count = serializers.IntegerField()
    lines = serializers.ListField(child=serializers.IntegerField(), help_text="The first 20 of them.")
    example = LineErrorSerializer(allow_null=True, help_text="The first; null of those of further kinds.")


class ImportReportSerializer(serializers.Serializer[Any]):
    container = serializers.CharField(help_text="What the file is: JSON Lines (gzip).")
    layout = serializers.CharField(help_text="How its records are laid out: TRL preference data.")
    created = serializers.IntegerField(help_text="New prompts.")
    updated = serializers.IntegerField(help_text="Known prompts that got new rankings or tags.")
    skipped = serializers.IntegerField(help_text="Known prompts with nothing new.")
    rankings = serializers.IntegerField(help_text="Recorded rankings that were stored.")
    n_errors = serializers.IntegerField(help_text="Lines that were refused; `errors` holds the first 1000.")
    errors = LineErrorSerializer(many=True)  # type: ignore[assignment]
    groups = GroupSerializer(many=True, help_text="The same by kind: the place, and what is wrong there.")
    tagged = serializers.IntegerField(help_text="Of the prompts updated, those that got tags.")


class PromptsFileSerializer(serializers.Serializer[Any]):
    file = serializers.FileField()


class Prompts(PagedView):
    serializer_class = PromptSerializer
    pagination_class = prompt_rows.PromptPages
    query = {"get": tuple(each.name for each in prompt_rows.PARAMETERS), "post": ("dry_run", "format", "map")}
    several = ("id",)
    in_order: InOrderOf | None = None
    # Files are read without a parser, as they come.
    parser_classes = (MultiPartParser, RowsJSONParser)

    @extend_schema(
        operation_id="prompts_list", parameters=prompt_rows.PARAMETERS, responses=PromptSerializer(many=True)
    )
    def get(self, request: Request, slug: str) -> Response:
        """Prompts with their texts, in the order of import or another.

        A page ends early where its texts are long: follow `next`, and don't count on `page_size`. Narrowed by what no
        index has, it looks through 25,000 prompts (10,000 for common words and models) and may hold none.
        """
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        self.in_order = prompt_rows.in_order(project, request)
        if self.in_order is not None:
            return self.page(project.prompts.none(), prompt_rows.written)
        rows, self.look = prompt_rows.wanted(project, request)
        return self.page(rows.values("id"), prompt_rows.written)

    @extend_schema(
        operation_id="prompts_import",
        parameters=[
            OpenApiParameter("dry_run", bool, description="Check everything and store nothing."),
            FORMAT,
            MAP,
        ],
        request={
            "application/x-ndjson": OpenApiTypes.STR,
            "application/octet-stream": OpenApiTypes.BINARY,
            "multipart/form-data": PromptsFileSerializer,
            "application/json": ROWS,
        },
        responses=ImportReportSerializer,
    )
    def post(self, request: Request, slug: str) -> Response:
        """Import prompts with their completions, and recorded rankings if there are any.

        What the records are is told by the first: Podium's own format, TRL, HH-RLHF, a table, or another of `format`.
        Lines go in as they arrive. A bad line is named in `errors` and the rest goes in; the same file again changes
        nothing.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        dry_run = truth(request, "dry_run")
        asked = request.query_params
        records = refuse_empty(sent_records(request))
        rows = laid_out(records, layout=asked.get("format", ""), columns=read_object(asked.get("map", ""))).records
        report = imports.import_records(project, rows, dry_run=dry_run, gives_way=True)
        if report.stopped is not None:
            raise Invalid(report.stopped.code, report.why_stopped)
        return Response(ImportReportSerializer(asdict(report)).data)


class TurnSerializer(KnownFields):
    role = Choice(choices=messages.ROLES)
    content = Text(allow_blank=True, trim_whitespace=False, max_length=MAX_TEXT)


class CorrectedSerializer(KnownFields):
    id = Text(max_length=MAX_ID, trim_whitespace=False, help_text="As in the imported row.")
    text = Text(max_length=MAX_TEXT, trim_whitespace=False)


class CorrectionSerializer(KnownFields):
    revision = Whole(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="That the change was made to; with `prompt` and `completions`.",
    )
    tags = Several(
        child=Text(max_length=LONGEST_TAG), required=False, max_length=MOST_TAGS, help_text="All that it has then."
    )
    prompt = TurnSerializer(many=True, required=False, min_length=1, max_length=MAX_MESSAGES)  # type: ignore[call-arg]
    completions = CorrectedSerializer(many=True, required=False, max_length=MAX_COMPLETIONS)  # type: ignore[call-arg]


_REQUIRED = str(serializers.Field.default_error_messages["required"])
CONFIRM = OpenApiParameter("confirm", NO_NUL, required=True, description="The prompt's id once more.")


class OnePrompt(View):
    query = {"delete": ("confirm",)}
    without_body = ("delete",)

    @extend_schema(operation_id="prompts_read", responses=PromptWithRankingsSerializer)
    def get(self, request: Request, slug: str, external_id: str) -> Response:
        """One prompt by its id in the imported file, percent-encoded, with its texts and its first hundred rankings."""
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        return Response(prompt_rows.read(request.user, project, external_id))

    @extend_schema(
        operation_id="prompts_correct",
        request=CorrectionSerializer,
        responses={
            200: PromptWithRankingsSerializer,
            409: conflict("The new texts are those of a prompt on another side of the split."),
            412: conflict("Its texts were changed since that revision; nothing was stored."),
        },
    )
    def patch(self, request: Request, slug: str, external_id: str) -> Response:
        """Correct the texts of a prompt, which keeps its id: those that are named, by the revision that they had.

        Or give it other `tags`, for which no revision is needed.
        Rankings of the old texts end with their pairs, and the prompt is ranked anew; `revisions` keeps what they were.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        if unstorable(external_id):
            raise Prompt.DoesNotExist
        prompt = project.prompts.get(external_id=external_id)
        body = CorrectionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        said: dict[str, Any] = body.validated_data
        if "revision" not in said and ("tags" not in said or said.keys() & {"prompt", "completions"}):
            raise serializers.ValidationError({"revision": [ErrorDetail(_REQUIRED, code="required")]})
        texts = {each["id"]: each["text"] for each in said.get("completions", ())}
        with transaction.atomic():
            if "revision" in said:
                revisions.revise(
                    project, prompt, base=said["revision"], by=person(request), messages=said.get("prompt"), texts=texts
                )
            if "tags" in said:
                tags.replace(prompt, said["tags"])
        return Response(prompt_rows.read(request.user, project, external_id))

    @extend_schema(
        operation_id="prompts_erase",
        parameters=[CONFIRM],
        request=None,
        responses={
            200: prompt_rows.ErasureSerializer,
            409: conflict("An import is at work, and its file may have the texts."),
        },
    )
    def delete(self, request: Request, slug: str, external_id: str) -> Response:
        """Erase a prompt's texts for good: what was asked and answered, earlier revisions, metadata, comments.

        It is withdrawn and its id stays taken. Files kept of the project's imports go with it.
        `versions` are frozen ones that had the texts, and keep them.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        if unstorable(external_id):
            raise Prompt.DoesNotExist
        prompt = project.prompts.get(external_id=external_id)
        erasure = erasures.erase(project, prompt, confirm=request.query_params.get("confirm", ""), by=person(request))
        return Response(prompt_rows.ErasureSerializer(erasure).data)


def sent_records(request: Request) -> Records:
    """Gives the records of whatever kind of body, none of them read further than needed."""
    sent = _sent(request, FILES)
    if not isinstance(sent, list):
        return records_of(*sent)
    return Records("JSON", (Record(n, row, len(json.dumps(row))) for n, row in enumerate(sent, start=1)))


def sent_lines(request: Request) -> Iterable[bytes]:
    """Gives the lines of such a body, for whoever takes JSON Lines alone."""
    sent = _sent(request, JSON_LINES)
    return (json.dumps(row).encode() for row in sent) if isinstance(sent, list) else lines_of(sent[0])


def _sent(request: Request, file_types: Sequence[str]) -> tuple[Readable | None, str] | list[Any]:
    """Gives the file that was sent with its name, or the rows."""
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    if media_type in file_types:
        return request.stream, ""
    if media_type not in (MultiPartParser.media_type, RowsJSONParser.media_type):
        raise UnsupportedMediaType(media_type, detail=f"{HOW_TO_SEND} Content-Type: {media_type}")
    data = request.data
    if media_type == MultiPartParser.media_type:
        if "file" not in request.FILES:
            message = _("Send the file in the field 'file'; got %(fields)s.")
            raise Invalid("no_file", message % {"fields": ", ".join(data) or _("none")}, attr="file")
        file = request.FILES["file"]
        return file, file.name
    if not isinstance(data, list | dict):
        raise Invalid("not_rows", _("Send a row, which is an object, or a list of rows."))
    rows = data if isinstance(data, list) else [data] if data else []
    if len(rows) > MOST_ROWS:
        message = _("The list has %(n)d rows, and JSON holds at most %(limit)d: send JSON Lines.")
        raise Invalid("too_many_rows", message % {"n": len(rows), "limit": MOST_ROWS})
    return rows


def refuse_empty(records: Records) -> Records:
    def read() -> Iterator[Record]:
        empty = True
        for record in records:
            empty = False
            yield record
        if empty:
            raise Invalid("empty", f"{_('There is no line in it.')} {HOW_TO_SEND}")

    return replace(records, records=read())
