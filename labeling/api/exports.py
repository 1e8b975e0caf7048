"""The pairs as a file, streamed."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from labeling import access, exports
from labeling.api.requests import View
from labeling.models import Role


class ExportQuerySerializer(serializers.Serializer[dict[str, str | int]]):
    """Formats, layouts and splits are the noun's to check."""

    format = serializers.CharField(default="jsonl", help_text="jsonl, csv or parquet.")
    layout = serializers.CharField(default="standard", help_text="standard: texts. conversational: lists of messages.")
    split = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="train, validation, test, several with commas, or all. Default: train,validation, never test.",
    )
    source = serializers.CharField(  # type: ignore[assignment]  # a field here, not where a field comes from
        default=exports.PEOPLE,
        help_text="people, or model: what the automatic labeler kept of prompts that nobody has ranked.",
    )
    version = serializers.IntegerField(
        default=None, allow_null=True, min_value=1, help_text="A frozen dataset version's number. Default: as of now."
    )

    def to_internal_value(self, data: dict[str, str]) -> dict[str, str | int]:
        # `?version=` is how a form says "none".
        values: dict[str, str | int] = super().to_internal_value({name: value for name, value in data.items() if value})
        return values


class Export(View):
    query = {"get": tuple(ExportQuerySerializer().fields)}

    @extend_schema(
        operation_id="export_read",
        parameters=[ExportQuerySerializer, OpenApiParameter("X-Podium-Split", str, "header", response=[200])],
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
        query = ExportQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        number = asked["version"]
        what = {
            "file_format": asked["format"],
            "layout": asked["layout"],
            "split": asked["split"],
            "source": asked["source"],
            "version": None if number is None else project.dataset_versions.get(number=number),
        }
        response = StreamingHttpResponse(
            exports.stream_pairs(project, **what), content_type=exports.content_type(asked["format"])
        )
        response["Content-Disposition"] = f'attachment; filename="{exports.filename(project, **what)}"'
        response["X-Podium-Split"] = ",".join(exports.splits_of(asked["split"]))
        return response
