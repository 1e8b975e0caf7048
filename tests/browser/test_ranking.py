"""Ranking in Chromium: by keys, by mouse, by clicks, and with JavaScript switched off."""

from __future__ import annotations

from itertools import pairwise

import pytest
from playwright.sync_api import CDPSession, Locator, Page, expect

from labeling.models import Assignment, PreferencePair, Ranking
from tests import factories
from tests.browser.site.sites import People, Site

pytestmark = pytest.mark.browser


@pytest.fixture
def board(people: People, site: Site) -> Page:
    page = people.page(site.labeler)
    page.goto(f"/p/{site.project.slug}/rank/")
    expect(page.locator("[data-current].completion")).to_be_visible()
    return page


def tiers_of_last_ranking(site: Site) -> list[str]:
    """The letters of each rank, in the shown order: ["A", "BC", "D"]."""
    ranked = Ranking.objects.filter(labeler=site.labeler).latest("id").ranked.order_by("rank", "shown_position")
    tiers: dict[int, str] = {}
    for place in ranked:
        assert place.shown_position is not None
        tiers[place.rank] = tiers.get(place.rank, "") + "ABCD"[place.shown_position]
    assert all(after - before == 1 for before, after in pairwise(sorted(tiers)))
    return list(tiers.values())


def chip(page: Page, letter: str) -> Locator:
    return page.locator(f'.chip[data-letter="{letter}"]')


def slot(page: Page, number: int) -> Locator:
    return page.locator(f'.slot[data-slot="{number}"]')


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def submit(page: Page) -> None:
    page.get_by_role("button", name="Submit").click()


def saved(page: Page) -> None:
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()


def test_five_keystrokes_rank_four_completions(board: Page, site: Site) -> None:
    press(board, "2", "1", "4", "3", "Enter")
    expect(board.get_by_text("Saved. 6 pairs.")).to_be_visible()
    assert tiers_of_last_ranking(site) == ["B", "A", "D", "C"]


def test_the_same_digit_twice_is_a_tie_and_gaps_close(board: Page, site: Site) -> None:
    press(board, "1", "3", "3", "4", "Enter")
    expect(board.get_by_text("Saved. 5 pairs, 1 tied.")).to_be_visible()
    assert tiers_of_last_ranking(site) == ["A", "BC", "D"]


def test_enter_before_all_are_placed_says_which_are_missing(board: Page, site: Site) -> None:
    press(board, "1", "2", "Enter")
    expect(board.locator(".rail__status")).to_have_text("Not placed yet: C, D. 2 to go.")
    assert Ranking.objects.filter(labeler=site.labeler).count() == 4  # those of the site, and no other


def test_arrows_choose_a_card_and_move_it_and_backspace_takes_it_back(board: Page, site: Site) -> None:
    press(board, "1", "1", "1", "1")
    press(board, "ArrowUp", "ArrowRight", "j", "ArrowRight", "ArrowRight", "k", "k", "k")
    expect(board.locator("[data-current].completion")).to_have_attribute("data-letter", "A")
    press(board, "Backspace")
    expect(board.locator(".rail__status")).to_contain_text("A is unranked again. 1 to go.")
    press(board, "4", "Enter")
    saved(board)
    assert tiers_of_last_ranking(site) == ["B", "C", "D", "A"]


def test_a_placement_is_announced(board: Page) -> None:
    press(board, "2", "2")
    expect(board.locator(".rail__status[aria-live=polite]")).to_have_text("B is in slot 2, tied with A. 2 to go.")


def test_a_click_on_a_slot_places_the_chosen_card(board: Page, site: Site) -> None:
    board.locator("#completion-C .prose").click()
    for number, letter in enumerate("CDAB", start=1):
        slot(board, number).click()
        expect(slot(board, number).locator(".chip")).to_have_text(letter)
    submit(board)
    saved(board)
    assert tiers_of_last_ranking(site) == ["C", "D", "A", "B"]


def test_a_chip_on_its_way_catches_no_click(board: Page) -> None:
    """From the pool at the bottom to slot 1 it flies over the other slots, and a quick hand clicks them meanwhile."""
    board.locator("#completion-C .prose").click()
    caught = board.evaluate("""() => {
        const middle = (element) => {
            const { left, top, width, height } = element.getBoundingClientRect();
            return [left + width / 2, top + height / 2];
        };
        document.querySelector('.slot[data-slot="1"]').click();
        const [flight] = document.querySelector('.chip[data-letter="C"]').getAnimations();
        flight.pause();
        return Array.from({ length: 12 }, (_, step) => {
            flight.currentTime = step * 10;
            const hit = document.elementFromPoint(...middle(document.querySelector('.chip[data-letter="C"]')));
            return hit.closest(".chip")?.dataset.letter ?? "a slot";
        });
    }""")
    assert len(caught) == 12
    assert "C" not in caught
    assert "a slot" in caught


def test_chips_are_dragged_into_slots_and_out_of_them(board: Page, site: Site) -> None:
    for letter, number in {"A": 4, "B": 2, "C": 2, "D": 1}.items():
        drag(board, chip(board, letter), slot(board, number))
        expect(slot(board, number)).to_contain_text(letter)
    drag(board, chip(board, "C"), board.locator(".slot--pool"))
    expect(board.locator(".rail__status")).to_contain_text("C is unranked again.")
    drag(board, chip(board, "C"), slot(board, 3))
    submit(board)
    saved(board)
    assert tiers_of_last_ranking(site) == ["D", "B", "C", "A"]


def drag(page: Page, source: Locator, target: Locator) -> None:
    source.evaluate("chip => Promise.all(chip.getAnimations().map((animation) => animation.finished))")
    start, end = source.bounding_box(), target.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2 - 10)
    expect(page.locator(".sortable-fallback")).to_be_visible()  # it has been taken up
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=5)
    page.mouse.up()


def test_a_click_on_the_pool_takes_the_chosen_card_back(board: Page) -> None:
    press(board, "1", "2")
    chip(board, "A").click()
    board.get_by_role("button", name="Unranked").click()
    expect(board.locator(".slot--pool .chip")).to_have_count(3)
    expect(board.locator(".rail__status")).to_contain_text("A is unranked again.")


def test_texts_never_move_while_they_are_ranked(board: Page) -> None:
    before = [card.bounding_box() for card in board.locator(".completion").all()]
    for letter, number in {"A": 3, "B": 1}.items():
        chip(board, letter).click()
        slot(board, number).click()
    board.evaluate("scrollTo(0, 0)")
    assert [card.bounding_box() for card in board.locator(".completion").all()] == before


def test_keys_only_write_in_a_text_field(board: Page) -> None:
    board.locator("#comment summary").click()
    board.get_by_label("Comment").fill("")
    board.get_by_label("Comment").press_sequentially("1 s g ? 2")
    board.keyboard.press("Enter")
    expect(board.locator(".slot--pool .chip")).to_have_count(4)
    expect(board.locator("dialog[open]")).to_have_count(0)
    expect(board.get_by_label("Comment")).to_have_value("1 s g ? 2\n")


def test_the_keys_and_the_guidelines_are_one_key_away(board: Page) -> None:
    press(board, "?")
    expect(board.get_by_role("dialog", name="Keys")).to_be_visible()
    press(board, "1", "Escape", "g")
    expect(board.get_by_role("dialog", name="Guidelines")).to_contain_text("Read the whole prompt")
    press(board, "g")
    expect(board.locator("dialog[open]")).to_have_count(0)
    expect(board.locator(".slot--pool .chip")).to_have_count(4)


def test_a_skip_is_two_keys_and_enter(board: Page, site: Site) -> None:
    press(board, "s", "ArrowDown", "Enter")
    expect(board.get_by_text("Skipped. ")).to_be_visible()
    skipped = Assignment.objects.get(labeler=site.labeler, state=Assignment.State.SKIPPED)
    assert skipped.skip_reason == "I can't read the language"


def test_escape_leads_back_from_a_reason_to_the_completions(board: Page, site: Site) -> None:
    press(board, "s", "Escape")
    expect(board.locator("#skip")).not_to_have_attribute("open", "")
    board.locator("#comment summary").click()
    board.get_by_label("Comment").fill("first impressions")
    press(board, "Escape", "1", "2", "3", "4", "Enter")
    saved(board)
    assert tiers_of_last_ranking(site) == ["A", "B", "C", "D"]


def test_flags_comment_and_time_go_along(board: Page, site: Site) -> None:
    board.locator("#completion-B").get_by_label("Hateful").check()
    board.locator("#comment summary").click()
    board.get_by_label("Comment").fill("B is odd.")
    board.locator("#completion-A .completion__hint").click()
    press(board, "1", "2", "3", "4", "Enter")
    saved(board)
    ranking = Ranking.objects.filter(labeler=site.labeler).latest("id")
    assert ranking.comment == "B is odd."
    assert ranking.active_seconds is not None
    assert 0 < ranking.active_seconds < 60
    flagged = {place.shown_position: place.flags["hateful"] for place in ranking.ranked.all()}
    assert flagged == {0: False, 1: True, 2: False, 3: False}


def test_everything_works_without_javascript(people: People, site: Site) -> None:
    page = people.page(site.labeler, java_script_enabled=False)
    page.goto(f"/p/{site.project.slug}/rank/")
    expect(page.locator(".rail__slots")).to_be_hidden()
    for letter, rank in {"A": 2, "B": 1, "C": 2, "D": 4}.items():
        page.locator(f"#completion-{letter} .place").nth(rank - 1).click()
    page.locator("#completion-D").get_by_label("Factual error").check()
    submit(page)
    saved(page)
    assert tiers_of_last_ranking(site) == ["B", "AC", "D"]
    page.get_by_role("navigation").get_by_role("link", name="Guidelines").first.click()
    expect(page).to_have_url(f"{site.url}/p/{site.project.slug}/guidelines/")


def test_a_reload_shows_the_same_prompt_in_the_same_order(board: Page) -> None:
    before = board.locator(".board").inner_text()
    board.reload()
    expect(board.locator("[data-current].completion")).to_be_visible()
    assert board.locator(".board").inner_text() == before


def test_on_a_phone_the_strip_at_the_bottom_ranks_by_taps(people: People, site: Site) -> None:
    page = people.page(site.labeler, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.goto(f"/p/{site.project.slug}/rank/")
    for number in (3, 1, 2, 4):
        slot(page, number).locator(".slot__number").tap()
    page.get_by_role("button", name="Submit").tap()
    saved(page)
    assert tiers_of_last_ranking(site) == ["B", "C", "A", "D"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_ten_completions_are_ranked_with_the_digits_and_zero(people: People, site: Site) -> None:
    factories.make_prompt(site.empty, k=10)
    page = people.page(site.manager)
    page.goto(f"/p/{site.empty.slug}/rank/")
    press(page, *"1234567890", "Enter")
    # It was the last one, so the page goes on at once: what stays is what counts.
    expect(page.get_by_role("heading", name="You have done them all")).to_be_visible()
    expect(page.get_by_text("Your last ranking is saved.")).to_be_visible()
    assert PreferencePair.objects.filter(prompt__project=site.empty).count() == 45


def test_nine_completions_are_ranked_with_ten_keystrokes(people: People, site: Site) -> None:
    factories.make_prompt(site.empty, k=9)
    page = people.page(site.manager)
    page.goto(f"/p/{site.empty.slug}/rank/")
    press(page, *"912345678", "Enter")
    expect(page.get_by_role("heading", name="You have done them all")).to_be_visible()
    ranking = Ranking.objects.get(labeler=site.manager)
    assert [place.rank for place in ranking.ranked.order_by("shown_position")] == [9, 1, 2, 3, 4, 5, 6, 7, 8]


def test_escape_lets_a_dragged_chip_go(board: Page) -> None:
    start, end = chip(board, "A").bounding_box(), slot(board, 2).bounding_box()
    assert start is not None
    assert end is not None
    board.mouse.move(start["x"] + 10, start["y"] + 10)
    board.mouse.down()
    board.mouse.move(start["x"] + 10, start["y"])
    expect(board.locator(".sortable-fallback")).to_be_visible()
    board.mouse.move(end["x"] + 60, end["y"] + 10, steps=3)
    board.keyboard.press("Escape")
    board.mouse.up()
    expect(board.locator(".sortable-fallback")).to_have_count(0)
    expect(board.locator(".slot--pool .chip")).to_have_count(4)
    expect(slot(board, 2)).not_to_contain_text("A")


def test_chips_are_dragged_with_a_finger(people: People, site: Site) -> None:
    page = people.page(site.labeler, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.goto(f"/p/{site.project.slug}/rank/")
    expect(page.locator("[data-current].completion")).to_be_visible()
    finger = page.context.new_cdp_session(page)
    for letter, number in {"A": 2, "B": 1, "C": 4, "D": 3}.items():
        start, end = chip(page, letter).bounding_box(), slot(page, number).bounding_box()
        assert start is not None
        assert end is not None
        points = [(start["x"] + 15, start["y"] + 15), (start["x"] + 15, start["y"] - 5), (end["x"] + 40, end["y"] + 30)]
        touch(finger, "touchStart", points[0])
        touch(finger, "touchMove", points[1])
        expect(page.locator(".sortable-fallback")).to_be_visible()
        touch(finger, "touchMove", points[2])
        touch(finger, "touchEnd")
        expect(slot(page, number)).to_contain_text(letter)
    page.get_by_role("button", name="Submit").tap()
    saved(page)
    assert tiers_of_last_ranking(site) == ["B", "A", "D", "C"]


def touch(finger: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})


def test_on_a_phone_a_swipe_chooses_the_next_card(people: People, site: Site) -> None:
    page = people.page(site.labeler, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.goto(f"/p/{site.project.slug}/rank/")
    expect(page.locator("#completion-A[data-current]")).to_be_visible()
    page.context.new_cdp_session(page).send(
        "Input.synthesizeScrollGesture", {"x": 180, "y": 350, "xDistance": -300, "yDistance": 0, "speed": 3000}
    )
    expect(page.locator("#completion-B[data-current]")).to_be_in_viewport(ratio=0.5)


def test_long_completions_are_folded_at_one_height_and_opened_by_a_key(people: People, site: Site) -> None:
    words = " ".join(f"word{number}" for number in range(2_000))
    factories.make_prompt(site.empty, texts=[f"{letter} {words}" for letter in "abcdefghij"])
    page = people.page(site.manager)
    page.goto(f"/p/{site.empty.slug}/rank/")
    more = page.locator("#completion-A .completion__more")
    expect(more).to_have_attribute("aria-expanded", "false")
    heights = [box["height"] for card in page.locator(".completion__text").all() if (box := card.bounding_box())]
    assert len(set(heights)) == 1
    press(page, "o")
    expect(more).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#completion-B .completion__more")).to_have_attribute("aria-expanded", "false")
    press(page, "o", *"1234567890")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="You have done them all")).to_be_visible()
    assert Ranking.objects.get(labeler=site.manager).ranked.count() == 10


def test_the_texts_are_read_in_the_persons_own_order_and_back(board: Page) -> None:
    press(board, "4", "3", "2", "1", "r")
    assert letters_in_view(board) == "DCBA"
    expect(board.get_by_role("button", name="In my order")).to_have_attribute("aria-pressed", "true")
    press(board, "r")
    assert letters_in_view(board) == "ABCD"


def letters_in_view(page: Page) -> str:
    return "".join(str(card.get_attribute("data-letter")) for card in page.locator(".completion").all())


def test_the_plain_text_is_one_key_away_and_stays_for_the_next_prompt(board: Page, site: Site) -> None:
    expect(board.locator("#completion-A .source")).to_be_hidden()
    press(board, "t")
    expect(board.locator("#completion-A .source")).to_be_visible()
    expect(board.locator("#completion-A .prose")).to_be_hidden()
    press(board, *"1234", "Enter")
    saved(board)
    expect(board.locator("#completion-A .source")).to_be_visible()
    board.get_by_role("button", name="Plain text").click()
    expect(board.locator("#completion-A .prose")).to_be_visible()


def test_two_completions_are_compared_word_by_word(board: Page) -> None:
    press(board, "j", "c")
    dialog = board.get_by_role("dialog", name="Compare")
    expect(dialog.get_by_label("First")).to_have_value("B")
    expect(dialog.get_by_label("Second")).to_have_value("C")
    expect(dialog.locator("mark").first).to_be_visible()
    dialog.get_by_label("Second").select_option("D")
    expect(dialog.get_by_role("heading", name="D")).to_be_visible()
    press(board, "Escape")
    expect(dialog).to_be_hidden()
    press(board, "1")
    expect(slot(board, 1)).to_contain_text("B")


def test_for_two_completions_it_asks_how_much_better_where_the_project_wants_it(people: People, site: Site) -> None:
    site.empty.ask_strength = True
    site.empty.save()
    factories.make_prompt(site.empty, k=2)
    page = people.page(site.manager)
    page.goto(f"/p/{site.empty.slug}/rank/")
    assert page.locator(".slot, .chip, .place").count() == 0
    press(page, "Enter")
    expect(page.locator("rank-status")).to_contain_text("Not placed yet: A, B.")
    press(page, "2", "Enter")  # one key for order and strength: A clearly
    expect(page.get_by_role("heading", name="You have done them all")).to_be_visible()
    ranking = Ranking.objects.get(labeler=site.manager)
    assert ranking.strength == 2
    assert [pair.margin for pair in ranking.pairs.all()] == [2]


def test_single_letter_keys_can_be_switched_off(people: People, site: Site) -> None:
    site.labeler.single_keys = False
    site.labeler.save()
    page = people.page(site.labeler)
    page.goto(f"/p/{site.project.slug}/rank/")
    press(page, "1", "s", "g", "?")
    expect(page.locator(".slot--pool .chip")).to_have_count(4)
    expect(page.locator("dialog[open]")).to_have_count(0)
    press(page, "ArrowDown")
    expect(page.locator("#completion-B[data-current]")).to_be_visible()
