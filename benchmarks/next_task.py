"""From Enter to the next prompt painted, in Chromium on a running Podium, with the next task fetched ahead and without.

    python -m benchmarks.next_task [--tasks 200] [--completions 4] [--words 120]

Beside it, from the same server in the same run: a bare load of the same page (what a page without a script would take),
and what the ranking page sends, compressed. Time is taken in the page: from the key's event to the second animation
frame after the new prompt is in the document, which is when it has been painted. "Without": the browser refuses every
look ahead, so the task is asked for after Enter.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page, Request, sync_playwright

from tests import chromium
from tests.acceptance.podium import Client, Podium

TARGET_MS, TARGET_BYTES = 100, 120_000
WORDS = ["the", "of", "river", "stone", "answer", "because", "however", "light", "under", "small", "people", "find"]

# Presses the digits and Enter as a person's keyboard would, and resolves when the next prompt has been painted.
RANK = """k => new Promise((resolve) => {
  const options = { bubbles: true, cancelable: true };
  const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, ...options }));
  const task = () => document.querySelector("rank-board")?.dataset.task;
  const before = task();
  for (let slot = 1; slot <= k; slot++) press(String(slot % 10));
  let began = 0;
  const painted = () => requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - began)));
  const observer = new MutationObserver(() => {
    if (task() === undefined || task() === before) return;
    observer.disconnect();
    painted();
  });
  observer.observe(document.querySelector(".desk__task"), { childList: true });
  began = performance.now();
  press("Enter");
})"""
LOADED = """() => new Promise(
  (resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())))
)"""


def prompts(n: int, k: int, words: int) -> bytes:
    draw = random.Random(0)
    rows = [
        {
            "id": f"p{number}",
            "prompt": f"Question {number}: " + " ".join(draw.choices(WORDS, k=30)),
            "completions": [
                {"id": letter, "text": f"{letter} {number}: " + " ".join(draw.choices(WORDS, k=words))}
                for letter in "abcdefghij"[:k]
            ],
        }
        for number in range(n)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def ready(page: Page) -> None:
    """All answers have arrived, and the next task is there if it is fetched ahead."""
    page.wait_for_function("() => !document.querySelector('rank-outbox').entries.length")


def rank_all(page: Page, n: int, k: int, *, ahead: bool) -> list[float]:
    times = []
    for _ in range(n):
        ready(page)
        if ahead:
            page.wait_for_function("() => document.querySelector('rank-ahead').board")
        times.append(float(page.evaluate(RANK, k)))
    return times


def bare_loads(page: Page, n: int) -> list[float]:
    times = []
    for _ in range(n):
        page.reload(wait_until="commit")
        times.append(float(page.evaluate(LOADED)))
    return times


def sent(page: Page, address: str) -> dict[str, int]:
    """Bytes on the wire of the page's scripts and styles, by kind, as an empty cache asks for them."""
    sizes = {"script": 0, "stylesheet": 0}

    finished: list[Request] = []
    page.on("requestfinished", lambda request: finished.append(request))
    page.goto(address, wait_until="networkidle")
    for request in finished:
        if request.resource_type in sizes:
            sizes[request.resource_type] += request.sizes()["responseBodySize"]
    return sizes


def show(name: str, times: list[float]) -> None:
    cuts = statistics.quantiles(times, n=100)
    print(f"  {name:<34} p50 {cuts[49]:7.1f} ms   p95 {cuts[94]:7.1f} ms   n {len(times)}")


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[94]


def log_in(page: Page, podium: Podium) -> str:
    address = f"{podium.url}/p/speed/rank/"
    page.goto(address)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(podium.password("admin"))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(address)
    return address


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--completions", type=int, default=4)
    parser.add_argument("--words", type=int, default=120)
    arguments = parser.parse_args()
    n, k = arguments.tasks, arguments.completions
    with tempfile.TemporaryDirectory() as folder, Podium(Path(folder) / "data") as podium:
        api: Client = podium.client(podium.token("admin"))
        api.post("/projects/", {"slug": "speed", "name": "Speed"})
        api.upload("speed", prompts(2 * n + 4, k, arguments.words))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.chromium(), args=chromium.arguments())
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            address = log_in(page, podium)
            sizes = sent(browser.new_context(storage_state=page.context.storage_state()).new_page(), address)
            page.bring_to_front()
            with_ahead = rank_all(page, n, k, ahead=True)
            bare = bare_loads(page, min(n, 50))
            page.route("**/ahead/", lambda route: route.abort())
            page.reload()
            without = rank_all(page, n, k, ahead=False)
            browser.close()
    print(f"\n{platform.processor() or platform.machine()}, K = {k}, {arguments.words} words a completion")
    show("Enter to painted, fetched ahead", with_ahead)
    show("Enter to painted, asked for then", without)
    show("bare load of the same page", bare)
    print(f"  fetched ahead / asked for then, p95: {p95(with_ahead) / p95(without):.2f}")
    print(f"  fetched ahead / bare load, p95:      {p95(with_ahead) / p95(bare):.2f}")
    print(f"  target: p95 under {TARGET_MS} ms: {'met' if p95(with_ahead) < TARGET_MS else 'MISSED'}")
    total = sum(sizes.values())
    kinds = ", ".join(f"{kind} {size / 1000:.1f} kB" for kind, size in sizes.items())
    print(
        f"  sent, compressed: {total / 1000:.1f} kB ({kinds}); target {TARGET_BYTES / 1000:.0f} kB: "
        f"{'met' if total < TARGET_BYTES else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
