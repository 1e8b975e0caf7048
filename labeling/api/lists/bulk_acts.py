"""Acts on all prompts that a list finds: asked for, watched, cancelled."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.prompt_rows import NARROWING, read_form
from labeling.api.rest.fields import Choice, Text, Truth, Whole
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import KnownFields, View, person, truth
from labeling.api.rest.schema import conflict
from labeling.api.withdrawals import DRY_RUN
from labeling.data.bulk import acts, bulk_jobs
from labeling.errors import Invalid
from labeling.forms.bulk import ACTS, VALUES
from labeling.models import BulkAct, Project, Role
from labeling.models.lists.cohorts import LONGEST_NAME
from labeling.models.prompts import HIGHEST_PRIORITY, LONGEST_TAG, LOWEST_PRIORITY
from labeling.people import access
from labeling.queue.draft_checks import MAX_REASON


class AskedSerializer(KnownFields):
    act = Choice(choices=ACTS)
    tag = Text(required=False, max_length=LONGEST_TAG, help_text="With `tag` and `untag`.")
    priority = Whole(
        required=False, min_value=LOWEST_PRIORITY, max_value=HIGHEST_PRIORITY, help_text="With `priority`: 9 is first."
    )
    cohort = Text(
        required=False,
        max_length=LONGEST_NAME,
        allow_blank=True,
        help_text="With `cohort`: its name, `-` for everybody, or empty for what their tags say.",
    )
    reason = Text(required=False, max_length=MAX_REASON, help_text="With `hold`.")
    all = Truth(required=False, help_text="true: all prompts are meant, where the address narrows nothing.")


class BulkActSerializer(serializers.ModelSerializer[BulkAct]):
    """`id` is the act's number in its project, as in the address."""

    id = serializers.IntegerField(source="number", allow_null=True, help_text="null of a dry run.")
    state = serializers.CharField(allow_null=True, help_text="null of a dry run.")
    requested_by = serializers.CharField(source="requested_by.username", allow_null=True, default=None)
    requested_at = serializers.DateTimeField(allow_null=True, help_text="null of a dry run.")
    filters = serializers.DictField(child=serializers.CharField(), help_text="What narrowed the list.")
    foreseen = serializers.IntegerField(
        source="total", help_text="How many would be changed, as far as could be counted in two seconds."
    )
    done = serializers.IntegerField(help_text="Prompts that it came to.")
    changed = serializers.IntegerField(help_text="Those of them that are another by it.")

    class Meta:
        model = BulkAct
        fields = (
            "id", "act", "value", "filters", "state", "requested_by", "foreseen", "done", "changed", "cancel_requested",
            "error", "requested_at", "started_at", "finished_at",
        )  # fmt: skip


class BulkActs(PagedView):
    serializer_class = BulkActSerializer
    pagination_class = NewestFirst
    query: ClassVar = {"post": ("dry_run", *(each.name for each in NARROWING))}

    @extend_schema(operation_id="bulk_acts_list", responses=BulkActSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Acts on many prompts, the newest first."""
        return self.page(bulk_jobs.recent(access.get_project(request.user, slug, at_least=Role.MANAGER)))

    @extend_schema(
        operation_id="bulk_acts_request",
        parameters=[DRY_RUN, *NARROWING],
        request=AskedSerializer,
        responses={
            200: BulkActSerializer,
            202: BulkActSerializer,
            409: conflict("Too many wait in this project already."),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Do something to all prompts that the list of the same parameters finds: tag, priority, hold, withdraw ...

        Up to 1,000 are changed before the answer (200); more by a worker (202), and bulk-acts/{number}/ says how far it
        is. Twice is harmless.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = AskedSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        act, value = body.validated_data["act"], _value(body.validated_data)
        acts.check_there(project, act, value)
        form = read_form(project, request)
        if not form.said() and not body.validated_data.get("all"):
            message = _('The address narrows nothing: say which prompts, as in prompts/, or send "all": true.')
            raise Invalid("nothing_chosen", message, attr="all")
        foreseen = bulk_jobs.foresee(project, act, value, form.conditions())
        if truth(request, "dry_run"):
            job = BulkAct(act=act, value=value, filters=form.said(), total=foreseen.n)
            return Response({**BulkActSerializer(job).data, "id": None, "state": None})
        job = bulk_jobs.request(project, act, value, form.said(), by=person(request), foreseen=foreseen)
        return Response(BulkActSerializer(job).data, status=202 if job.is_active else 200)


class OneBulkAct(View):
    @extend_schema(operation_id="bulk_acts_read", responses=BulkActSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """How far one is."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(BulkActSerializer(_of(project, number)).data)


class CancelBulkAct(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="bulk_acts_cancel",
        request=None,
        responses={200: BulkActSerializer, 409: conflict("It has ended already.")},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Stop one at the end of its batch; what is changed stays so."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(BulkActSerializer(bulk_jobs.cancel(_of(project, number))).data)


def _value(said: dict[str, Any]) -> str:
    """Gives the act's value, from its own field alone. Raises Invalid."""
    name = VALUES.get(said["act"], "")
    for other in dict.fromkeys(VALUES.values()):
        if other in said and other != name:
            message = _("%(field)r says nothing of the act %(act)s; leave it out.")
            raise Invalid("two_values", message % {"field": other, "act": said["act"]}, attr=other)
    return acts.checked(said["act"], str(said.get(name, "")) if name else "")


def _of(project: Project, number: int) -> BulkAct:
    found: BulkAct = bulk_jobs.recent(project).get(number=number)
    return found
