"""The main job, with the real processes: import, rank in a browser, retrain by itself, promote, export.

The preference is plain (kind and complete over curt over rude), so that a model can learn it from sixty prompts.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.podium import Client, Podium, wait_for

PROJECT = "kind"
RECORDED, TO_RANK = 64, 8
PAIRS_PER_PROMPT = 6
THRESHOLD = (RECORDED + TO_RANK) * PAIRS_PER_PROMPT
TRAINING_SECONDS = 420

THINGS = ["bread", "a compass", "the tides", "a bicycle", "compound interest", "a rainbow", "yeast", "a telescope"]
ASKED = ["How does {} work", "Tell me about {}", "Explain {} to a child", "Why is {} useful"]
# Best first. Which of them a text is can be read off its words, by the test's labelers as by the model.
ANSWERS = [
    "Happy to help! Here is a clear explanation of {0}, step by step, with an example. Ask me if anything is unclear.",
    "Sure. Here is the short version about {0}, without the details.",
    "I am not certain about {0}. Perhaps look it up somewhere.",
    "What a stupid question about {0}. Go away, I refuse to answer.",
]
MARKS = ["Happy to help", "Sure", "not certain", "stupid question"]


def question(number: int) -> tuple[str, str]:
    thing = THINGS[number % len(THINGS)]
    return f"{ASKED[number // len(THINGS) % len(ASKED)].format(thing)}, item {number}?", thing


def prompt_row(number: int, *, ranked: bool) -> dict[str, Any]:
    asked, thing = question(number)
    order = [(place + number) % 4 for place in range(4)]  # the best one stands in every place equally often
    completions = [{"id": "abcd"[i], "text": ANSWERS[quality].format(thing)} for i, quality in enumerate(order)]
    row: dict[str, Any] = {"id": f"case-{number}", "prompt": asked, "completions": completions}
    if ranked:
        row["rankings"] = [{"labeler": "recorded", "ranks": [quality + 1 for quality in order]}]
    return row


def quality_of(text: str) -> int:
    return next(quality for quality, mark in enumerate(MARKS) if mark in text)


def lines_of(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.fixture
def podium(tmp_path: Path) -> Any:
    with Podium(tmp_path / "data") as podium:
        yield podium


@pytest.mark.acceptance
@pytest.mark.browser
@pytest.mark.timeout(1200)
def test_from_an_import_to_a_retrained_champion_and_its_pairs(podium: Podium, chromium: Browser) -> None:
    manager = podium.client(podium.token("manager"))
    manager_makes_the_project(manager)
    manager_sets_the_policy(podium, chromium)
    rows = [prompt_row(number, ranked=number < RECORDED) for number in range(RECORDED + TO_RANK)]
    assert manager.upload(PROJECT, lines_of(rows))["created"] == RECORDED + TO_RANK
    assert manager.get(f"/projects/{PROJECT}/runs/")["results"] == []

    by_keys, by_mouse = log_in(podium, chromium, "labeler1"), log_in(podium, chromium, "labeler2")
    by_keys.get_by_role("button", name="Join Kind answers").click()
    by_mouse.get_by_role("button", name="Join Kind answers").click()
    for _ in range(TO_RANK // 2):
        rank_by_keys_alone(by_keys)
        rank_by_mouse(by_mouse)

    started = wait_for(lambda: both_runs(manager), "the policy to start runs by itself", seconds=60, podium=podium)
    assert [(run["depth"], run["trigger"]) for run in started] == [("full", "policy"), ("head", "policy")]
    for run in reversed(started):
        ended = wait_for(
            lambda number=run["id"]: ended_run(manager, number), "the training", seconds=TRAINING_SECONDS, podium=podium
        )
        assert ended["state"] == "succeeded", f"{ended}\n{podium.tail()}"

    models = manager.get(f"/projects/{PROJECT}/models/")["results"]
    assert sorted(model["champion"] for model in models) == [False, True], models
    exported_is_stored(podium, manager)
    what_the_manager_sees(podium, chromium)


def both_runs(manager: Client) -> Any:
    found = manager.get(f"/projects/{PROJECT}/runs/")["results"]
    return found if len(found) == 2 else None


def manager_makes_the_project(manager: Client) -> None:
    # One person each: by default 15 % of the prompts are for three, and here are two.
    made = {"slug": PROJECT, "name": "Kind answers", "guidelines": "Kind ones first.", "overlap": 1}
    manager.post("/projects/", made, status=201)
    for name in ("labeler1", "labeler2"):
        manager.post(f"/projects/{PROJECT}/invitations/", {"username": name, "role": "labeler"}, status=201)


def manager_sets_the_policy(podium: Podium, chromium: Browser) -> None:
    page = log_in(podium, chromium, "manager")
    page.goto(f"{podium.url}/p/{PROJECT}/runs/")
    reveal(page, "first_minimum")
    page.locator("[name=head_every_pairs]").fill(str(THRESHOLD))
    page.locator("[name=first_minimum]").fill(str(THRESHOLD))
    page.locator("[name=every_pairs]").fill(str(THRESHOLD))
    page.locator("[name=cooldown_minutes]").fill("0")
    reveal(page, "epochs")
    page.locator("[name=epochs]").fill("2")
    page.locator("form", has=page.locator("[name=first_minimum]")).locator("button[type=submit], button").last.click()
    page.wait_for_load_state()
    expect(page.locator("[name=first_minimum]")).to_have_value(str(THRESHOLD))
    page.context.close()


def reveal(page: Page, field: str) -> None:
    """Opens the folds that the field is in."""
    for fold in page.locator(f"details:not([open]):has([name={field}]) > summary").all():
        fold.click()


def log_in(podium: Podium, chromium: Browser, username: str) -> Page:
    page = chromium.new_context(base_url=podium.url).new_page()
    page.goto("/accounts/login/")
    page.locator("[name=login]").fill(username)
    page.locator("[name=password]").fill(podium.password(username))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"^(?!.*accounts/login).*$"))
    return page


def rank_by_keys_alone(page: Page) -> None:
    page.goto(f"/p/{PROJECT}/rank/")
    places = places_on(page)
    for _ in range(4):
        letter = page.locator(".completion[data-current]").get_attribute("data-letter")
        page.keyboard.press(str(places[str(letter)]))
    page.keyboard.press("Enter")
    saved(page)


def saved(page: Page) -> None:
    """Said beside the next task, or on the page that says that there is none."""
    expect(page.get_by_text(re.compile(r"Saved\. \d|Your last ranking is saved"))).to_be_visible()


def rank_by_mouse(page: Page) -> None:
    page.goto(f"/p/{PROJECT}/rank/")
    for letter, place in places_on(page).items():
        card = page.locator(f".completion[data-letter={letter}]")
        card.locator(f"label:has(input[value='{place}'])").click()
    page.get_by_role("button", name="Submit ranking").click()
    saved(page)


def places_on(page: Page) -> dict[str, int]:
    cards = page.locator(".completion").all()
    return {str(card.get_attribute("data-letter")): quality_of(card.inner_text()) + 1 for card in cards}


def ended_run(manager: Client, run_id: int) -> Any:
    run = manager.get(f"/projects/{PROJECT}/runs/{run_id}/")
    return run if run["state"] not in ("queued", "running") else None


def exported_is_stored(podium: Podium, manager: Client) -> None:
    """The file equals the table, and the frozen version gives the same bytes however often it is asked."""

    def export(**query: str) -> bytes:
        answer = manager.call("GET", f"/projects/{PROJECT}/export/", params={"split": "all", **query})
        assert answer.ok, answer.text
        return answer.content

    live = export(format="jsonl")
    with podium.database() as connection:
        stored = connection.execute(
            "SELECT p.messages -> 0 ->> 'content', chosen.text, rejected.text FROM labeling_preferencepair pair"
            " JOIN labeling_prompt p ON p.id = pair.prompt_id"
            " JOIN labeling_completion chosen ON chosen.id = pair.chosen_id"
            " JOIN labeling_completion rejected ON rejected.id = pair.rejected_id"
            " JOIN labeling_project project ON project.id = pair.project_id AND project.slug = %s",
            [PROJECT],
        ).fetchall()
    rows = [json.loads(line) for line in live.decode().splitlines()]
    assert sorted((row["prompt"], row["chosen"], row["rejected"]) for row in rows) == sorted(stored)
    assert len(rows) == THRESHOLD
    assert all(quality_of(row["chosen"]) < quality_of(row["rejected"]) for row in rows)
    assert export(format="jsonl", version="1") == export(format="jsonl", version="1") == live


def what_the_manager_sees(podium: Podium, chromium: Browser) -> None:
    page = log_in(podium, chromium, "manager")
    page.goto(f"/p/{PROJECT}/models/")
    expect(page.get_by_text("Champion").first).to_be_visible()
    page.goto(f"/p/{PROJECT}/")
    expect(page.get_by_text(f"{RECORDED + TO_RANK} of {RECORDED + TO_RANK}").first).to_be_visible()
    page.context.close()
