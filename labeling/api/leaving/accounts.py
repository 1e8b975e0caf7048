"""Accounts, for administrators: who somebody is, and whether they may log in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.requests import NO_NUL, View, person, truth
from labeling.api.rest.schema import conflict
from labeling.data.leaving import erasures
from labeling.models import PersonErasure, User
from labeling.people import deactivation


class AccountSerializer(serializers.ModelSerializer[User]):
    email = serializers.CharField(help_text="Empty where none is known.")
    is_administrator = serializers.BooleanField(source="is_superuser")
    is_imported = serializers.BooleanField(help_text="Stands for rankings that were imported, and never logs in.")
    deactivated_at = serializers.DateTimeField(help_text="The last time; it may be active again.", allow_null=True)

    class Meta:
        model = User
        fields = (
            "id", "username", "email", "is_active", "is_administrator", "is_imported", "date_joined", "last_login",
            "deactivated_at",
        )  # fmt: skip
        read_only_fields = fields


CONFIRM = OpenApiParameter("confirm", NO_NUL, required=True, description="The account's username once more.")
WITH_WORK = OpenApiParameter("with_work", bool, description="Also withdraw all that the person ranked.")


class PersonErasureSerializer(serializers.ModelSerializer[PersonErasure]):
    pseudonym = serializers.SerializerMethodField(help_text="What the account is called in the end.")
    state = serializers.CharField(help_text="`queued`, `running`, `succeeded` or `failed`.")
    versions = serializers.JSONField(
        help_text="Frozen versions whose file has the pseudonym now: `project key/number`, and how many rankings."
    )

    class Meta:
        model = PersonErasure
        fields = ("pseudonym", "state", "with_work", "requested_at", "finished_at", "versions", "error")

    def get_pseudonym(self, erasure: PersonErasure) -> str:
        return erasures.NAME.format(erasure.person_id)


class EndedSerializer(serializers.Serializer[Any]):
    account = AccountSerializer()
    tokens = serializers.IntegerField(help_text="That ended now.")
    tasks = serializers.IntegerField(help_text="That are in the queue again.")
    invitations = serializers.IntegerField(help_text="Open ones of this account, which open nothing now.")


class OneAccount(View):
    @extend_schema(operation_id="accounts_read", responses=AccountSerializer)
    def get(self, request: Request, username: str) -> Response:
        """An account, for administrators."""
        return Response(AccountSerializer(deactivation.find(request.user, username=username)).data)


class DeactivateAccount(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="accounts_deactivate",
        request=None,
        responses={200: EndedSerializer, 409: conflict("The only administrator, or the only manager of a project.")},
    )
    def post(self, request: Request, username: str) -> Response:
        """Deactivate an account: its sessions and tokens end at once, and its work stays. For administrators.

        What it holds goes back to the queue. Twice is harmless.
        """
        account = deactivation.find(request.user, username=username)
        ended = deactivation.deactivate(account, by=person(request))
        return Response({"account": AccountSerializer(account).data, **asdict(ended)})


class ReactivateAccount(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="accounts_reactivate",
        request=None,
        responses={200: AccountSerializer, 409: conflict("It stands for imported rankings, or was erased.")},
    )
    def post(self, request: Request, username: str) -> Response:
        """Let an account log in again, with its password; its tokens are gone. For administrators."""
        account = deactivation.find(request.user, username=username)
        deactivation.reactivate(account, by=person(request))
        return Response(AccountSerializer(account).data)


class EraseAccount(View):
    query: ClassVar = {"post": ("confirm", "with_work")}
    without_body = ("post",)

    @extend_schema(
        operation_id="accounts_erase",
        parameters=[CONFIRM, WITH_WORK],
        request=None,
        responses={
            202: PersonErasureSerializer,
            409: conflict("An import is at work, or it is the only administrator or manager."),
        },
    )
    def post(self, request: Request, username: str) -> Response:
        """Erase a person for good: name, mail, logins, comments, notes, drafts, reasons. For administrators.

        The account stays as a pseudonym, with the orders and flags of its rankings. A worker does it meanwhile; by its
        pseudonym the account says how far it is, asked for once more. In frozen versions the pseudonym takes the name's
        place, and they are named.
        """
        account = deactivation.find(request.user, username=username)
        erasure = erasures.request_erasure(
            account,
            confirm=request.query_params.get("confirm", ""),
            by=person(request),
            with_work=truth(request, "with_work"),
        )
        return Response(PersonErasureSerializer(erasure).data, status=202)
