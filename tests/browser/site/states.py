"""Pages in a state that only doing something brings: a refused form, an open dialog, an answer that is shown once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.test import override_settings
from django.utils import timezone
from playwright.sync_api import Page, expect

from labeling.models import Assignment, Project, Ranking, Role, User
from labeling.people import invitations
from labeling.projects import pauses
from labeling.projects.projects import update_project
from rewardtrain.models import AutoLabelJob, BestOfJob
from tests import factories
from tests.browser.site.sites import Site
from tests.factories import PASSWORD

BROKEN_LINES = b'{"id": "one", "prompt": "Hello?"}\n[1, 2]\n'


@dataclass(frozen=True)
class State:
    who: User | None
    name: str
    path: str
    do: Callable[[Page], None]


def states_of(site: Site) -> list[State]:
    one = f"/p/{site.project.slug}"
    return [
        State(None, "login-refused", "/accounts/login/", lambda page: log_in(page, "lena", "not this one")),
        State(None, "login-code", "/accounts/login/", lambda page: log_in(page, site.guarded.username, PASSWORD)),
        State(None, "login-code-refused", "/accounts/login/", lambda page: refuse_code(page, site.guarded.username)),
        State(
            None, "invitation-refused", f"/invite/{site.token}/", lambda page: send(page, username="a", password="a")
        ),
        State(
            site.stranger,
            "password-refused",
            "/accounts/password/change/",
            lambda page: send(page, oldpassword="a", password1="a", password2="b"),
        ),
        State(site.labeler, "menu", "/", lambda page: page.locator(".user-menu > summary").click()),
        State(
            site.labeler,
            "history-open",
            f"{one}/history/",
            lambda page: page.locator(".said__fold > summary").first.click(),
        ),
        State(site.labeler, "rank-placed", f"{one}/rank/", lambda page: page.keyboard.press("1")),
        State(site.labeler, "rank-open", f"{one}/rank/", open_folds),
        State(site.manager, "models-scoring", f"{one}/models/", see_who_scores),
        State(site.manager, "rank-asks", "/p/empty/rank/", lambda page: ask_all(page, site)),
        State(site.manager, "rank-best", "/p/empty/rank/", lambda page: ask_for_the_best(page, site)),
        State(site.labeler, "rank-guidelines", f"{one}/rank/", lambda page: page.keyboard.press("g")),
        State(site.labeler, "rank-keys", f"{one}/rank/", lambda page: page.keyboard.press("?")),
        State(
            site.manager, "project-create-refused", "/projects/new/", lambda page: send(page, name="A", slug="helpful")
        ),
        State(site.manager, "prompts-uploaded", f"{one}/imports/", upload),
        State(site.manager, "prompts-withdraw-which", f"{one}/prompts/withdraw/", choose_prompts),
        State(site.manager, "prompts-withdraw-refused", f"{one}/prompts/withdraw/", lambda page: send(page)),
        State(site.manager, "overview-paused", f"{one}/", lambda page: pause(page, site, f"{one}/")),
        State(site.manager, "settings-paused", f"{one}/settings/", lambda page: pause(page, site, f"{one}/settings/")),
        State(site.colleague, "rank-paused", f"{one}/rank/", lambda page: pause(page, site, f"{one}/rank/")),
        State(site.colleague, "rank-limit", f"{one}/rank/", lambda page: limit(page, site)),
        State(site.manager, "settings-foreseen", f"{one}/settings/", foresee_settings),
        State(site.manager, "prompts-bulk-foreseen", f"{one}/prompts/bulk/?split=train", foresee_bulk_act),
        State(site.manager, "prompt-correct-refused", correct_path(site), lambda page: send(page, **{"turn-0": " "})),
        State(site.manager, "prompt-erase-refused", erase_path(site), lambda page: send(page, confirm="no")),
        State(site.manager, "project-delete-refused", f"{one}/delete/", lambda page: send(page, confirm="helpful")),
        State(site.manager, "people-link", f"{one}/people/", make_link),
        State(site.manager, "people-renewed", f"{one}/people/", renew_link),
        State(site.manager, "people-withdrawn", f"{one}/people/", withdraw_link),
        State(site.manager, "people-invited", f"{one}/people/", lambda page: ask_account(page, site.stranger.username)),
        State(site.manager, "people-refused", f"{one}/people/", lambda page: refuse_account(page, "lena")),
        State(site.stranger, "home-invited", "/", lambda page: invite(page, site)),
        State(site.manager, "overview-open", f"{one}/", open_folds),
        State(site.manager, "run-open", f"{one}/runs/3/", open_folds),
        State(site.manager, "model-open", f"{one}/models/2/", open_folds),
        State(site.manager, "best-of-unread", f"{one}/best-of/", lambda page: show_unread(page, BestOfJob)),
        State(site.manager, "best-of-job-unread", f"{one}/best-of/1/", lambda page: show_unread(page, BestOfJob)),
        State(site.manager, "automatic-unread", f"{one}/automatic/", lambda page: show_unread(page, AutoLabelJob)),
        State(site.manager, "overview-past-gate", "/p/unproven/", lambda page: None),
        State(site.manager, "models-past-gate", "/p/unproven/models/", lambda page: None),
        State(site.manager, "model-past-gate", "/p/unproven/models/1/", lambda page: None),
        State(site.manager, "promote-past-gate", "/p/unproven/models/2/", promote_past_gate),
        State(site.manager, "try-refused", f"{one}/try/", lambda page: send(page, prompt="")),
        State(site.manager, "try-scored", f"{one}/try/", try_model),
        State(site.manager, "try-compared", f"{one}/try/", lambda page: compare_words(page, "2")),
        State(site.manager, "try-down", f"{one}/try/", try_without_service),
        State(site.administrator, "styleguide-dialog", "/styleguide/", open_dialog),
    ]


def pause(page: Page, site: Site, path: str) -> None:
    """Shows the page as it is of a project that is paused, where nothing is held; and lets it go on."""
    hold_nothing(page, site)
    pauses.pause(site.project, by=site.manager, reason="The guidelines are being changed.")
    page.goto(path)
    pauses.resume(site.project)


def limit(page: Page, site: Site) -> None:
    hold_nothing(page, site)
    Project.objects.filter(pk=site.project.pk).update(daily_limit=1)
    newest = Ranking.objects.filter(project=site.project, labeler=site.colleague, live=True).latest("pk")
    Ranking.objects.filter(pk=newest.pk).update(created_at=timezone.now())
    page.goto(f"/p/{site.project.slug}/rank/")
    Ranking.objects.filter(pk=newest.pk).update(created_at=newest.created_at)
    Project.objects.filter(pk=site.project.pk).update(daily_limit=0)


def hold_nothing(page: Page, site: Site) -> None:
    """Gives back what the page that was open holds, after it has said good-bye."""
    page.goto("/")
    page.wait_for_load_state("networkidle")
    held = Assignment.objects.filter(prompt__project=site.project, labeler=site.colleague, state="claimed")
    held.update(state="released")


def foresee_settings(page: Page) -> None:
    page.get_by_label("People per prompt", exact=True).fill("3")
    page.get_by_label("Flags").fill("rude: Rude")
    page.get_by_role("button", name="Save settings").click()
    page.get_by_role("button", name="Save, and do this").wait_for()


def foresee_bulk_act(page: Page) -> None:
    page.locator("[value=hold]").check()
    page.locator("[name=reason]").fill("The licence is not clear.")
    page.get_by_role("button", name="See how many").click()
    expect(page.locator("#foreseen")).to_be_visible()


def correct_path(site: Site) -> str:
    return f"/p/{site.project.slug}/prompts/{site.project.prompts.earliest('pk').pk}/correct/"


def erase_path(site: Site) -> str:
    return f"/p/{site.texts.slug}/prompts/{site.texts.prompts.earliest('pk').pk}/erase/"


def send(page: Page, **values: str) -> None:
    """Fills the page's form and sends it as a browser without checks of its own would."""
    for name, value in values.items():
        page.locator(f"main [name={name}]").fill(value)
    page.locator("main form[method=post]").first.evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
    expect(page.locator(".field__error, .notice[data-level=error]").first).to_be_visible()


def see_who_scores(page: Page) -> None:
    expect(page.get_by_text("scoring service answers with version")).to_be_visible()


def log_in(page: Page, username: str, password: str) -> None:
    page.locator("[name=login]").fill(username)
    page.locator("[name=password]").fill(password)
    page.locator("main form button").first.click()
    expect(page.locator(".notice[data-level=error], [autocomplete=one-time-code]")).to_be_visible()


def refuse_code(page: Page, username: str) -> None:
    log_in(page, username, PASSWORD)
    send(page, code="000000")


def choose_prompts(page: Page) -> None:
    """Asks what it would mean to withdraw those that are ranked."""
    page.get_by_label("State").select_option("ranked")
    page.get_by_role("button", name="See which").click()
    expect(page.get_by_role("button", name="Withdraw them")).to_be_visible()


def upload(page: Page) -> None:
    file = {"name": "prompts.jsonl", "mimeType": "application/x-ndjson", "buffer": BROKEN_LINES}
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    page.locator("form[enctype] button").click()
    expect(page.get_by_role("button", name="Start the import")).to_be_visible()


def make_link(page: Page) -> None:
    page.locator("section:has(#invite) button").click()
    expect(page.locator("#invite-link")).to_be_visible()


def renew_link(page: Page) -> None:
    page.get_by_role("button", name="New link for invitation").first.click()
    expect(page.locator("#invite-link")).to_be_visible()


def withdraw_link(page: Page) -> None:
    page.get_by_role("button", name="Withdraw invitation").first.click()
    expect(page.locator(".notices")).to_contain_text("The invitation is withdrawn")


def promote_past_gate(page: Page) -> None:
    page.locator("#reason").fill("It is all we have until Monday.")
    page.locator("section:has(#promote) button").click()
    expect(page.get_by_role("heading", name="Promote model 2 past its gate?")).to_be_visible()
    expect(page.locator("#reason")).to_have_value("It is all we have until Monday.")


def ask_account(page: Page, username: str) -> None:
    page.locator("#add-username").fill(username)
    page.locator("section:has(#add) button").click()
    expect(page.locator(".notices")).to_contain_text(f"If there is an account named {username}")


def refuse_account(page: Page, username: str) -> None:
    page.locator("#add-username").fill(username)
    page.locator("section:has(#add) button").click()
    expect(page.locator(".field__error")).to_be_visible()


def invite(page: Page, site: Site) -> None:
    """By two projects, one with a name that needs more than a line."""
    long = factories.make_project(manager=site.manager, slug="long")
    Project.objects.filter(pk=long.pk).update(name="Kind and careful answers of three assistants, " * 2)
    for project in (site.empty, long):
        invitations.ask(project, by=site.manager, username=site.stranger.username, role=Role.REVIEWER)
    page.reload()
    expect(page.get_by_role("heading", name="You are invited")).to_be_visible()


def open_folds(page: Page) -> None:
    expect(page.locator(".skeleton")).to_have_count(0)
    for summary in page.locator("main summary").all():
        summary.click()


def show_unread(page: Page, kind: type[BestOfJob | AutoLabelJob]) -> None:
    """With an ordinary reason, and with an id and a reason that have no place to break."""
    rows = [
        {"row": "q7", "error": 'prompt[0].role: must be one of system, user, assistant (got "narrator")'},
        {"row": "q" + "0123456789" * 12, "error": "prompt is '" + "a" * 160 + "'; it must be text"},
    ]
    kind._default_manager.update(unread=1204, unread_rows=rows)
    page.reload()
    expect(page.locator("main summary", has_text="1,204 texts could not be read").first).to_be_visible()
    open_folds(page)


def open_dialog(page: Page) -> None:
    page.locator("dialog-link").first.click()
    expect(page.locator("dialog[open]")).to_be_visible()


ASKED = "Why is the sky blue, and why is it red in the evening?"
ANSWERS = (
    "Air scatters blue light more than red light, so it comes to us from all over the sky. In the evening the light "
    "has a longer way through the air, and what is left of it is red.",
    "Because of the ocean, which is blue and is mirrored in the sky.",
    "It isn't. " + "Go and look for yourself before you ask. " * 12,
)


def try_model(page: Page, other: str = "") -> None:
    page.get_by_role("button", name="Add a completion").click()
    expect(page.locator("#id_completion-2")).to_be_focused()
    page.get_by_label("Prompt").fill(ASKED)
    for place, answer in enumerate(ANSWERS):
        page.locator(f"#id_completion-{place}").fill(answer)
    page.get_by_label("Compare it with").select_option(other)
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#answer")).to_be_visible(timeout=30_000)
    page.evaluate("scrollTo(0, 0)")


def compare_words(page: Page, other: str) -> None:
    try_model(page, other)
    page.locator("#words-0").click()
    expect(page.locator(".words")).to_have_count(4, timeout=60_000)
    open_folds(page)
    page.evaluate("scrollTo(0, 0)")


def try_without_service(page: Page) -> None:
    page.get_by_label("Prompt").fill(ASKED)
    for place in range(2):
        page.locator(f"#id_completion-{place}").fill(ANSWERS[place])
    with override_settings(REWARDS_URL="http://127.0.0.1:9"):  # where nothing listens
        page.get_by_role("button", name="Score").click()
        expect(page.locator(".notice[data-level=error]")).to_contain_text("doesn't answer")


def ask_for_the_best(page: Page, site: Site) -> None:
    """A board that asks for the best three of nine, two of them placed."""
    project = update_project(factories.make_project(manager=site.manager, slug="best"), top_k=3)
    factories.make_prompt(project, k=9)
    page.goto("/p/best/rank/")
    expect(page.locator("[data-current].completion")).to_be_visible()
    for key in ("2", "1"):
        page.keyboard.press(key)
    expect(page.locator("rank-status")).to_contain_text("1 to go.")


def ask_all(page: Page, site: Site) -> None:
    """A board that asks for more than an order, half answered."""
    attributes = [
        {"name": "helpful", "label": "Helpful", "scale": 5, "low": "not at all", "high": "very"},
        {"name": "kinder", "label": "Kinder", "kind": "comparison"},
    ]
    asks = {"ask_acceptable": True, "ask_strength": True, "ask_rewrite": "optional", "attributes": attributes}
    reasons = [{"name": "correct", "label": "More correct"}, {"name": "shorter", "label": "Shorter"}]
    update_project(site.empty, ask_reasons=reasons, justification="required", **asks)
    factories.make_prompt(site.empty, k=2)
    page.reload()
    expect(page.locator("[data-current].completion")).to_be_visible()
    for key in ("3", "l", "4"):
        page.keyboard.press(key)
