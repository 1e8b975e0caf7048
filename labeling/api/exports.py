"""What people said as a file, streamed."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from labeling.api.rest.requests import NO_NUL, View
from labeling.data.exporting import exports, pair_groups, wanted
from labeling.data.exporting.contents.kinds import KINDS
from labeling.data.exporting.contents.layouts import LAYOUTS
from labeling.data.exporting.packing import PACKINGS
from labeling.data.exporting.wanted import Wanted
from labeling.models import Role, Split
from labeling.people import access

ONE_SPLIT = f"({'|'.join([*Split.values, wanted.ALL_SPLITS])})"
DAY = {"type": "string", "pattern": r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"}
_PLAIN = Wanted()
_OTHER_NAMES = {"format": "file_format"}  # of a parameter in Wanted


class ExportQuerySerializer(serializers.Serializer[dict[str, Any]]):
    """Reads numbers. What there is to choose from is the noun's to check."""

    what = serializers.CharField(default=_PLAIN.what)
    format = serializers.CharField(default=_PLAIN.file_format)
    layout = serializers.CharField(default=_PLAIN.layout)
    columns = serializers.CharField(default=_PLAIN.columns)
    compression = serializers.CharField(default=_PLAIN.compression)
    cells = serializers.CharField(default=_PLAIN.cells)
    split = serializers.CharField(default="", allow_blank=True)
    source = serializers.CharField(default=pair_groups.PEOPLE)  # type: ignore[assignment]  # not where a field's from
    version = serializers.IntegerField(default=None, allow_null=True, min_value=1)
    labelers = serializers.CharField(default="", allow_blank=True)
    flags = serializers.CharField(default="", allow_blank=True)
    since = serializers.CharField(default="", allow_blank=True)
    until = serializers.CharField(default="", allow_blank=True)
    least_strength = serializers.IntegerField(default=None, allow_null=True)
    least_agreement = serializers.FloatField(default=None, allow_null=True)
    ties = serializers.CharField(default=_PLAIN.ties)
    rows = serializers.CharField(default=_PLAIN.rows)


PARAMETERS = [
    OpenApiParameter("what", str, enum=list(KINDS), default="pairs", description="What a row is."),
    OpenApiParameter("format", str, enum=list(wanted.FORMATS), default="jsonl"),
    OpenApiParameter(
        "layout",
        str,
        enum=LAYOUTS,
        default="standard",
        description="standard: texts. conversational: messages. openrlhf, nemo-rl: as those libraries read them.",
    ),
    OpenApiParameter(
        "columns",
        str,
        enum=wanted.COLUMNS,
        default="texts",
        description="provenance: also where each row comes from, after the other columns.",
    ),
    OpenApiParameter(
        "compression",
        str,
        enum=list(PACKINGS),
        default="none",
        description="Of JSON Lines and CSV; the others are packed.",
    ),
    OpenApiParameter(
        "cells",
        str,
        enum=wanted.CELLS,
        default="raw",
        description="Of CSV. spreadsheet: a ' stands before what would be a formula; `formulas_prefixed` says where.",
    ),
    OpenApiParameter(
        "split",
        {"type": "string", "pattern": f"^({ONE_SPLIT}(,{ONE_SPLIT})*)?$"},
        description="Several with commas. Default: train,validation, never test.",
    ),
    OpenApiParameter(
        "source",
        {"type": "string", "enum": [source for source, _words in exports.sources()]},
        description="Whose labels. model: what the automatic labeler kept of prompts that nobody has ranked.",
    ),
    OpenApiParameter(
        "version",
        {"type": "integer", "minimum": 1},
        description="A frozen dataset version's number. Default: as of now.",
    ),
    OpenApiParameter("labelers", NO_NUL, description="Only theirs: pseudonyms or usernames, with commas."),
    OpenApiParameter("flags", NO_NUL, description="Of flags and kto-flags: only these, with commas."),
    OpenApiParameter("since", DAY, description="Only rankings of this day or later."),
    OpenApiParameter("until", DAY, description="Only rankings of this day or earlier."),
    OpenApiParameter(
        "least_strength",
        {"type": "integer", "minimum": 1, "maximum": 3},
        description="Only rankings that say the better one is at least so much better.",
    ),
    OpenApiParameter(
        "least_agreement",
        {"type": "number", "minimum": 0, "maximum": 1},
        description="Only prompts on which several people agree at least so far.",
    ),
    OpenApiParameter(
        "ties",
        str,
        enum=wanted.TIES,
        default="keep",
        description="drop: no prompt with a tie. half: of pairs, two that tie are two rows of half the weight.",
    ),
    OpenApiParameter(
        "rows",
        str,
        enum=wanted.ROWS,
        default="each",
        description="Of pairs. merged: how many of n rankings prefer one to the other, as `weight` and `n`.",
    ),
]


class Export(View):
    query = {"get": tuple(ExportQuerySerializer().fields)}

    @extend_schema(
        operation_id="export_read",
        parameters=[*PARAMETERS, OpenApiParameter("X-Podium-Split", str, "header", response=[200])],
        responses={
            (200, content_type): OpenApiResponse(
                OpenApiTypes.BINARY,
                "One pair a row: prompt, chosen, rejected; of a model also model, probability, uncertainty.",
            )
            for content_type in exports.content_types()
        },
    )
    def get(self, request: Request, slug: str) -> StreamingHttpResponse:
        """Download the chosen/rejected pairs, or what else people said. Test prompts stay out unless `split` asks for
        them."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        # `?version=` is how a form says "none".
        given = {name: value for name, value in request.query_params.items() if value or name in _TEXTS}
        query = ExportQuerySerializer(data=given)
        query.is_valid(raise_exception=True)
        asked = {_OTHER_NAMES.get(name, name): value for name, value in query.validated_data.items()}
        number = asked.pop("version")
        of_project = None if number is None else project.dataset_versions.get(number=number)
        what = Wanted(**asked, version=of_project)
        response = StreamingHttpResponse(exports.stream(project, what), content_type=exports.content_type(what))
        response["Content-Disposition"] = f'attachment; filename="{exports.filename(project, what)}"'
        response["X-Podium-Split"] = ",".join(wanted.splits_of(what.split))
        return response


_TEXTS = {name for name, field in ExportQuerySerializer().fields.items() if isinstance(field, serializers.CharField)}
