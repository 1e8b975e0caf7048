"""A site with something in it, and people who open its pages in Chromium."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from labeling.answers import saved_views
from labeling.data.bulk import bulk_jobs, cohorts
from labeling.data.bulk.bulk_jobs import Foreseen
from labeling.data.importing import imports
from labeling.data.leaving import erasure_worker
from labeling.data.leaving import erasures as erasures_of_people
from labeling.data.reviewing import acts
from labeling.data.revising import erasures, revisions
from labeling.data.versions import datasets
from labeling.data.withdrawing import work
from labeling.models import Assignment, Project, ProjectDeletion, Role, User
from labeling.people import deactivation, invitations
from labeling.projects import projects
from tests import factories
from tests.browser.site.past_imports import make_forgotten, make_imports

SAMPLE = Path(__file__).resolve().parents[3] / "labeling" / "sample"
TEXTS = (
    "My neighbour's dog barks all night. Does anybody know a good pair of ear plugs?",
    "People like you should not be allowed to vote, breed or speak. Go back to where you came from.",
    "The third paragraph of the report contradicts the first; otherwise it is a careful piece of work.",
    "What a match! I have no voice left and I regret nothing.",
)
DISAGREEMENT = {"split": "test", "disagreement": "yes"}
QUESTIONS = [{"name": "hateful", "label": "Hateful"}, {"name": "insult", "label": "Insults a person"}]
FLAGS = [{"name": "factual_error", "label": "Factual error"}, {"name": "hateful", "label": "Hateful"}]


@dataclass
class Site:
    """Projects: one half ranked by two people, one that classifies, one recorded, one empty. And an open invitation."""

    url: str
    manager: User
    labeler: User
    colleague: User
    stranger: User
    guarded: User  # logs in with a second factor
    administrator: User
    leaver: User  # whose account is deactivated
    judge: User  # answers questions about texts
    project: Project
    empty: Project
    texts: Project
    recorded: Project  # its rankings came with an import
    token: str


def make_site(url: str) -> Site:
    manager = factories.make_user("mara")
    project = projects.create_project(
        by=manager,
        slug="helpful",
        name="Helpful answers",
        guidelines=(SAMPLE / "guidelines.md").read_text(),
        flags=FLAGS,
        overlap=2,
    )
    with (SAMPLE / "prompts.jsonl").open("rb") as lines:
        imports.import_lines(project, lines)
    labeler, colleague = factories.join(project, Role.LABELER, "lena"), factories.join(project, Role.LABELER, "otto")
    for ranks in ((1, 2, 3, 4), (2, 1, 2, 3), (4, 3, 2, 1), (1, 1, 2, 3)):
        factories.rank(project, labeler, ranks)
        factories.rank(project, colleague, (1, 2, 4, 3))
        if not project.dataset_versions.exists():
            datasets.freeze(project, by=manager)
    last_case = project.review_cases.latest("pk")
    his = last_case.prompt.rankings.get(labeler=colleague)
    acts.send_back(last_case, his, by=manager, words="B > A?")
    unwanted = project.prompts.order_by("-pk")[1]
    erasures.erase(project, unwanted, confirm=unwanted.external_id, by=manager)
    make_imports(project)
    last = project.prompts.latest("pk")
    texts = {each.external_id: f"{each.text} Corrected." for each in last.completions.all()[:1]}
    revisions.revise(project, last, base=1, by=manager, texts=texts)
    make_bulk_acts(project)
    make_views(project)
    empty = factories.make_project(manager=manager, slug="empty")
    _, token = invitations.invite(project, by=manager, role=Role.LABELER, note="Ada")
    stranger, guarded = factories.make_user("sven"), factories.make_user("gita")
    TOTP.activate(guarded, generate_totp_secret())
    RecoveryCodes.activate(guarded)
    administrator = factories.make_user("root", superuser=True)
    texts = make_texts(manager)
    leaver = factories.join(texts, Role.LABELER, "lea")
    factories.answer(texts, leaver, hateful=False, insult=True)
    work.withdraw(texts, leaver, by=manager)
    deactivation.deactivate(leaver, by=administrator)
    gone = factories.join(texts, Role.LABELER, "egon")
    erasures_of_people.request_erasure(gone, confirm="egon", by=administrator)
    erasure_worker.work_all()
    make_deletions(manager)
    judge = User.objects.get(username="toni")
    others = (empty, texts, make_recorded(manager))
    return Site(
        url, manager, labeler, colleague, stranger, guarded, administrator, leaver, judge, project, *others, token
    )


def make_bulk_acts(project: Project) -> None:
    """One that waits, and a prompt that is held."""
    held = project.prompts.filter(held_at=None, ranked=0).latest("pk").external_id
    project.prompts.filter(external_id=held).update(tags=["licence"], priority=-2)
    hold, few = {"act": "hold", "value": "The licence is not clear.", "filters": {"tag": "licence"}}, Foreseen(1, True)
    bulk_jobs.request(project, **hold, by=project.created_by, foreseen=few)  # type: ignore[arg-type]
    many = Foreseen(2714, True)
    bulk_jobs.request(project, "tag", "to check", {"split": "train"}, by=project.created_by, foreseen=many)


def make_views(project: Project) -> None:
    """One's own, and one that somebody else shares."""
    assert project.created_by is not None
    saved_views.save(project, project.created_by, "prompts", name="Weekly", filters=DISAGREEMENT)
    saved_views.save(
        project, factories.make_user("rolf"), "prompts", name="Held", filters={"state": "held"}, is_shared=True
    )


def make_deletions(manager: User) -> None:
    """One that is over, one at work, one that stopped."""
    now, counts = timezone.now(), {"prompts": 2714, "rankings": 9120, "members": 7, "versions": 4, "models": 3}
    for key, state, done in ((1, "succeeded", 2714), (2, "running", 1500), (3, "failed", 500)):
        ProjectDeletion.objects.create(
            project_key=10**6 + key, slug=f"helpful-{key}", name="Helpful answers", requested_by=manager, counts=counts,
            state=state, done=done, total=2714, heartbeat_at=now, finished_at=None if state == "running" else now,
        )  # fmt: skip


def make_recorded(manager: User) -> Project:
    """Two prompts that two people ranked elsewhere."""
    project = factories.make_project(manager=manager, slug="recorded")
    for place in range(2):
        said = [{"labeler": labeler, "ranks": [1, 2]} for labeler in ("ada", "bo")]
        row = {"id": f"{place}", "prompt": f"Question {place}?", "completions": [{"text": "Yes."}, {"text": "No."}]}
        imports.import_lines(project, [json.dumps({**row, "rankings": said}).encode()])
    cohorts.save(project, {"name": "Speak German", "tags": ["de", "at"], "people": [manager.username]}, by=manager)
    cohorts.save(project, {"name": "Chemists"}, by=manager)
    return project


def make_texts(manager: User) -> Project:
    """Single texts, of which a labeler answered the first."""
    project = factories.make_project(manager=manager, slug="texts", kind=Project.Kind.CLASSIFICATION, flags=QUESTIONS)
    labeler = factories.join(project, Role.LABELER, "toni")
    for text in TEXTS:
        factories.make_prompt(project, question="", texts=[text])
    factories.answer(project, labeler, hateful=False, insult=False)
    make_forgotten(project)
    return project


def pages_of(site: Site) -> list[tuple[User | None, str, str]]:
    """Every page worth a look: who looks, its name, its address."""
    one, two = f"/p/{site.project.slug}", f"/p/{site.empty.slug}"
    erased = User.objects.get(erasure__isnull=False)
    ranked = Assignment.objects.filter(labeler=site.labeler, state=Assignment.State.RANKED).latest("id")
    case = site.project.review_cases.filter(state="open", reason="disagreement").earliest("pk")
    sent_back = site.project.review_cases.get(state="sent_back")
    imported = site.recorded.rankings.earliest("pk").labeler
    cohort = site.recorded.cohorts.earliest("pk")
    return [
        (None, "login", "/accounts/login/"),
        (None, "invitation", f"/invite/{site.token}/"),
        (None, "invitation-closed", "/invite/unknown/"),
        (None, "account-closed", "/accounts/inactive/"),
        (site.stranger, "home-empty", "/"),
        (site.stranger, "join", f"/invite/{site.token}/"),
        (site.stranger, "not-found", f"{one}/"),
        (site.stranger, "password", "/accounts/password/change/"),
        (site.stranger, "preferences", "/preferences/"),
        (site.stranger, "confirm", "/accounts/reauthenticate/"),
        (site.stranger, "two-factor", "/accounts/2fa/"),
        (site.stranger, "two-factor-setup", "/accounts/2fa/totp/activate/"),
        (site.stranger, "logout", "/accounts/logout/"),
        (site.guarded, "confirm-code", "/accounts/2fa/reauthenticate/"),
        (site.guarded, "two-factor-on", "/accounts/2fa/"),
        (site.guarded, "two-factor-off", "/accounts/2fa/totp/deactivate/"),
        (site.guarded, "recovery-codes", "/accounts/2fa/recovery-codes/"),
        (site.guarded, "recovery-codes-new", "/accounts/2fa/recovery-codes/generate/"),
        (site.labeler, "home-labeler", "/"),
        (site.labeler, "rank", f"{one}/rank/"),
        (site.labeler, "practice", f"{one}/practice/"),
        (site.labeler, "history", f"{one}/history/"),
        (site.labeler, "history-days", f"{one}/history/?from_day=2020-01-01"),
        (site.labeler, "history-search", f"{one}/history/?q=sky"),
        (site.labeler, "history-skipped", f"{one}/history/?show=skipped"),
        (site.labeler, "history-edit", f"{one}/history/{ranked.pk}/"),
        (site.colleague, "rank-sent-back", f"{one}/rank/"),
        (site.colleague, "history-sent-back", f"{one}/history/"),
        (site.colleague, "history-edit-sent-back", f"{one}/history/{sent_back.sent_back_id}/"),
        (site.labeler, "guidelines", f"{one}/guidelines/"),
        (site.labeler, "not-allowed", f"{one}/people/"),
        (site.manager, "home", "/"),
        (site.manager, "project-create", "/projects/new/"),
        (site.manager, "overview", f"{one}/"),
        (site.manager, "overview-empty", f"{two}/"),
        (site.manager, "prompts", f"{one}/prompts/"),
        (site.manager, "prompt", f"{one}/prompts/{ranked.prompt_id}/"),
        (site.manager, "reviews", f"{one}/review/"),
        (site.manager, "reviews-none", f"{two}/review/"),
        (site.manager, "review", f"{one}/review/{case.pk}/"),
        (site.manager, "review-sent-back", f"{one}/review/{sent_back.pk}/"),
        (site.manager, "review-decide", f"{one}/review/{case.pk}/decide/"),
        (site.manager, "prompt-correct", f"{one}/prompts/{ranked.prompt_id}/correct/"),
        (site.manager, "prompt-corrected", f"{one}/prompts/{site.project.prompts.get(revision=2).pk}/"),
        (site.manager, "prompt-erase", f"/p/texts/prompts/{site.texts.prompts.earliest('pk').pk}/erase/"),
        (site.manager, "prompt-erase-waits", f"{one}/prompts/{ranked.prompt_id}/erase/"),
        (site.manager, "prompt-erased", f"{one}/prompts/{site.project.prompts.get(erasure__isnull=False).pk}/"),
        (site.manager, "prompts-erased", f"{one}/prompts/?show=withdrawn"),
        (site.manager, "prompts-page", f"{one}/prompts/?page=9"),
        (site.manager, "prompts-narrowed", f"{one}/prompts/?labeler=lena&disagreement=yes&order=newest&go=none"),
        (site.manager, "rankings", f"{one}/rankings/"),
        (site.manager, "rankings-narrowed", f"{one}/rankings/?labeler=nobody&split=test"),
        (site.manager, "rankings-empty", f"{two}/rankings/"),
        (site.manager, "rankings-texts", "/p/texts/rankings/"),
        (site.manager, "prompts-view", f"{one}/prompts/?split=test&disagreement=yes"),
        (site.manager, "prompts-bulk", f"{one}/prompts/bulk/?split=train&disagreement=yes"),
        (site.manager, "prompts-bulk-act", f"{one}/prompts/bulk/2/"),
        (site.manager, "prompts-withdraw", f"{one}/prompts/withdraw/"),
        (site.manager, "prompts-empty", f"{two}/prompts/"),
        (site.manager, "imports", f"{one}/imports/"),
        (site.manager, "imports-empty", f"{two}/imports/"),
        (site.manager, "import", f"{one}/imports/1/"),
        (site.manager, "import-running", f"{one}/imports/2/"),
        (site.manager, "import-undone", f"{one}/imports/3/"),
        (site.manager, "import-failed", f"{one}/imports/4/"),
        (site.manager, "import-waiting", f"{one}/imports/5/"),
        (site.manager, "import-forgotten", "/p/texts/imports/1/"),
        (site.manager, "import-unknown", f"{one}/imports/6/"),
        (
            site.manager,
            "import-mapped",
            f"{one}/imports/6/?layout=&column-0=prompt&column-1=completion_a&column-2=completion_b&column-3=winner",
        ),
        (site.manager, "import-fetching", f"{one}/imports/7/"),
        (site.manager, "import-not-fetched", f"{one}/imports/8/"),
        (site.manager, "gold-none", f"{one}/gold/"),
        (site.manager, "people", f"{one}/people/"),
        (site.manager, "people-narrowed", f"{one}/people/?role=labeler&sort=-rankings"),
        (site.manager, "people-none", f"{one}/people/?name=nobody"),
        (site.manager, "person", f"{one}/people/{site.labeler.pk}/"),
        (site.manager, "person-skips", f"{one}/people/{site.labeler.pk}/skips/"),
        (site.manager, "person-work", f"{one}/people/{site.labeler.pk}/work/"),
        (site.manager, "person-work-since", f"{one}/people/{site.labeler.pk}/work/?since=2020-01-31"),
        (site.manager, "person-work-since-none", f"{one}/people/{site.labeler.pk}/work/?since=2999-01-31"),
        (site.manager, "person-work-withdrawn", f"/p/texts/people/{site.leaver.pk}/work/"),
        (site.manager, "person-imported", f"/p/recorded/people/{imported.pk}/"),
        (site.manager, "person-texts", f"/p/texts/people/{site.judge.pk}/"),
        (site.manager, "settings", f"{one}/settings/"),
        (site.manager, "cohorts", "/p/recorded/cohorts/"),
        (site.manager, "cohorts-none", f"{two}/cohorts/"),
        (site.manager, "cohort-new", f"{one}/cohorts/new/"),
        (site.manager, "cohort", f"/p/recorded/cohorts/{cohort.pk}/"),
        (site.manager, "cohort-delete", f"/p/recorded/cohorts/{cohort.pk}/delete/"),
        (site.manager, "project-delete", f"{one}/delete/"),
        (site.manager, "projects-deleted", "/projects/deleted/"),
        (site.stranger, "projects-deleted-empty", "/projects/deleted/"),
        (site.manager, "export", f"{one}/export/"),
        (site.manager, "versions", f"{one}/versions/"),
        (site.manager, "version", f"{one}/versions/4/"),
        (site.manager, "version-difference", f"{one}/versions/4/difference/?to=1"),
        (site.manager, "version-methods", f"{one}/versions/4/methods/"),
        (site.manager, "version-prompts", f"{one}/versions/4/prompts/"),
        (site.manager, "version-prompt", f"{one}/versions/4/prompts/0/"),
        (site.manager, "version-without-file", f"{one}/versions/2/"),
        (site.manager, "versions-empty", f"{two}/versions/"),
        (site.manager, "runs", f"{one}/runs/"),
        (site.manager, "models", f"{one}/models/"),
        (site.manager, "automatic", f"{one}/automatic/"),
        (site.manager, "best-of", f"{one}/best-of/"),
        (site.manager, "try", f"{one}/try/"),
        (site.manager, "try-empty", f"{two}/try/"),
        (site.manager, "rank-empty", f"{two}/rank/"),
        (site.manager, "history-empty", f"{two}/history/"),
        (site.manager, "guidelines-empty", f"{two}/guidelines/"),
        (site.manager, "export-empty", f"{two}/export/"),
        (site.manager, "runs-empty", f"{two}/runs/"),
        (site.manager, "models-empty", f"{two}/models/"),
        (site.judge, "rank-text", "/p/texts/rank/"),
        (site.judge, "history-text", "/p/texts/history/"),
        (site.manager, "overview-texts", "/p/texts/"),
        (site.manager, "prompts-texts", "/p/texts/prompts/"),
        (site.manager, "runs-texts", "/p/texts/runs/"),
        (site.manager, "automatic-empty", f"{two}/automatic/"),
        (site.manager, "best-of-empty", f"{two}/best-of/"),
        (site.administrator, "styleguide", "/styleguide/"),
        (site.administrator, "account", f"/people/{site.labeler.pk}/"),
        (site.administrator, "account-erase", f"/people/{site.judge.pk}/erase/"),
        (site.administrator, "account-erased", f"/people/{erased.pk}/"),
        (site.administrator, "account-deactivated", f"/people/{site.leaver.pk}/"),
    ]


def trained_pages_of(site: Site) -> list[tuple[User | None, str, str]]:
    """The pages that a champion, a model that waits and a run that works have filled: see make_training."""
    one = f"/p/{site.project.slug}"
    contradicted = site.project.review_cases.get(evidence__isnull=False)
    return [
        (site.manager, "review-champion", f"{one}/review/{contradicted.pk}/"),
        (site.manager, "run", f"{one}/runs/3/"),
        (site.manager, "run-ended", f"{one}/runs/2/"),
        (site.manager, "run-head", f"{one}/runs/1/"),
        (site.manager, "runs-heads", f"{one}/runs/?depth=head"),
        (site.manager, "runs-preset", f"{one}/runs/?preset=minilm"),
        (site.manager, "model", f"{one}/models/2/"),
        (site.manager, "model-champion", f"{one}/models/1/"),
        (site.manager, "overview-classifier", "/p/texts/"),
        (site.manager, "models-classifier", "/p/texts/models/"),
        (site.manager, "model-classifier", "/p/texts/models/2/"),
        (site.manager, "threshold", "/p/texts/models/2/threshold/?threshold=0.6"),
        (site.manager, "threshold-none", f"{one}/models/1/threshold/"),
        (site.manager, "best-of-job", f"{one}/best-of/1/"),
    ]


@dataclass
class People:
    """Opens pages of the site as somebody, and keeps what their consoles said."""

    browser: Browser
    site: Site
    options: dict[str, Any] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    contexts: dict[tuple[User | None, str], BrowserContext] = field(default_factory=dict)

    def page(self, user: User | None = None, **options: Any) -> Page:
        """A page in the user's own browser, logged in."""
        key = (user, repr(options))
        if key not in self.contexts:
            self.contexts[key] = self.open(user, options)
            self.contexts[key].on("close", lambda: self.contexts.pop(key, None))
        context = self.contexts[key]
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error} ({page.url})"))
        page.on("requestfailed", self._failed)
        return page

    def same_page(self, user: User | None = None, **options: Any) -> Page:
        """The page that the user has open already; a walk over many addresses needs no new one for each."""
        context = self.contexts.get((user, repr(options)))
        return context.pages[0] if context and context.pages else self.page(user, **options)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left while it was still asking
            self.complaints.append(f"failed: {request.failure} ({request.url})")

    def open(self, user: User | None, options: dict[str, Any]) -> BrowserContext:
        context = self.browser.new_context(base_url=self.site.url, **{**self.options, **options})
        if user is not None:
            client = Client()
            client.force_login(user)
            client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})  # else some pages ask for it
            cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": self.site.url}])
        return context

    def close(self) -> None:
        for context in list(self.contexts.values()):
            for routed in (*context.pages, context):  # what is still asked for then is nobody's mistake
                routed.unroute_all(behavior="ignoreErrors")
            context.close()
