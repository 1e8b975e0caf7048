"""The pairs as a file, streamed."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from labeling.api.rest.requests import View
from labeling.data.exporting import exports, pair_groups, pair_writers
from labeling.models import Role, Split
from labeling.people import access

ONE_SPLIT = f"({'|'.join([*Split.values, exports.ALL_SPLITS])})"


class ExportQuerySerializer(serializers.Serializer[dict[str, str | int]]):
    """Formats, layouts and splits are the noun's to check."""

    format = serializers.CharField(default="jsonl")
    layout = serializers.CharField(default="standard", help_text="standard: texts. conversational: lists of messages.")
    split = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="Several with commas. Default: train,validation, never test.",
    )
    source = serializers.CharField(  # type: ignore[assignment]  # a field here, not where a field comes from
        default=pair_groups.PEOPLE,
        help_text="people, or model: what the automatic labeler kept of prompts that nobody has ranked.",
    )
    version = serializers.IntegerField(
        default=None, allow_null=True, min_value=1, help_text="A frozen dataset version's number. Default: as of now."
    )


class Export(View):
    query = {"get": tuple(ExportQuerySerializer().fields)}

    @extend_schema(
        operation_id="export_read",
        parameters=[
            OpenApiParameter("format", str, enum=list(exports.FORMATS), default="jsonl"),
            OpenApiParameter(
                "layout",
                str,
                enum=pair_writers.LAYOUTS,
                default="standard",
                description="standard: texts. conversational: lists of messages.",
            ),
            OpenApiParameter(
                "split",
                {"type": "string", "pattern": f"^({ONE_SPLIT}(,{ONE_SPLIT})*)?$"},
                description="Several with commas. Default: train,validation, never test.",
            ),
            OpenApiParameter(
                "source",
                {"type": "string", "enum": [source for source, _words in exports.sources()]},
                description="people, or model: what the automatic labeler kept of prompts that nobody has ranked.",
            ),
            OpenApiParameter(
                "version",
                {"type": "integer", "minimum": 1},
                description="A frozen dataset version's number. Default: as of now.",
            ),
            OpenApiParameter("X-Podium-Split", str, "header", response=[200]),
        ],
        responses={
            (200, content_type): OpenApiResponse(
                OpenApiTypes.BINARY,
                "One pair a row: prompt, chosen, rejected; of a model also model, probability, uncertainty.",
            )
            for content_type in (kind.partition(";")[0] for kind in exports.FORMATS.values())
        },
    )
    def get(self, request: Request, slug: str) -> StreamingHttpResponse:
        """Download the chosen/rejected pairs. Test prompts stay out unless `split` asks for them."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        # `?version=` is how a form says "none".
        given = {name: value for name, value in request.query_params.items() if value or name != "version"}
        query = ExportQuerySerializer(data=given)
        query.is_valid(raise_exception=True)
        options = query.validated_data
        number = options["version"]
        what = {
            "file_format": options["format"],
            "layout": options["layout"],
            "split": options["split"],
            "source": options["source"],
            "version": None if number is None else project.dataset_versions.get(number=number),
        }
        response = StreamingHttpResponse(
            exports.stream_pairs(project, **what), content_type=exports.content_type(options["format"])
        )
        response["Content-Disposition"] = f'attachment; filename="{exports.filename(project, **what)}"'
        response["X-Podium-Split"] = ",".join(exports.splits_of(options["split"]))
        return response
