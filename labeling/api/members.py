"""Members: who is in a project, and as what; and people, who works or worked there, with what they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Choice, Text
from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import KnownFields, View
from labeling.models import Membership, Role, User
from labeling.people import access, members, project_people
from labeling.people.project_people import Person, Standing
from labeling.quality import labeler_numbers


class MemberSerializer(KnownFields, serializers.ModelSerializer[Membership]):
    username = Text(source="user.username", max_length=150)
    role = Choice(choices=Role.choices)

    class Meta:
        model = Membership
        fields = ("username", "role", "created_at")
        read_only_fields = ("created_at",)


class Members(PagedView):
    serializer_class = MemberSerializer

    @extend_schema(operation_id="members_list", responses=MemberSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Who is in the project, and as what."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return self.page(project.memberships.select_related("user"))

    @extend_schema(operation_id="members_set", request=MemberSerializer, responses={201: MemberSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Give a member another role. An administrator also puts an account into the project; others invite it."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = MemberSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        username, role = body.validated_data["user"]["username"], body.validated_data["role"]
        membership = members.set_member(project, username=username, role=role, by=cast(User, request.user))
        return Response(MemberSerializer(membership).data, status=201)


class OneMember(View):
    @extend_schema(operation_id="members_remove", responses={204: None})
    def delete(self, request: Request, slug: str, username: str) -> Response:
        """End a membership. What the person ranked stays."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        members.remove_member(project, username=username)
        return Response(status=204)


class PersonSerializer(serializers.Serializer[Person]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    full_name = serializers.CharField(help_text="Empty where the person gave none.")
    standing = Choice(
        choices=[each.value for each in Standing],
        help_text="`active`: may work here. `left`: did, and is no member any more. `imported`: never logs in.",
    )
    role = Choice(choices=Role.choices, allow_null=True, help_text="Null of whoever is no member.")
    joined = serializers.DateTimeField(allow_null=True)
    rankings = serializers.IntegerField(help_text="Those that stand.")
    today = serializers.IntegerField(
        help_text="Answers given here since midnight, in the site's time zone, whatever became of them after: those of "
        "`rankings/?given=true`."
    )
    last_ranked = serializers.DateTimeField(allow_null=True, help_text="When the newest was made, or imported.")
    seconds = serializers.FloatField(
        allow_null=True, help_text="Median of active seconds of the newest 20 made here; null where none says."
    )


class PersonShareSerializer(serializers.Serializer[Any]):
    """A share, or a median, with its 95 % interval; all null where there is no case."""

    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()
    n_prompts = serializers.IntegerField(
        allow_null=True,
        required=False,
        help_text="Where cases of one prompt hang together: the interval is of these.",
    )


class PositionSerializer(serializers.Serializer[Any]):
    place = serializers.IntegerField(help_text="On the screen, from 0.")
    first = PersonShareSerializer(help_text="How often what stood there was ranked first; ties in parts.")
    expected = serializers.FloatField(help_text="By chance.")


class QuestionNumbersSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="The flag's name.")
    label = serializers.CharField()  # type: ignore[assignment]
    yes = PersonShareSerializer(help_text="Of texts that were asked about, those answered with yes.")
    yes_in_project = PersonShareSerializer(help_text="The same of the project's newest 2,000 rankings.")


class AnswerNumbersSerializer(serializers.Serializer[Any]):
    """What answers to yes/no questions say; intervals are of prompts, whoever else answered them."""

    agreement = PersonShareSerializer(
        help_text="Of answers that another person gave to the same question about the same text, those alike."
    )
    compared = PersonShareSerializer(help_text="The person's answers that another person gave one to, too.")
    agreement_in_project = PersonShareSerializer(help_text="The first of all people, in the newest 2,000 rankings.")
    questions = QuestionNumbersSerializer(many=True)


class NumbersSerializer(serializers.Serializer[Any]):
    n = serializers.IntegerField(help_text="Answers that all of it is of, whatever became of them: the newest 2,000.")
    of_latest = serializers.BooleanField(help_text="There are more.")
    since = serializers.DateTimeField(allow_null=True, help_text="When the first of them was made.")
    last_seen = serializers.DateTimeField(allow_null=True)
    pace = PersonShareSerializer(help_text="Median of active seconds.")
    ties = PersonShareSerializer(help_text="Comparisons of two completions that tie.")
    skips = PersonShareSerializer(help_text="Of tasks that ended with a ranking or a skip.")
    words = PersonShareSerializer(help_text="Rankings with a comment, or a note.")
    flags = PersonShareSerializer(help_text="Rankings with a flag on some completion.")
    positions = PositionSerializer(many=True)
    longer = PersonShareSerializer(help_text="Of pairs of different length, those in which the longer one was chosen.")
    longer_in_project = PersonShareSerializer(help_text="The same of the project's newest 2,000 rankings.")
    agreement = PersonShareSerializer(help_text="Comparisons that another person made too, on which the two agree.")
    compared = PersonShareSerializer(help_text="The person's pairs that another person ordered too.")
    answers = AnswerNumbersSerializer(allow_null=True, help_text="Of a classification; null of a ranking project.")


class OnePersonSerializer(PersonSerializer):
    numbers = NumbersSerializer(allow_null=True, help_text="Null where there is no answer.")


class People(PagedView):
    serializer_class = PersonSerializer

    @extend_schema(operation_id="people_list", responses=PersonSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Members, those who left, and labelers of imported rankings."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)

        def written(users: Sequence[User]) -> list[dict[str, Any]]:
            return [_written(person) for person in project_people.numbers_of(project, [user.pk for user in users])]

        return self.page(project_people.accounts_of(project).only("pk"), written)


class OnePerson(View):
    @extend_schema(operation_id="people_read", responses=OnePersonSerializer)
    def get(self, request: Request, slug: str, person: int) -> Response:
        """One of them, with how they rank."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        try:
            found = project_people.person_of(project, person)
        except User.DoesNotExist as error:
            raise Http404(str(error)) from error
        numbers = asdict(labeler_numbers.numbers_of(project, person)) if found.last_ranked else None
        return Response({**_written(found), "numbers": numbers and dict(NumbersSerializer(numbers).data)})


def _written(person: Person) -> dict[str, Any]:
    return dict(PersonSerializer(asdict(person)).data)  # type: ignore[arg-type]
