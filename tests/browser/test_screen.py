"""The board on screens of every width: the first card is near, names fit, texts stand side by side, in any colours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from labeling.models import Prompt, User
from tests import factories
from tests.browser.site.looking import BEYOND, overflow
from tests.browser.site.sites import People, Site

pytestmark = pytest.mark.browser

WIDTHS = (320, 390, 705, 768, 1024, 1093, 1152, 1366, 1920)
NAME = "A name of ninety letters that somebody gave to a project because nobody had told them not to"
LONG = "Read all of this before you answer. " * 700


def make_long(site: Site, k: int = 2) -> Prompt:
    site.empty.name = NAME
    site.empty.save()
    prompt = factories.make_prompt(site.empty, texts=[f"Text {number}.\n\n{'Words. ' * 60}" for number in range(k)])
    prompt.messages = [
        {"role": "system", "content": "Answer as a pirate would."},
        {"role": "user", "content": "Before?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": LONG},
    ]
    prompt.save()
    return prompt


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("PODIUM_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("language", ["en", "de"])
def test_beside_a_long_name_all_of_a_project_s_pages_are_named(people: People, site: Site, language: str) -> None:
    make_long(site)
    User.objects.filter(pk=site.manager.pk).update(language=language)
    page = people.page(site.manager)
    page.goto("/p/empty/prompts/")
    for width in (1152, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 600})
        expect(page.locator("nav-strip")).to_have_attribute("data-more", "")
        expect(page.locator(".site-nav a").last).to_be_in_viewport(ratio=0.98)


def test_the_first_card_is_on_the_first_screens_whatever_the_width(people: People, site: Site) -> None:
    make_long(site)
    page = people.page(site.manager)
    page.goto("/p/empty/rank/")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 768})
        top = page.locator("#completion-A").evaluate("card => card.getBoundingClientRect().top + scrollY")
        picture(page, f"board-{width}")
        assert top < 768, width
        assert page.evaluate(BEYOND) == [], width
        if width > 704:
            expect(page.locator(".turn[data-role=system] .prose")).to_be_in_viewport()
        name, menu = (page.locator(part).bounding_box() for part in (".project-name", ".user-menu"))
        assert name is not None
        assert menu is not None
        assert name["x"] + name["width"] <= menu["x"] + 1 or name["y"] >= menu["y"] + menu["height"], width
        for tab in page.locator(".site-nav").all():
            box = tab.bounding_box()
            assert box is not None
            assert box["x"] >= name["x"] + name["width"] or box["y"] >= name["y"] + name["height"] - 1, width


@pytest.mark.parametrize(("k", "width"), [(2, 1200), (3, 1800), (4, 1800)])
def test_texts_stand_side_by_side_where_there_is_room(people: People, site: Site, k: int, width: int) -> None:
    make_long(site, k)
    page = people.page(site.manager)
    page.goto("/p/empty/rank/")
    for wide, columns in ((width, k), (width - 1, 1)):
        page.set_viewport_size({"width": wide, "height": 900})
        cards = [box for card in page.locator(".completion").all() if (box := card.bounding_box())]
        assert len({box["x"] for box in cards}) == columns
        assert len({box["width"] for box in cards}) == 1
        assert min(box["width"] for box in cards) > 300
    rail = page.locator(".rail__end")
    assert rail.all_inner_texts() == ["best", "worst"]
    picture(page, f"beside-{k}")


def test_in_forced_colours_what_is_placed_looks_placed(people: People, site: Site) -> None:
    page = people.page(site.labeler, forced_colors="active")
    page.goto(f"/p/{site.project.slug}/rank/")
    page.keyboard.press("1")
    look = "element => getComputedStyle(element).backgroundColor"
    placed, waiting = (page.locator(f'.chip[data-letter="{letter}"]').evaluate(look) for letter in "AB")
    assert placed != waiting
    checked = page.locator("#completion-A .place input:checked + span").evaluate(look)
    assert checked != page.locator("#completion-A .place input:not(:checked) + span").first.evaluate(look)
    for width in (390, 768, 1366):
        page.set_viewport_size({"width": width, "height": 768})
        picture(page, f"forced-{width}")


def test_in_forced_colours_no_words_stand_on_others(people: People, site: Site) -> None:
    make_long(site)
    page = people.page(site.manager, forced_colors="active")
    page.goto("/p/empty/rank/")
    unfold = page.get_by_role("button", name="Show the whole prompt")
    for width in (390, 768, 1093, 1366):
        page.set_viewport_size({"width": width, "height": 768})
        ground = unfold.evaluate("element => getComputedStyle(element).backgroundColor")
        assert ground.startswith("rgb("), width  # nothing shines through


def test_undo_says_what_it_did_and_counts_down(people: People, site: Site) -> None:
    make_long(site)
    make_long(site)
    page = people.page(site.manager)
    page.goto("/p/empty/rank/")
    first = page.locator("rank-board").get_attribute("data-task")
    expect(page.locator(".first-time")).to_be_visible()
    for key in ("1", "2", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".first-time")).to_have_count(0)
    expect(page.locator(".bar__count")).to_contain_text("1 today")
    expect(page.locator(f'rank-board:not([data-task="{first}"])')).to_be_visible()
    page.keyboard.press("z")
    expect(page.locator(".rail__status")).to_contain_text("Taken back.")
    expect(page.locator(".bar__count")).to_contain_text("0 today")


def test_texts_that_look_alike_are_named_and_shown_plain(people: People, site: Site) -> None:
    texts = ["Call `f` *now*.", "Call `f` _now_.", "Call\u200b `f` *now*.", "Something else."]
    prompt = factories.make_prompt(site.empty, texts=texts)
    page = people.page(site.manager)
    page.goto("/p/empty/rank/")
    expect(page.locator(".alike")).to_have_count(3)
    expect(page.locator(".completion .source:visible")).to_have_count(3)
    expect(page.locator(".unseen:visible")).to_have_attribute("data-name", "U+200B")
    page.keyboard.press("t")
    page.keyboard.press("t")
    expect(page.locator(".completion .source:visible")).to_have_count(3)
    picture(page, "alike")
    for key in ("1", "2", "3", "4", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="You have done them all")).to_be_visible()
    for path in ("/p/empty/history/", f"/p/empty/prompts/{prompt.pk}/"):
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true })")
        expect(page.locator(".alike:visible")).to_have_count(3)


@pytest.mark.parametrize("told", ["Answer as a pirate would.", "Answer as a pirate would. " * 40])
def test_on_a_small_screen_the_question_is_seen_below_what_the_assistant_was_told(
    people: People, site: Site, told: str
) -> None:
    prompt = make_long(site)
    prompt.messages = [{"role": "system", "content": told}, {"role": "user", "content": "Why is the sky blue?"}]
    prompt.save()
    page = people.page(site.manager)
    for width in (390, 768, 1093, 1440):
        page.set_viewport_size({"width": width, "height": 700})
        page.goto("/p/empty/rank/")
        question = page.locator(".turn[data-role=user] .prose").bounding_box()
        box = page.locator(".board__prompt").bounding_box()
        assert question is not None
        assert box is not None
        assert box["y"] <= question["y"], width
        assert question["y"] + question["height"] <= box["y"] + box["height"], width
        card = page.locator("#completion-A").bounding_box()
        assert card is not None
        assert card["y"] - box["y"] - box["height"] < 40, width  # no gap that nothing fills
        unfold = page.get_by_role("button", name="Show the whole prompt")
        assert unfold.count() == (len(told) > 100), width
        if unfold.count():
            unfold.click()
            instructions = page.locator(".turn[data-role=system] .prose")
            assert instructions.evaluate("text => text.scrollHeight <= text.clientHeight + 1"), width
            if width > 704:  # on a phone the prompt scrolls to the top first, past what is above it
                expect(page.get_by_role("button", name="Show less")).to_be_in_viewport()


@pytest.mark.parametrize(("k", "width"), [(2, 1366), (2, 1920), (4, 1920), (5, 1366)])
def test_the_prompt_stays_in_sight_as_the_texts_scroll(people: People, site: Site, k: int, width: int) -> None:
    make_long(site)
    prompt = factories.make_prompt(site.empty, texts=[f"{number}. {'Many words. ' * 900}" for number in range(k)])
    Prompt.objects.exclude(pk=prompt.pk).filter(project=site.empty).delete()
    page = people.page(site.manager, viewport={"width": width, "height": 768})
    page.goto("/p/empty/rank/")
    for letter in "ABCDE"[:k]:
        page.keyboard.press("o")
        page.keyboard.press("j")
        expect(page.locator(f"#completion-{letter}")).not_to_have_attribute("data-folded", "")
    page.mouse.wheel(0, 900)
    page.wait_for_function("() => scrollY > 300")
    expect(page.locator(".turn .prose")).to_be_in_viewport(ratio=0.98)
    picture(page, f"scrolled-{k}-{width}")
    assert page.locator(".turn .prose").evaluate("""element => {
        const { x, y, height } = element.getBoundingClientRect();
        return element.contains(document.elementFromPoint(x + 5, y + height / 2));
    }""")


def test_how_much_better_leaves_room_for_the_text_on_a_phone(people: People, site: Site) -> None:
    site.empty.ask_strength = True
    site.empty.save()
    make_long(site)
    page = people.page(site.manager, viewport={"width": 390, "height": 780})
    page.goto("/p/empty/rank/")
    picture(page, "strength-390")
    assert (
        len({box["y"] for choice in page.locator(".scale--order .step").all() if (box := choice.bounding_box())}) == 1
    )
    rail = page.locator(".rail__board").bounding_box()
    assert rail is not None
    assert rail["height"] < 780 * 0.36


def test_ten_texts_of_twenty_flags_and_german_words_fit_on_every_screen(people: People, site: Site) -> None:
    User.objects.filter(pk=site.manager.pk).update(language="de")
    site.empty.flags = [{"name": f"f{n}", "label": f"Sachlich falsch im Absatz {n}"} for n in range(20)]
    site.empty.name = NAME
    site.empty.save()
    factories.make_prompt(site.empty, k=10)
    page = people.page(site.manager)
    page.goto("/p/empty/rank/")
    page.keyboard.press("1")
    overprints = """() => {
        const boxes = [...document.querySelectorAll(".completion[data-current] :is(.choice, .place)")]
            .map((element) => element.getBoundingClientRect()).filter((box) => box.width);
        return boxes.filter((one, place) => boxes.slice(place + 1).some((two) => one.left < two.right - 1
            && two.left < one.right - 1 && one.top < two.bottom - 1 && two.top < one.bottom - 1)).length;
    }"""
    for width in (360, 768, 1024, 1366, 1920):
        page.set_viewport_size({"width": width, "height": 768})
        picture(page, f"german-{width}")
        assert overflow(page) == {}, width
        assert page.evaluate(overprints) == 0, width
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1000})
    assert page.evaluate(BEYOND) == []


@pytest.mark.parametrize(("width", "height"), [(390, 780), (1093, 614), (1024, 768), (1920, 800)])
def test_of_nine_texts_what_was_done_and_the_button_stay_in_sight(
    people: People, site: Site, width: int, height: int
) -> None:
    for _ in range(2):
        factories.make_prompt(site.empty, k=9)
    page = people.page(site.manager, viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.goto("/p/empty/rank/")
    for key in (*"123456789", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".rail__status")).to_contain_text("The next prompt is here.")
    seen = """element => {
        const { left, top, bottom } = element.getBoundingClientRect();
        return element.contains(document.elementFromPoint(left + 12, (top + bottom) / 2));
    }"""
    for key, letter in {"9": "A", "1": "B", "7": "C"}.items():
        page.keyboard.press(key)
        picture(page, f"nine-{width}-{key}")
        for part in (".rail__status", ".rail__submit", f'.chip[data-letter="{letter}"]'):
            expect(page.locator(part)).to_be_in_viewport(ratio=0.98)
            assert page.locator(part).evaluate(seen), part
    page.locator(".rail").evaluate("rail => rail.scrollTo(0, rail.scrollHeight)")
    expect(page.get_by_text("Can't be ranked")).to_be_in_viewport(ratio=0.98)


@pytest.mark.parametrize("width", [390, 1024, 1366, 1920])
def test_nothing_jumps_when_the_scripts_arrive(people: People, site: Site, width: int) -> None:
    factories.make_prompt(site.empty)
    page = people.page(site.manager, viewport={"width": width, "height": 768})
    held: list[Route] = []
    arrived: list[bool] = []
    page.route("**/static/js/**", lambda route: route.continue_() if arrived else held.append(route))
    page.goto("/p/empty/rank/", wait_until="commit")
    parts = ".bar__links, .board__prompt, .completion, .rail__slots, .rail__submit, .rail__others summary"
    places = f"""() => [...document.querySelectorAll({parts!r})].filter(part => part.checkVisibility()).map((part) => {{
        const {{ x, y }} = part.getBoundingClientRect();
        return [part.className, Math.round(x), Math.round(y)].join(" ");
    }})"""
    expect(page.get_by_text("Can't be ranked")).to_be_visible()
    page.wait_for_function("() => [...document.querySelectorAll('link[rel=stylesheet]')].every((link) => link.sheet)")
    page.evaluate("async () => { await document.fonts.ready; }")
    before = page.evaluate(places)
    assert not page.locator(".rail__slots").evaluate("slots => slots.checkVisibility({ visibilityProperty: true })")
    arrived.append(True)
    for route in sorted(held, key=lambda route: "rank-texts" in route.request.url):  # that measures, the rest is there
        if "rank-texts" in route.request.url:
            expect(page.locator(".completion[data-current]")).to_be_visible()
            assert page.evaluate(places) == before
        route.continue_()
    expect(page.locator(".board[data-plain]")).to_be_visible()
    assert page.evaluate(places) == before
