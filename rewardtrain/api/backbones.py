"""What a project may train on, and what that would take."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.requests import View
from labeling.models import Role
from labeling.people import access
from rewardtrain.api.runs import training_schema
from rewardtrain.training import backbones
from rewardtrain.training.presets import offers, reckoning


@extend_schema_field(training_schema())
class SettingsField(serializers.DictField):
    """Settings of a run."""


class PresetSerializer(serializers.Serializer[offers.Offer]):
    name = serializers.CharField(source="preset.name", help_text="`minilm` or a Hugging Face id.")
    title = serializers.CharField(source="preset.title")
    licence = serializers.CharField(source="preset.licence")
    parameters = serializers.IntegerField(source="preset.parameters")
    disk_bytes = serializers.IntegerField(source="preset.disk")
    longest = serializers.IntegerField(source="preset.longest", help_text="Tokens that it reads.")
    good_for = serializers.CharField(source="preset.good_for")
    allowed = serializers.SerializerMethodField(help_text="Whether an administrator listed it.")
    here = serializers.BooleanField(help_text="Whether its files are on this machine.")
    memory_bytes = serializers.IntegerField(source="estimate.memory", help_text="Of a fine-tuning; reckoned.")
    seconds = serializers.FloatField(source="estimate.seconds", help_text="At most, of an epoch; reckoned.")
    settings = SettingsField(help_text="What choosing it fills in; to be sent as a run's `training`.")

    def get_allowed(self, offer: offers.Offer) -> bool:
        return bool(offer.backbone)


class BackbonesSerializer(serializers.Serializer[Any]):
    names = serializers.ListField(
        child=serializers.CharField(), help_text="What `backbone` may be, beside `model N` of the project."
    )
    prompts = serializers.IntegerField(help_text="Of the epoch whose time is reckoned.")
    completions = serializers.IntegerField(help_text="Of each of these prompts.")
    cores = serializers.IntegerField(help_text="Of the processor that is reckoned with.")
    memory_bytes = serializers.IntegerField(help_text="Of this machine.")
    operations_per_second = serializers.FloatField(help_text="Of a product of matrices, measured here.")
    presets = PresetSerializer(many=True)


class Backbones(View):
    @extend_schema(operation_id="backbones_list", responses=BackbonesSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """Backbones to start from, with what a fine-tuning on each would take here, as the training page shows them."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        listed = offers.offers(project)
        machine = listed[0].machine
        shown = {
            "names": backbones.names(),
            "prompts": reckoning.PROMPTS,
            "completions": listed[0].k,
            "cores": machine.cores,
            "memory_bytes": machine.memory,
            "operations_per_second": machine.speed,
            "presets": listed,
        }
        return Response(BackbonesSerializer(shown).data)
