"""Projects and the people in them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from labeling.data.bulk import setting_changes
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Invitation, Project, Prompt, Role, User
from labeling.people import access, invitations, members
from labeling.projects import overview, projects
from tests.factories import claimed, join, make_project, make_prompt, make_user, rank

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful")


class TestAccess:
    def test_a_stranger_learns_nothing_of_a_project(self, project: Project) -> None:
        with pytest.raises(Project.DoesNotExist):
            access.get_project(make_user(), "helpful")

    def test_a_labeler_is_told_that_a_page_is_the_manager_s(self, project: Project) -> None:
        with pytest.raises(PermissionDenied, match="your role here is “Labeler”"):
            access.get_project(join(project), "helpful", at_least=Role.MANAGER)

    def test_an_administrator_manages_every_project(self, project: Project) -> None:
        assert access.role_in(make_user(superuser=True), project) is Role.MANAGER

    def test_a_task_exists_for_its_labeler_alone(self, project: Project) -> None:
        make_prompt(project)
        owner, colleague = join(project), join(project)
        task = claimed(project, owner)
        assert access.get_assignment(owner, task.pk) == task
        with pytest.raises(Assignment.DoesNotExist):
            access.get_assignment(colleague, task.pk)

    def test_who_was_removed_can_not_go_on_with_a_task(self, project: Project) -> None:
        make_prompt(project)
        labeler = join(project)
        task = claimed(project, labeler)
        members.remove_member(project, username=labeler.username)
        with pytest.raises(Assignment.DoesNotExist):
            access.get_assignment(labeler, task.pk)
        assert claimed(project, join(project)).prompt == task.prompt

    def test_labelers_see_their_own_rankings_and_managers_all(self, project: Project) -> None:
        make_prompt(project)
        make_prompt(project)
        one, two = join(project), join(project)
        own = rank(project, one)
        rank(project, two)
        assert list(access.rankings_of(one, project)) == [own]
        assert access.rankings_of(project.created_by, project).count() == 2  # type: ignore[arg-type]


class TestProjects:
    def test_a_new_project_is_set_to_what_was_said_and_else_to_the_defaults(self, db: None) -> None:
        made = projects.create_project(by=None, slug="new", name="New", overlap=None, top_k=3, gold_percent=7)
        assert (made.top_k, made.gold_percent, made.repeat_percent, made.lease_minutes) == (3, 7, 3, 20)
        assert {name: getattr(made, name) for name in projects.NEW_SHARES} == projects.NEW_SHARES
        one = projects.create_project(by=None, slug="one", name="One", overlap=2)
        assert (one.overlap, one.extra_percent) == (2, 0)

    def test_a_setting_that_there_is_not_is_refused_with_those_that_there_are(self, db: None) -> None:
        with pytest.raises(Invalid, match=r"'overlaps' can't be changed; these can: .*overlap,"):
            projects.create_project(by=None, slug="new", name="New", overlaps=2)
        assert not Project.objects.filter(slug="new").exists()

    def test_a_slug_is_taken_once(self, project: Project) -> None:
        with pytest.raises(Conflict, match="already; choose another slug"):
            projects.create_project(by=None, slug="helpful", name="Again")

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"name": ""}, "name:"),
            ({"overlap": 0}, "overlap:"),
            ({"flags": "hateful"}, "Flags are a list such as"),
            ({"flags": [{"name": "Very Bad"}]}, "'Very Bad'"),
            ({"flags": [{"name": "x"}, {"name": "x"}]}, "twice"),
            ({"slug": "new"}, "'slug' can't be changed"),
        ],
    )
    def test_it_says_which_setting_is_wrong(self, project: Project, changes: dict[str, object], said: str) -> None:
        with pytest.raises(Invalid) as caught:
            projects.update_project(project, **changes)
        assert said in caught.value.detail

    def test_a_new_overlap_holds_for_prompts_that_can_take_it(self, project: Project) -> None:
        make_prompt(project)
        setting_changes.update(project, {"overlap": 3}, by=None)
        assert Prompt.objects.get().overlap == 3
        rank(project, join(project))
        rank(project, join(project))
        setting_changes.update(project, {"overlap": 1}, by=None)
        assert Prompt.objects.get().overlap == 2  # two people have it: their work stays, and nobody else gets it

    def test_the_overview_counts_what_is_there(self, project: Project) -> None:
        make_prompt(project)
        make_prompt(project)
        rank(project, join(project), [1, 1, 2, 3])
        assert overview.overview_of(project) == overview.Overview(
            prompts=2, prompts_done=1, prompts_begun=0, rankings=1, pairs=5, ties=1, labels=0, labelers=1, held=0
        )


class TestPeople:
    def test_a_project_keeps_a_manager(self, project: Project) -> None:
        manager = project.created_by
        assert manager is not None
        with pytest.raises(Invalid, match="at least one manager"):
            members.set_member(project, username=manager.username, role="labeler")
        with pytest.raises(Invalid, match="at least one manager"):
            members.remove_member(project, username=manager.username)
        assert access.role_in(manager, project) is Role.MANAGER

    def test_an_unknown_person_or_role_is_named(self, project: Project) -> None:
        with pytest.raises(Invalid, match="no account 'nobody'"):
            members.set_member(project, username="nobody", role="labeler")
        with pytest.raises(Invalid, match="'nobody' is not in this project; send an invitation"):
            members.set_member(project, username="nobody", role="labeler", by=project.created_by)
        with pytest.raises(Invalid, match="'king' is no role"):
            members.set_member(project, username=make_user().username, role="king")

    def test_an_invitation_makes_an_account_and_a_member_once(self, project: Project) -> None:
        manager = project.created_by
        assert manager is not None
        _, token = invitations.invite(project, by=manager, role="labeler")
        user = invitations.register(token, username="carla", password="ein-langes-passwort")
        assert access.role_in(user, project) is Role.LABELER
        with pytest.raises(Invalid, match="used already"):
            invitations.open_link(token)

    def test_the_token_itself_is_not_stored(self, project: Project) -> None:
        manager = project.created_by
        assert manager is not None
        invitation, token = invitations.invite(project, by=manager, role="labeler")
        assert token not in str(Invitation.objects.filter(pk=invitation.pk).values().get())

    def test_an_invitation_ends(self, project: Project) -> None:
        manager = project.created_by
        assert manager is not None
        _, token = invitations.invite(project, by=manager, role="labeler")
        Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
        with pytest.raises(Invalid, match="This invitation ended on"):
            invitations.open_link(token)

    @pytest.mark.parametrize(
        ("username", "password", "attr"),
        [
            ("taken", "ein-langes-passwort", "username"),
            ("new", "123", "password"),
            ("a b", "ein-langes-pw", "username"),
        ],
    )
    def test_a_bad_account_is_refused_and_the_link_stays_good(
        self, project: Project, username: str, password: str, attr: str
    ) -> None:
        make_user("taken")
        manager = project.created_by
        assert manager is not None
        _, token = invitations.invite(project, by=manager, role="labeler")
        with pytest.raises(Invalid) as caught:
            invitations.register(token, username=username, password=password)
        assert caught.value.attr == attr
        assert invitations.open_link(token)
        assert not User.objects.filter(username="new").exists()


class TestKinds:
    FLAGS = [{"name": "hateful", "label": "Hateful"}]

    def test_a_classification_without_a_question_is_refused(self) -> None:
        with pytest.raises(Invalid, match="asks at least one yes/no question") as caught:
            make_project(kind="classification")
        assert caught.value.attr == "flags"

    def test_the_last_question_of_a_classification_stays(self) -> None:
        project = make_project(kind="classification", flags=self.FLAGS)
        with pytest.raises(Invalid, match="at least one yes/no question"):
            projects.update_project(project, flags=[])

    def test_an_unknown_kind_is_named(self) -> None:
        with pytest.raises(Invalid, match="'regression'") as caught:
            make_project(kind="regression")
        assert caught.value.attr == "kind"

    def test_the_kind_changes_while_there_are_no_prompts_and_never_after(self, project: Project) -> None:
        projects.update_project(project, kind="classification", flags=self.FLAGS)
        make_prompt(project)
        with pytest.raises(Conflict, match="can't be ranking any more: the project has prompts"):
            projects.update_project(project, kind="ranking")
        project.refresh_from_db()
        assert project.kind == "classification"
        projects.update_project(project, kind="classification", name="The same kind again")
