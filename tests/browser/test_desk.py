"""The desk in Chromium: the next task at once, nothing lost or doubled, undo, drafts, windows that agree."""

from __future__ import annotations

import contextlib

import pytest
from playwright.sync_api import Error, Page, Route, expect

from labeling.models import Assignment, PreferencePair, Ranking
from tests import factories
from tests.browser.site.sites import People, Site

pytestmark = pytest.mark.browser
State = Assignment.State


@pytest.fixture
def board(people: People, site: Site) -> Page:
    return open_board(people, site)


def open_board(people: People, site: Site, **options: object) -> Page:
    page = people.page(site.labeler, **options)
    page.goto(f"/p/{site.project.slug}/rank/")
    ready(page)
    return page


def ready(page: Page) -> None:
    """A task is on the board, the next one beside it, and all answers have arrived."""
    page.wait_for_function("() => document.querySelector('rank-ahead').board && document.querySelector('rank-board')")
    page.wait_for_function("() => !document.querySelector('rank-outbox').entries.length")


def kept(page: Page) -> None:
    """The server has all that was chosen on the board."""
    page.wait_for_function(
        "() => !document.querySelector('rank-draft').dirty && !document.querySelector('rank-draft').busy"
    )


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def task(page: Page) -> str:
    return str(page.locator("rank-board").get_attribute("data-task"))


def placed(page: Page) -> dict[str, int]:
    """The rank of each placed card."""
    found: dict[str, int] = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.place input:checked')]"
        ".map(input => [input.closest('.completion').dataset.letter, Number(input.value)]))"
    )
    return found


def ranked_today(page: Page) -> int:
    return int(page.locator(".bar__count").inner_text().split()[0])


def new_rankings(site: Site) -> list[Ranking]:
    """The labeler's live rankings beyond the four that the site begins with."""
    return list(Ranking.objects.filter(labeler=site.labeler, live=True).order_by("id"))[4:]


def claimed(site: Site) -> int:
    return Assignment.objects.filter(labeler=site.labeler, state=State.CLAIMED).count()


def leave(page: Page, people: People, site: Site) -> None:
    """Closes the page and waits until it has given one task back."""
    held = claimed(site)
    page.close(run_before_unload=True)
    keeper = people.page(site.colleague)
    keeper.goto("/")
    for _ in range(100):
        if claimed(site) < held:
            return
        keeper.wait_for_timeout(50)
    pytest.fail(f"{held} tasks are held as before")


# --- The next task ---------------------------------------------------------------------------------------------------


def test_the_next_task_is_shown_without_asking_the_server(board: Page, site: Site) -> None:
    first = task(board)
    assert claimed(site) == 2
    board.context.set_offline(True)
    press(board, *"1234", "Enter")
    expect(board.locator("rank-board")).not_to_have_attribute("data-task", first)
    expect(board.locator(".completion[data-current]")).to_have_attribute("data-letter", "A")
    expect(board.locator(".rail__status")).to_contain_text("The next prompt is here.")
    assert placed(board) == {}
    board.context.set_offline(False)
    expect(board.get_by_text("Saved. 6 pairs.")).to_be_visible()
    ready(board)
    assert claimed(site) == 2


def test_a_look_at_the_next_task_that_comes_late_changes_nothing(people: People, site: Site) -> None:
    page = people.page(site.labeler)
    held: list[Route] = []
    page.route("**/ahead/", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/ahead/"):
        page.goto(f"/p/{site.project.slug}/rank/")
    first = task(page)
    press(page, *"1234", "Enter")
    expect(page.locator("rank-board")).not_to_have_attribute("data-task", first)
    ready(page)
    second = task(page)
    press(page, "2")
    with page.expect_response(lambda response: "/ahead/" in response.url and response.status == 409):
        held[0].continue_()
    page.wait_for_load_state("networkidle")
    assert (task(page), placed(page)) == (second, {"A": 2})


def test_one_task_after_the_other_by_keys_alone(board: Page, site: Site) -> None:
    seen, before = set(), ranked_today(board)
    for number in range(1, 4):
        ready(board)
        seen.add(task(board))
        press(board, *"2134", "Enter")
        expect(board.locator(".bar__count")).to_contain_text(f"{before + number} today")
    assert {str(ranking.assignment_id) for ranking in new_rankings(site)} == seen


def test_closing_the_page_gives_the_next_task_back_and_keeps_the_one_on_the_board(people: People, site: Site) -> None:
    page = open_board(people, site)
    current = task(page)
    leave(page, people, site)
    assert [str(a.pk) for a in Assignment.objects.filter(labeler=site.labeler, state=State.CLAIMED)] == [current]


def test_the_last_task_leads_to_the_page_that_says_so(people: People, site: Site) -> None:
    factories.make_prompt(site.empty)
    page = people.page(site.manager)
    page.goto(f"/p/{site.empty.slug}/rank/")
    press(page, *"1234", "Enter")
    expect(page.get_by_role("heading", name="You have done them all")).to_be_visible()
    expect(page.get_by_text("1 today.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back. Change what you like and submit again.")).to_be_visible()
    assert placed(page) == {"A": 1, "B": 2, "C": 3, "D": 4}


def test_a_skip_brings_the_next_task_at_once(board: Page, site: Site) -> None:
    first = task(board)
    press(board, "s", "ArrowDown", "Enter")
    expect(board.locator("rank-board")).not_to_have_attribute("data-task", first)
    expect(board.get_by_text("Skipped. ")).to_be_visible()
    assert Assignment.objects.get(pk=first).state == State.SKIPPED


def test_a_skip_without_a_reason_asks_for_one(board: Page) -> None:
    first = task(board)
    press(board, "s")
    board.get_by_role("button", name="Skip this prompt").click()
    expect(board.locator("#skip-other")).to_be_focused()
    assert task(board) == first


# --- A failing network or server -------------------------------------------------------------------------------------


def test_a_server_that_is_down_for_ten_seconds_loses_and_doubles_nothing(board: Page, site: Site) -> None:
    def down(route: Route) -> None:
        route.fulfill(status=503, body="down")

    board.route("**/rank/**", down)
    first, before = task(board), ranked_today(board)
    press(board, *"1234", "Enter")
    second = task(board)
    press(board, *"4321", "Enter")
    expect(board.locator("save-state")).to_contain_text("Not saved. Trying again in")
    expect(board.get_by_text("Fetching the next prompt")).to_be_visible()
    board.wait_for_timeout(10_000)
    assert new_rankings(site) == []
    board.unroute("**/rank/**", down)
    expect(board.locator("rank-board")).to_be_visible(timeout=30_000)
    expect(board.locator(".bar__count")).to_contain_text(f"{before + 2} today")
    assert [str(ranking.assignment_id) for ranking in new_rankings(site)] == [first, second]


def test_a_draft_that_waits_counts_the_seconds_down(board: Page) -> None:
    board.route("**/draft/", lambda route: route.abort())
    press(board, "2")
    for seconds in (4, 3, 2):  # tried after one second and after two more
        expect(board.locator("save-state")).to_contain_text(f"Not saved. Trying again in {seconds} s", timeout=15_000)


def test_the_next_task_is_asked_for_at_once_when_someone_comes_back(people: People, site: Site) -> None:
    page = people.page(site.labeler)
    page.clock.install()
    page.goto(f"/p/{site.project.slug}/rank/")
    ready(page)
    page.evaluate("document.querySelector('rank-ahead').board = null")
    down = f"**/p/{site.project.slug}/rank/"
    page.route(down, lambda route: route.abort() if route.request.method == "GET" else route.continue_())
    with page.expect_event("requestfailed"):
        press(page, *"1234", "Enter")
    expect(page.get_by_text("Fetching the next prompt")).to_be_visible()
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 0.1)  # no wait ends by itself
    page.unroute(down)
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.locator("rank-board")).to_be_visible()


def test_an_answer_whose_receipt_was_lost_is_stored_once(board: Page, site: Site) -> None:
    lost = []

    def lose(route: Route) -> None:
        if route.request.method != "POST" or lost:
            return route.continue_()
        answer = route.fetch()
        if not answer.ok:  # a busy server's, which is no receipt: nothing was stored
            return route.fulfill(response=answer)
        lost.append(answer.status)
        return route.abort()

    board.route(f"**/p/{site.project.slug}/rank/", lose)
    press(board, *"1234", "Enter")
    expect(board.get_by_text("That ranking was saved already.")).to_be_visible(timeout=15_000)
    assert lost == [200]
    assert len(new_rankings(site)) == 1


def test_what_was_submitted_offline_arrives_after_the_tab_was_closed(people: People, site: Site) -> None:
    page = open_board(people, site)
    first = task(page)
    page.context.set_offline(True)
    press(page, *"1234", "Enter")
    expect(page.locator("save-state")).to_contain_text("Not saved.")
    page.close()
    other = people.page(site.labeler)
    other.context.set_offline(False)
    other.goto(f"/p/{site.project.slug}/rank/")
    ready(other)
    expect(other.locator("rank-board")).not_to_have_attribute("data-task", first)
    assert [str(ranking.assignment_id) for ranking in new_rankings(site)] == [first]


def test_being_logged_out_keeps_the_answer_and_says_so(people: People, site: Site) -> None:
    page = open_board(people, site)
    cookies = page.context.cookies()
    page.context.clear_cookies()
    press(page, *"1234", "Enter")
    expect(page.locator("save-state")).to_contain_text("Not saved: you are logged out.")
    expect(page.locator("save-state").get_by_role("link", name="Log in")).to_be_visible()
    page.context.add_cookies(cookies)  # as after a log-in in another tab
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_text("Saved. 6 pairs.")).to_be_visible()
    assert len(new_rankings(site)) == 1


def log_in_in_another_tab(page: Page, site: Site) -> None:
    """Another session, and with it another CSRF token than that of every form on the page."""
    other = page.context.new_page()
    other.goto("/accounts/login/")
    other.locator("[name=login]").fill(site.labeler.username)
    other.locator("[name=password]").fill(factories.PASSWORD)
    other.locator("[name=password]").press("Enter")
    other.wait_for_url(f"{site.url}/")
    other.close()


def test_all_goes_on_after_a_login_in_another_tab(people: People, site: Site) -> None:
    """The draft, the answer, the task ahead, undo and the good-bye each send the token as it is now."""
    page = open_board(people, site)
    first = task(page)
    page.context.clear_cookies()
    press(page, "2")
    expect(page.locator("save-state")).to_contain_text("Not saved: you are logged out.")
    log_in_in_another_tab(page, site)
    expect(page.locator(".save-state__words")).to_have_text("Saved")
    press(page, *"134", "Enter")
    expect(page.get_by_text("Saved. 6 pairs.")).to_be_visible()
    ready(page)
    assert claimed(site) == 2
    press(page, "z")
    expect(page.locator("rank-board")).to_have_attribute("data-task", first)
    expect(page.get_by_role("alert")).to_be_hidden()
    assert placed(page) == {"A": 2, "B": 1, "C": 3, "D": 4}
    leave(page, people, site)


@pytest.mark.parametrize("asks", ["undo", "compare", "the next task"])
def test_whoever_is_logged_out_is_led_to_the_login_page(people: People, site: Site, asks: str) -> None:
    page = open_board(people, site)
    if asks == "compare":
        page.context.clear_cookies()
        press(page, "c")
    elif asks == "undo":
        press(page, *"1234", "Enter")
        expect(page.get_by_text("Saved. 6 pairs.")).to_be_visible()
        page.context.clear_cookies()
        press(page, "z")
    else:

        def log_out(route: Route) -> None:
            answer = route.fetch()
            page.context.clear_cookies()
            route.fulfill(response=answer)

        page.evaluate("document.querySelector('rank-ahead').board = null")
        page.route(
            f"**/p/{site.project.slug}/rank/",
            lambda route: log_out(route) if route.request.method == "POST" else route.continue_(),
        )
        press(page, *"1234", "Enter")
    page.wait_for_url("**/accounts/login/?next=**", timeout=30_000)


def test_a_task_that_was_skipped_elsewhere_is_told_and_the_next_one_comes(board: Page, site: Site) -> None:
    first = task(board)
    Assignment.objects.filter(pk=first).update(state=State.SKIPPED)
    press(board, *"1234", "Enter")
    expect(board.get_by_role("alert")).to_contain_text("You skipped this task")
    expect(board.locator("rank-board")).to_be_visible()
    assert new_rankings(site) == []


# --- Undo ------------------------------------------------------------------------------------------------------------


def test_z_takes_the_last_ranking_back_with_all_that_was_chosen(board: Page, site: Site) -> None:
    first = task(board)
    board.locator("#completion-B").get_by_label("Hateful").check()
    board.locator("#completion-B").get_by_label("What is wrong").fill("It insults.")
    board.locator("#completion-A .completion__hint").click()
    press(board, *"2134", "Enter")
    expect(board.get_by_text("Saved. 6 pairs.")).to_be_visible()
    begun = task(board)
    press(board, "3", "z")
    expect(board.locator("rank-board")).to_have_attribute("data-task", first)
    assert placed(board) == {"A": 2, "B": 1, "C": 3, "D": 4}
    expect(board.locator("#completion-B").get_by_label("What is wrong")).to_have_value("It insults.")
    assert new_rankings(site) == []
    assert not PreferencePair.objects.filter(ranking__assignment_id=first).exists()
    press(board, "ArrowUp", "Enter")
    expect(board.locator("rank-board")).to_have_attribute("data-task", begun)
    assert placed(board) == {"A": 3}  # what was begun meanwhile is still there
    expect(board.get_by_text("Saved. 6 pairs.")).to_be_visible()
    [ranking] = new_rankings(site)
    assert (str(ranking.assignment_id), ranking.revision) == (first, 2)


@pytest.mark.parametrize("comes", ["back by undo", "from the server"])
def test_what_was_chosen_is_there_before_the_server_has_it(board: Page, site: Site, comes: str) -> None:
    """The task comes onto the board again while its draft is still on its way, whichever is first."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    first = task(board)
    if comes == "back by undo":
        press(board, *"1234", "Enter")
        expect(board.get_by_text("Saved. 6 pairs.")).to_be_visible()
        ready(board)
    begun = task(board)
    board.route("**/draft/", hold)
    press(board, "3")
    if comes == "back by undo":
        asked: list[str] = []
        board.on("request", lambda request: asked.append(request.url))
        press(board, "z")
        expect(board.locator("rank-board")).not_to_have_attribute("data-task", begun)
        press(board, "ArrowUp", "Enter")
        expect(board.locator("rank-board")).to_have_attribute("data-task", begun)
        assert not [url for url in asked if url.endswith(f"/{first}/ahead/")]  # it would come without the draft
    else:
        board.evaluate("document.querySelector('rank-desk').load()")
    assert placed(board) == {"A": 3}
    for route in held:
        route.continue_()
    board.unroute("**/draft/")
    press(board, "1")
    kept(board)
    expect(board.locator(".rail__status")).not_to_contain_text("another window")
    board.reload()
    ready(board)
    assert placed(board) == {"A": 3, "B": 1}


def test_undo_takes_an_answer_back_that_was_not_sent_yet(board: Page, site: Site) -> None:
    first = task(board)
    board.context.set_offline(True)
    press(board, *"1234", "Enter")
    expect(board.locator("rank-board")).not_to_have_attribute("data-task", first)
    expect(board.locator("save-state")).to_contain_text("Not saved.")
    press(board, "z")
    expect(board.locator("rank-board")).to_have_attribute("data-task", first)
    board.context.set_offline(False)
    assert placed(board) == {"A": 1, "B": 2, "C": 3, "D": 4}
    press(board, "Enter")
    expect(board.get_by_text("Saved. 6 pairs.")).to_be_visible(timeout=15_000)
    assert len(new_rankings(site)) == 1


def test_z_takes_a_skip_back_and_the_draft_is_still_there(board: Page, site: Site) -> None:
    first = task(board)
    press(board, "2")
    kept(board)
    press(board, "s", "ArrowDown", "Enter")
    expect(board.get_by_text("Skipped. ")).to_be_visible()
    begun = task(board)
    press(board, "z")
    expect(board.locator("rank-board")).to_have_attribute("data-task", first)
    assert placed(board) == {"A": 2}
    assert Assignment.objects.get(pk=first).state == State.CLAIMED
    press(board, "1", "3", "4", "Enter")
    expect(board.locator("rank-board")).to_have_attribute("data-task", begun)
    expect(board.get_by_text("Saved. 6 pairs.")).to_be_visible()


def test_what_was_skipped_is_taken_up_again_from_the_history(board: Page, site: Site) -> None:
    first = task(board)
    press(board, "s", "ArrowDown", "Enter")
    expect(board.get_by_text("Skipped. ")).to_be_visible()
    board.goto(f"/p/{site.project.slug}/history/")
    board.get_by_role("navigation", name="Show").get_by_role("link", name="Skipped").click()
    board.get_by_role("button", name="Take it up again").first.click()
    expect(board.locator("rank-board")).to_have_attribute("data-task", first)


def test_undo_works_without_javascript(people: People, site: Site) -> None:
    page = people.page(site.labeler, java_script_enabled=False)
    page.goto(f"/p/{site.project.slug}/rank/")
    first = task(page)
    for letter, rank in {"A": 2, "B": 1, "C": 2, "D": 4}.items():
        page.locator(f"#completion-{letter} .place").nth(rank - 1).click()
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back. Change what you like and submit again.")).to_be_visible()
    assert task(page) == first
    expect(page.locator(".place input:checked")).to_have_count(4)
    assert new_rankings(site) == []


# --- Drafts and windows ----------------------------------------------------------------------------------------------


def test_a_draft_is_there_after_the_browser_was_killed(people: People, site: Site) -> None:
    page = open_board(people, site)
    first = task(page)
    page.locator("#completion-C").get_by_label("Factual error").check()
    page.locator("#comment summary").click()
    page.get_by_label("Comment").fill("half way")
    page.locator("#completion-A .completion__hint").click()
    press(page, "2", "1")
    expect(page.locator(".save-state__words")).to_have_text("Saved")
    page.wait_for_function(
        "() => !document.querySelector('rank-draft').dirty && !document.querySelector('rank-draft').busy"
    )
    with contextlib.suppress(Error):
        page.goto("chrome://crash")  # it says no good-bye
    other = open_board(people, site, locale="en-GB")  # a browser of its own
    assert task(other) == first
    assert placed(other) == {"A": 2, "B": 1}
    expect(other.locator("#completion-C").get_by_label("Factual error")).to_be_checked()
    expect(other.get_by_label("Comment")).to_have_value("half way")
    expect(other.locator(".completion[data-current]")).to_have_attribute("data-letter", "C")


def test_two_windows_on_one_task_agree_and_move_on_together(people: People, site: Site) -> None:
    one = open_board(people, site)
    two = open_board(people, site)
    assert task(one) == task(two)
    press(one, "2", "1")
    expect(two.locator(".rail__status")).to_contain_text("Changed in another window")
    assert placed(two) == {"A": 2, "B": 1}
    press(two, "3", "4")
    expect(one.locator(".rail__status")).to_contain_text("All placed.")
    press(one, "Enter")
    expect(one.get_by_text("Saved. 6 pairs.")).to_be_visible()
    ready(two)
    expect(two.locator("rank-board")).to_have_attribute("data-task", task(one))
    assert len(new_rankings(site)) == 1


def test_a_window_in_another_browser_learns_of_a_change_when_someone_comes_back_to_it(
    people: People, site: Site
) -> None:
    one = open_board(people, site)
    two = open_board(people, site, locale="en-GB")
    press(one, "2", "1")
    expect(one.locator(".save-state__words")).to_have_text("Saved")
    two.evaluate("dispatchEvent(new Event('focus'))")
    expect(two.locator(".slot--pool .chip")).to_have_count(2)
    assert placed(two) == {"A": 2, "B": 1}


def test_a_stale_window_takes_over_what_the_other_said_instead_of_writing_over_it(people: People, site: Site) -> None:
    one = open_board(people, site)
    two = open_board(people, site, locale="en-GB")
    press(one, "2", "1")
    expect(one.locator(".save-state__words")).to_have_text("Saved")
    press(two, "4")
    expect(two.locator(".rail__status")).to_contain_text("Changed in another window")
    assert placed(two) == {"A": 2, "B": 1}


@pytest.mark.parametrize("arrives", [False, True])
def test_what_was_chosen_in_the_moment_before_a_reload_is_there(board: Page, site: Site, arrives: bool) -> None:
    """The draft that is sent as the page goes arrives after the next page was asked for, or never."""
    held: list[Route] = []
    board.on("dialog", lambda dialog: dialog.accept())

    def hold(route: Route) -> None:
        held.append(route)

    board.route("**/draft/", hold)
    press(board, "2", "1")
    board.reload()
    ready(board)
    assert placed(board) == {"A": 2, "B": 1}
    expect(board.locator(".rail__status")).to_contain_text("What you chose is kept.")
    board.unroute("**/draft/")
    for route in held:
        with contextlib.suppress(Error):  # that page is gone
            route.continue_() if arrives else route.abort()
    press(board, "3")
    kept(board)
    expect(board.locator(".rail__status")).not_to_contain_text("another window")
    board.reload()
    ready(board)
    assert placed(board) == {"A": 2, "B": 1, "C": 3}


def test_all_works_where_the_browser_keeps_nothing(people: People, site: Site) -> None:
    page = people.page(site.labeler)
    page.add_init_script(
        "for (const area of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, area, { get() { throw new DOMException('closed', 'SecurityError'); } });"
    )
    page.goto(f"/p/{site.project.slug}/rank/")
    ready(page)
    press(page, "t", *"1234")
    expect(page.locator("rank-board")).to_have_attribute("data-plain", "on")
    press(page, "Enter")
    expect(page.get_by_text("Saved. 6 pairs.")).to_be_visible()
    assert people.complaints == []
