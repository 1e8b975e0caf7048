"""Keys mean what is printed on them, on the keyboards that people have: dispatched with the key and the place of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.browser.site.sites import TEXTS, People, Site

pytestmark = pytest.mark.browser

SHIFT, CTRL, ALT = 8, 2, 1


@dataclass(frozen=True)
class Layout:
    """What a keyboard says for some of its places: (code, key), and Shift where it takes one to get there."""

    name: str
    digits: tuple[tuple[str, str], ...] = ()  # of 1 to 4
    down: tuple[str, str] = ("KeyJ", "j")
    guidelines: tuple[str, str] = ("KeyG", "g")
    help: tuple[str, str] = ("Slash", "?")
    shift: bool = False  # whether the digits take one


def row(keys: str, *codes: str) -> tuple[tuple[str, str], ...]:
    return tuple(zip(codes or ("Digit1", "Digit2", "Digit3", "Digit4"), keys, strict=False))


LAYOUTS = [
    Layout("US", row("1234")),
    Layout("US, Caps Lock", row("1234"), ("KeyJ", "J"), ("KeyG", "G")),
    Layout("number pad", row("1234", "Numpad1", "Numpad2", "Numpad3", "Numpad4")),
    Layout("Russian", row("1234"), ("KeyJ", "о"), ("KeyG", "п"), ("Digit7", "?")),
    Layout("Russian, Caps Lock", row("1234"), ("KeyJ", "О"), ("KeyG", "П"), ("Digit7", "?")),
    Layout("Greek", row("1234"), ("KeyJ", "ξ"), ("KeyG", "γ")),
    Layout("Hebrew", row("1234"), ("KeyJ", "ח"), ("KeyG", "ע")),
    Layout("Korean", row("1234"), ("KeyJ", "ㅓ"), ("KeyG", "ㅎ")),
    Layout("Korean, input method on", row("1234"), ("KeyJ", "Process"), ("KeyG", "Process")),
    Layout("Japanese kana", row("ぬふあう"), ("KeyJ", "ま"), ("KeyG", "き"), ("Slash", "?")),
    Layout("Japanese, full width", row("１２３４"), ("KeyJ", "ｊ"), ("KeyG", "ｇ"), ("Slash", "？")),
    Layout("Persian", row("۱۲۳۴"), ("KeyJ", "ت"), ("KeyG", "ل"), ("Slash", "؟")),
    Layout("Arabic", row("١٢٣٤"), ("KeyJ", "ت"), ("KeyG", "ل"), ("Slash", "؟")),
    Layout("Hindi", row("१२३४"), ("KeyJ", "र"), ("KeyG", "ु")),
    Layout("Thai", row("ๅ/-ภ"), ("KeyJ", "่"), ("KeyG", "เ"), ("Slash", "?")),
    Layout("AZERTY", row("&é\"'"), help=("KeyM", "?")),
    Layout("AZERTY with Shift", row("1234"), help=("KeyM", "?"), shift=True),
    Layout("Czech", row("+ěšč"), help=("Comma", "?")),
    Layout("BÉPO", row('"«»('), ("KeyP", "j"), ("Comma", "g"), ("KeyM", "?")),
    Layout("Vietnamese", row("ăâêô")),
    Layout("Dvorak", row("1234"), ("KeyC", "j"), ("KeyU", "g"), ("BracketLeft", "?")),
    Layout(
        "Programmer Dvorak",
        row("1234", "Digit5", "Digit0", "Digit4", "Digit9"),
        ("KeyC", "j"),
        ("KeyU", "g"),
        ("BracketLeft", "?"),
        shift=True,
    ),
]


@pytest.fixture
def board(people: People, site: Site) -> Page:
    page = people.page(site.labeler)
    page.goto(f"/p/{site.project.slug}/rank/")
    expect(page.locator("[data-current].completion")).to_be_visible()
    return page


def hit(page: Page, code: str, key: str, modifiers: int = 0, **more: Any) -> None:
    """A key goes down and up, as a keyboard of another layout says it."""
    session = page.context.new_cdp_session(page)
    text = key if len(key) == 1 and not modifiers & (CTRL | ALT) else ""
    event = {"key": key, "code": code, "modifiers": modifiers}
    session.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": text, **event, **more})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})
    session.detach()


def placed(page: Page) -> str:
    """The letters on the rail from slot 1 on: 'A|B||'."""
    return "|".join("".join(slot.all_inner_texts()) for slot in slots(page))


def slots(page: Page) -> list[Any]:
    return [page.locator(f'.slot[data-slot="{number}"] .chip') for number in (1, 2, 3, 4)]


def test_letters_and_digits_are_those_that_are_printed_on_the_keys(board: Page) -> None:
    wrong = {}
    for layout in LAYOUTS:
        board.reload()
        expect(board.locator("#completion-A[data-current]")).to_be_visible()
        hit(board, *layout.guidelines)
        guidelines = board.get_by_role("dialog", name="Guidelines").is_visible()
        hit(board, *layout.guidelines)
        hit(board, *layout.help, SHIFT)
        helped = board.get_by_role("dialog", name="Keys").is_visible()
        hit(board, *layout.help, SHIFT)
        hit(board, *layout.down)
        down = board.locator("#completion-B[data-current]").is_visible()
        board.keyboard.press("ArrowUp")
        for code, key in layout.digits:
            hit(board, code, key, SHIFT if layout.shift else 0)
        seen = (guidelines, helped, down, placed(board))
        if seen != (True, True, True, "A|B|C|D"):
            wrong[layout.name] = seen
        for _ in range(4):
            board.keyboard.press("Backspace")
        # Else the draft arrives after the page was loaded again, which then takes it for another window's.
        expect(board.locator(".save-state__words")).to_have_text("Saved")
    assert wrong == {}


def test_marks_on_a_programmers_dvorak_are_no_digits(board: Page) -> None:
    hit(board, "KeyC", "j")  # only a keyboard of that kind has it there
    hit(board, "KeyV", "k")
    for code, key in zip(
        ("Digit1", "Digit2", "Digit3", "Digit4", "Digit5", "Digit6", "Digit7", "Digit8", "Digit9", "Digit0"),
        "&[{}(=*)+]",
        strict=True,
    ):
        hit(board, code, key)
    hit(board, "KeyE", ".")
    hit(board, "KeyS", "o")
    expect(board.locator(".slot--pool .chip")).to_have_count(4)
    expect(board.locator("#skip")).not_to_have_attribute("open", "")


def test_with_a_modifier_or_while_an_input_method_composes_a_key_is_the_systems(board: Page) -> None:
    for modifiers in (CTRL, ALT, CTRL | ALT):
        hit(board, "Digit1", "1", modifiers)
        hit(board, "KeyS", "ы", modifiers)
    hit(board, "KeyS", "S", SHIFT)
    hit(board, "Digit1", "!", SHIFT)
    board.evaluate("""() => { for (const more of [{isComposing: true}, {modifierAltGraph: true}]) {
        const event = new KeyboardEvent("keydown", {key: "1", code: "Digit1", bubbles: true, ...more});
        document.body.dispatchEvent(event);
    } }""")
    board.evaluate("document.body.dispatchEvent(new Event('keydown', {bubbles: true}))")  # a browser fills in a form
    expect(board.locator(".slot--pool .chip")).to_have_count(4)
    expect(board.locator("#skip")).not_to_have_attribute("open", "")


def test_a_key_that_is_held_down_acts_once_but_for_those_that_move_on(board: Page) -> None:
    for _ in range(3):
        hit(board, "Digit1", "1", autoRepeat=True)
    expect(board.locator(".slot--pool .chip")).to_have_count(4)
    hit(board, "Digit1", "1")
    hit(board, "ArrowDown", "ArrowDown", autoRepeat=True, windowsVirtualKeyCode=40)
    hit(board, "KeyJ", "j", autoRepeat=True)
    expect(board.locator("#completion-D[data-current]")).to_be_visible()
    expect(board.locator(".slot--pool .chip")).to_have_count(3)


def test_in_a_text_field_a_key_of_any_layout_only_writes(board: Page) -> None:
    board.locator("#comment summary").click()
    field = board.get_by_label("Comment")
    field.fill("")
    for code, key in (("Digit1", "&"), ("KeyS", "ы"), ("KeyJ", "Process"), ("Digit2", "۲")):
        hit(board, code, key)
    expect(board.locator(".slot--pool .chip")).to_have_count(4)
    expect(field).to_have_value("&ы۲")
    expect(field).to_be_focused()


def test_questions_are_answered_and_practice_is_done_on_other_layouts(people: People, site: Site) -> None:
    page = people.page(site.judge)
    page.goto("/p/texts/rank/")
    expect(page.get_by_role("paragraph").filter(has_text=TEXTS[1])).to_be_visible()
    hit(page, "KeyY", "н")
    hit(page, "KeyN", "т")
    expect(page.locator(".rail__status")).to_have_text("Insults a person: no. All answered.")
    hit(page, "Digit1", "&")
    hit(page, "KeyN", "т")
    expect(page.locator(".rail__status")).to_have_text("Hateful: no. All answered.")
    hit(page, "Digit1", "&")
    hit(page, "KeyZ", "y")  # where QWERTZ has it
    expect(page.locator(".rail__status")).to_have_text("Hateful: yes. All answered.")
    page = people.page(site.labeler)
    page.goto(f"/p/{site.project.slug}/practice/")
    hit(page, "Escape", "Escape", windowsVirtualKeyCode=27)
    expect(page.locator("#tour")).to_be_hidden()
    for code, key in row("+ěšč"):
        hit(page, code, key)
    expect(page.locator(".rail__status")).to_contain_text("All placed.")


def test_undo_and_the_history_take_keys_of_other_layouts(people: People, site: Site) -> None:
    factories.make_prompt(site.empty, k=2)
    factories.make_prompt(site.empty, k=2)
    page = people.page(site.manager)
    page.goto(f"/p/{site.empty.slug}/rank/")
    first = page.locator("rank-board").get_attribute("data-task")
    for code, key in (("Digit1", "١"), ("Digit2", "٢"), ("Enter", "Enter")):
        hit(page, code, key, windowsVirtualKeyCode=13 if key == "Enter" else 0)
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    expect(page.locator(f'rank-board:not([data-task="{first}"])')).to_be_visible()
    hit(page, "KeyZ", "я")
    expect(page.locator(f'rank-board[data-task="{first}"]')).to_be_visible()
    hit(page, "Enter", "Enter", windowsVirtualKeyCode=13)
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    page.goto(f"/p/{site.empty.slug}/history/")
    page.get_by_role("link", name="Edit").first.click()
    expect(page.locator("#completion-A[data-current]")).to_be_visible()
    hit(page, "KeyT", "ㅅ")
    expect(page.locator("#completion-A .source")).to_be_visible()
