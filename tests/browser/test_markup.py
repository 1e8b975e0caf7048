"""Every place that shows what somebody wrote is given the corpus: nothing runs, nothing complains, all is readable."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, expect
from pytest_django.live_server_helper import LiveServer

from config.http.import_map import import_map
from labeling.answers import rankings
from labeling.models import Assignment, Completion, Membership, Project, Ranking, Role, User
from labeling.people import invitations
from labeling.projects import projects
from labeling.queue import claims
from tests import factories
from tests.browser.site.sites import People, Site
from tests.corpus.markup import IMAGE, PAYLOADS, SCRIPT, Payload
from tests.corpus.reading import ATTRIBUTES, HARMLESS, Reader
from tests.rewardtrain.conftest import make_run

pytestmark = pytest.mark.browser

NAME = f"heron\"'>{SCRIPT}{IMAGE}{{{{7*7}}}}"
K = 10
TASKS = [PAYLOADS[start : start + K] for start in range(0, len(PAYLOADS), K)]
# What a page may ask for besides itself: its files, and what it says about itself a moment later.
LATER = ("/static/", "/p/hostile/machine/", "/p/hostile/rank/", "/admin/jsi18n/")
REFUSALS = ("status of 403", "status of 404", "status of 422")

LISTEN = """document.addEventListener("securitypolicyviolation",
  (event) => __violated(`${event.violatedDirective} ${event.blockedURI}`))"""
FOREIGN = "iframe, object, embed, base, style, frame, meta[http-equiv], script:not([src], [type='application/json'])"
STRANGERS = """([foreign, map]) => [...document.querySelectorAll("*")].flatMap((element) => [
  ...element.getAttributeNames().filter((name) => name.startsWith("on")),
  ...(element.matches(foreign) && element.textContent !== map ? [element.outerHTML] : []),
])"""
MARKUP = """() => [...document.querySelectorAll(".prose *")].map((element) =>
  [element.localName, ...element.getAttributeNames()].join(" "))"""
HIDDEN = """() => [...document.querySelectorAll(".prose *")].filter((element) => {
  const style = getComputedStyle(element);
  return style.display === "none" || style.visibility !== "visible" || style.opacity !== "1"
    || ["fixed", "absolute"].includes(style.position);
}).map((element) => element.outerHTML)"""


@dataclass
class Watched:
    """A page, and everything that it should not have done."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.expose_function("__ran", lambda *_: self.faults.append("ran"))
        self.page.expose_function("__violated", lambda what: self.faults.append(what))
        self.page.add_init_script(LISTEN)
        self.page.on("dialog", lambda dialog: (self.faults.append("dialog"), dialog.dismiss()))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self.hear)
        self.page.on("request", self.see)
        self.page.on("popup", lambda _: self.faults.append("popup"))

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(refusal in message.text for refusal in REFUSALS):
            self.faults.append(f"{message.type}: {message.text}")

    def see(self, request: Request) -> None:
        at = urlsplit(request.url)
        own = f"{at.scheme}://{at.netloc}" == self.url
        if not (own and (at.path.startswith(LATER) or request.is_navigation_request())):
            self.faults.append(f"asked for {request.url}")

    def visit(self, path: str) -> None:
        """Opens the page with all that it folds away, and looks around in it."""
        self.page.goto(path)
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })")
        self.faults += self.page.evaluate(STRANGERS, [FOREIGN, import_map()])
        for tag, *attributes in (line.split() for line in self.page.evaluate(MARKUP)):
            assert tag in HARMLESS
            assert set(attributes) <= ATTRIBUTES
        assert self.page.evaluate(HIDDEN) == []
        assert urlsplit(self.page.url).path == urlsplit(path).path
        assert self.faults == [], path

    def read(self, selector: str = "body") -> str:
        """The words of what is shown there; those of fields as well."""
        shown = self.page.locator(selector)
        fields = shown.locator("input:not([type=hidden]), textarea").evaluate_all("all => all.map((one) => one.value)")
        return " ".join([Reader("<br>".join(one.inner_html() for one in shown.all())).text, *fields])


@pytest.fixture
def site(live_server: LiveServer) -> Site:
    """A project in which everything that somebody could write was written by the corpus."""
    manager = User.objects.create_user(f"mara{NAME}", password=factories.PASSWORD, first_name=NAME, last_name=NAME)
    labeler = User.objects.create_user(f"lena{NAME}", password=factories.PASSWORD, first_name=NAME, last_name=NAME)
    short = [payload.text for payload in PAYLOADS if len(payload.text) < 2000]
    flags = [{"name": f"flag_{number}", "label": f"{text[:60]} heron"} for number, text in enumerate((NAME, IMAGE))]
    project = projects.create_project(
        by=manager, slug="hostile", name=NAME, guidelines="\n\n".join(short), flags=flags, overlap=2
    )
    for user in (labeler, factories.make_user("colleague")):
        Membership.objects.create(project=project, user=user, role=Role.LABELER)
    for number, task in enumerate(TASKS):
        make_task(project, number, task)
    _, token = invitations.invite(project, by=manager, role=Role.LABELER, note=NAME[:120])
    return Site(
        url=live_server.url,
        manager=manager,
        labeler=labeler,
        colleague=labeler,
        stranger=factories.make_user("sven"),
        guarded=labeler,
        administrator=manager,
        leaver=labeler,
        judge=labeler,
        project=project,
        empty=project,
        texts=project,
        recorded=project,
        token=token,
    )


def make_task(project: Project, number: int, payloads: list[Payload]) -> None:
    """The payloads as completions, as ids of them, as their models' names, and as what was said before."""
    texts = [payload.text for payload in payloads]
    texts += ["heron"] * (K - len(texts))
    prompt = factories.make_prompt(project, k=K, external_id=f"{number} {texts[0]}"[:200], texts=texts)
    roles = ["system", "user", "assistant", "user"]
    prompt.messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    prompt.save()
    for position, completion in enumerate(prompt.completions.order_by("position")):
        Completion.objects.filter(pk=completion.pk).update(
            external_id=f"{position} {texts[position]}"[:200], model_name=NAME[:200]
        )


@pytest.fixture
def watched(people: People, site: Site) -> Any:
    def open_as(user: User | None, **options: Any) -> Watched:
        return Watched(people.page(user, **options), site.url)

    return open_as


@pytest.fixture(params=[False, True], ids=["with-the-policy", "without-the-policy"])
def without_policy(request: pytest.FixtureRequest) -> bool:
    """The policy is the last lock. What it would stop should not get as far as that."""
    return bool(request.param)


def test_a_labeler_reads_the_corpus_and_nothing_runs(watched: Any, site: Site, without_policy: bool) -> None:
    labeler = watched(site.labeler, bypass_csp=without_policy)
    for payloads in TASKS:
        labeler.visit("/p/hostile/rank/")
        shown = labeler.read(".completion .prose")
        missing = [payload.name for payload in payloads if payload.words not in shown]
        assert missing == []
        assert NAME in labeler.read("header")
        assert payloads[3 if len(payloads) > 3 else 0].words in labeler.read(".dialogue")
        shown_task = labeler.page.locator("rank-board").get_attribute("data-task")
        say_everything(Assignment.objects.get(pk=shown_task))
    labeler.visit("/p/hostile/history/")
    history = labeler.read()
    assert [payload.name for payload in PAYLOADS if payload.words not in history] == []
    assert f"comment {NAME}" in history
    labeler.visit("/p/hostile/guidelines/")
    assert SCRIPT in labeler.read(".prose")


def say_everything(assignment: Any) -> Ranking:
    tiers = factories.tiers_of(assignment)
    first = tiers[0][0]
    answer = {
        "tiers": tiers,
        "flags": {first: {"flag_0": True}},
        "notes": {first: f"note {NAME}"},
        "comment": f"comment {NAME}",
    }
    return rankings.submit(assignment, answer).ranking


def test_everyone_else_reads_it_too(watched: Any, site: Site) -> None:
    colleague = User.objects.get(username="colleague")
    claims.skip(factories.claimed(site.project, colleague), f"skip {NAME}")
    claims.cannot_rank(factories.claimed(site.project, colleague), f"held {NAME}")
    say_everything(factories.claimed(site.project, site.labeler))
    make_run(site.project, state="failed", error=NAME, requested_by=site.manager)
    manager, where = watched(site.manager), "/p/hostile"
    for path, words in {
        "/": NAME,
        f"{where}/": NAME,
        f"{where}/prompts/": f"held {NAME}",
        f"{where}/prompts/?show={quote(NAME)}": NAME,
        f"{where}/people/": f"lena{NAME}",
        f"{where}/settings/": f"{IMAGE} heron",
        f"{where}/export/": NAME,
        f"{where}/runs/": f"mara{NAME}",
        f"{where}/runs/1/": NAME,
        f"{where}/models/": NAME,
        f"{where}/rank/": NAME,
        f"{where}/{quote(SCRIPT)}/": "Podium",
        f"/invite/{site.token}/": NAME,
    }.items():
        manager.visit(path)
        assert words in manager.read(), path
    stranger = watched(site.stranger)
    stranger.visit(f"/invite/{site.token}/")
    assert NAME in stranger.read()
    nobody = watched(None)
    for path in (f"/invite/{site.token}/", f"/accounts/login/?next={quote('javascript:__ran(1)')}&{quote(SCRIPT)}=1"):
        nobody.visit(path)


def test_a_refused_upload_says_what_was_wrong_and_runs_none_of_it(watched: Any, site: Site, tmp_path: Path) -> None:
    manager = watched(site.manager)
    manager.visit("/p/hostile/imports/")
    lines = [SCRIPT, f'{{"id": "{SCRIPT}", "prompt": ""}}', f'{{"id": "x", "prompt": [{{"role": "{IMAGE}"}}]}}']
    (tmp_path / "hostile.jsonl").write_text("\n".join(lines))
    manager.page.get_by_label("A file of prompts").set_input_files(tmp_path / "hostile.jsonl")
    manager.page.get_by_role("button", name="Look into it").click()
    manager.page.wait_for_load_state("networkidle")
    assert SCRIPT in manager.read()
    assert IMAGE in manager.read()
    assert manager.faults == []


def test_the_policy_disturbs_no_page_of_the_libraries(watched: Any, site: Site) -> None:
    say_everything(factories.claimed(site.project, site.labeler))
    run = make_run(site.project, state="failed", error=NAME)
    administrator = watched(factories.make_user("root", superuser=True))
    for path in (
        "/accounts/password/change/",
        "/accounts/logout/",
        "/admin/",
        "/admin/rewardtrain/trainingrun/",
        f"/admin/rewardtrain/trainingrun/{run.pk}/change/",
        "/admin/axes/accesslog/",
    ):
        administrator.visit(path)
    # This one shows a QR code; a login just now is asked for first.
    administrator.page.goto("/accounts/2fa/totp/activate/")
    if administrator.page.get_by_label("Password").count():
        administrator.page.get_by_label("Password").fill(factories.PASSWORD)
        administrator.page.get_by_role("button", name="Go on").click()
    expect(administrator.page.locator("img[src^='data:image/svg+xml']")).to_be_visible()
    assert administrator.faults == []
