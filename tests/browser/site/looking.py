"""What is looked at on a page: accessibility, overflow, and what a person meets who has only a keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

HERE = Path(__file__).resolve().parent
AXE = (HERE.parents[2] / "node_modules" / "axe-core" / "axe.min.js").read_text()
KEYBOARD = (HERE / "keyboard.js").read_text()
# Curves are drawn anew for the room that they have, in the frame after it changed; nothing else waits for one.
DRAWN = """() => document.querySelector("loss-curve, rank-rail") && new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"""
BETWEEN = (1024, 768)  # px, of what is neither a desk's screen nor a phone's
SHOW = """([direction, size]) => {
  document.documentElement.dir = direction;
  document.documentElement.style.fontSize = size;
}"""
# Ends when no colour is on its way any more: half-way a button has the contrast of neither scheme.
SETTLED = """() => Promise.allSettled(
  document.getAnimations().filter((each) => each instanceof CSSTransition).map((each) => each.finished))"""
# Elements that reach beyond the window's side, where they make it scroll.
BEYOND = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("body *")].filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return right > innerWidth + 1 || left < -1;
  }).map((element) => element.className || element.tagName).slice(0, 8)"""


def axe(page: Page, *rules: str) -> list[dict[str, Any]]:
    """axe-core's violations, of these rules or of all; through the debugger, so the page's policy stays as it is."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    # Without a preload axe builds no style sheet of its own, of which the page's policy would complain.
    options = {"resultTypes": ["violations"], "preload": False, **({"runOnly": list(rules)} if rules else {})}
    result: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    return [
        {
            "rule": violation["id"],
            "at": [node["html"][:200] for node in violation["nodes"]],
            "why": str(violation["nodes"][0].get("failureSummary")),
        }
        for violation in result["violations"]
    ]


def overflow(page: Page) -> dict[str, list[str]]:
    """What sticks out sideways: as the page is, read from right to left, and with text twice as large. The last on a
    wide screen only: a phone that shows twice as large has no room for words. There the widths between are looked at
    too."""
    ways = {"as it is": ("ltr", ""), "from right to left": ("rtl", ""), "text at 200 %": ("ltr", "200%")}
    is_wide = page.evaluate("innerWidth") > 1000
    if not is_wide:
        del ways["text at 200 %"]
    found = {}
    for way, shown in ways.items():
        page.evaluate(SHOW, shown)
        if beyond := page.evaluate(BEYOND):
            found[way] = beyond
    page.evaluate(SHOW, ["ltr", ""])
    seen = page.viewport_size
    for width in BETWEEN if is_wide and seen else ():
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate(DRAWN)
        if beyond := page.evaluate(BEYOND):
            found[f"{width} px"] = beyond
    if is_wide and seen:
        page.set_viewport_size(seen)
    return found


def walk(page: Page) -> dict[str, list[str]]:
    """Tabs through the page. What was never reached, or was reached and not to be seen: out of the window, covered by
    something, or without a ring of 2 px."""
    page.evaluate(KEYBOARD)
    left: int = page.evaluate("keyboard.start()")
    for _ in range(2 * left + 10):
        if left == 0:
            break
        page.keyboard.press("Tab")
        left = page.evaluate("keyboard.look()")
    result: dict[str, list[str]] = page.evaluate("keyboard.result()")
    return {what: where for what, where in result.items() if where}
