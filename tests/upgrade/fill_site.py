"""What is in the site: two projects, their people and their work, models, runs and jobs in every state."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from running_site import PASSWORD, Browser, Client, Site, wait_for
from tiny_backbone import BAD, GOOD, NAME, WORDS

GONE = "podium/gone"  # a backbone that the site allows and that is nowhere to be had
PEOPLE = {"mara": "manager", "rolf": "reviewer", "lena": "labeler", "lars": "labeler"}
RANKS, CLASSIFIES = "helpful", "rude"
LONG_AWAY = 100_000  # labels that start a run by themselves: none does
QUICK = {"bootstrap_samples": 100, "threads": 1, "patience": 0, "batch_prompts": 4}
CHECKPOINT = 12  # steps

draw = random.Random(0)


def fill(site: Site) -> None:
    site.manage("createsuperuser", "--noinput", "--username", "ada", "--email", "")
    make_projects(site["ada"])
    invite(site)
    ada = Browser(site.url).log_in("ada")
    for project in (RANKS, CLASSIFIES):
        set_policy(ada, project)
    rank_all(site)
    classify_all(site)
    train_all(site["mara"])
    label_by_model(site)
    leave_work(site)
    leave_runs(site)


def make_projects(ada: Client) -> None:
    flags = [{"name": "wrong", "label": "Factually wrong"}]
    ranks = {"slug": RANKS, "name": "Helpful", "guidelines": "*Good* words first.", "flags": flags}
    ada.post("/projects/", {**ranks, "overlap": 2, "ask_strength": True})
    flags = [{"name": "rude", "label": "Rude"}, {"name": "wrong", "label": "Wrong"}]
    ada.post("/projects/", {"slug": CLASSIFIES, "name": "Rude", "kind": "classification", "flags": flags})


def invite(site: Site) -> None:
    """Everybody comes by a link; one is asked by name too and declines, one link stays open, one login failed."""
    ada = Browser(site.url).log_in("ada")
    people = f"/p/{RANKS}/people/"
    for username, role in {**PEOPLE, "gast": "labeler"}.items():
        page = ada.post(people, people, role=role, note=f"For {username}").text
        link = "/invite/" + page.partition("/invite/")[2].partition("/")[0] + "/"
        Browser(site.url).post(link, link, username=username, password=PASSWORD).raise_for_status()
    ada.post(people, people, role="reviewer", note="Somebody who never came")
    site["ada"].call("DELETE", f"/projects/{RANKS}/members/gast/")
    for username, role in PEOPLE.items():
        site["ada"].post(f"/projects/{CLASSIFIES}/members/", {"username": username, "role": role})
    for username in ("gast", "nobody.there"):
        site["ada"].post(f"/projects/{RANKS}/invitations/", {"username": username, "role": "labeler"})
    gast = Browser(site.url).log_in("gast")
    [asked] = [
        one["id"] for one in site["ada"].get(f"/projects/{RANKS}/invitations/")["results"] if one["username"] == "gast"
    ]
    gast.post(f"/invitations/{asked}/decline/", "/")
    Browser(site.url).log_in("lena", "a wrong password")


def set_policy(ada: Browser, project: str) -> None:
    fields = {"head_enabled": "on", "enabled": "on", "backbone": NAME, "epochs": 1, "learning_rate": 0.003}
    counts = dict.fromkeys(("head_every_pairs", "every_pairs", "first_minimum"), LONG_AWAY)
    reward = {"reward": "rude:0"} if project == CLASSIFIES else {}
    answer = ada.post(
        f"/p/{project}/policy/", f"/p/{project}/runs/", **fields, **counts, **reward, cooldown_minutes=0, max_length=32
    )
    answer.raise_for_status()


def question(number: int) -> str:
    return " ".join(list(product(WORDS[::7], repeat=3))[number]) + "?"


def words_of(quality: int, most: int) -> str:
    """More good words in a better one, and some noise."""
    return " ".join([GOOD] * quality + [BAD] * (most - quality) + draw.choices(WORDS, k=2))


def prompts(numbers: Sequence[int], *, k: int, recorded: int = 0) -> bytes:
    """Rows whose completions get better from the first to the last; the first ones bring rankings of a 'crowd'."""
    rows = []
    for number in numbers:
        completions = [
            {"id": "abcd"[place], "text": words_of(place, k), "model": f"model-{place}"} for place in range(k)
        ]
        row: dict[str, Any] = {"id": f"q{number}", "prompt": question(number), "completions": completions}
        if number < recorded:
            row["rankings"] = [{"labeler": "crowd", "ranks": [2, *range(2, k), 1]}]
        rows.append(row)
    return lines(rows)


def lines(rows: Sequence[object]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def rank_all(site: Site) -> None:
    """Two people rank each prompt, one of them differs now and then; ties, flags, notes, strengths and a revision."""
    site["mara"].send_lines(f"/projects/{RANKS}/prompts/", prompts(range(36), k=3, recorded=6))
    site["mara"].send_lines(f"/projects/{RANKS}/prompts/", prompts(range(36, 44), k=2))
    for name in ("lena", "lars"):
        for number, task in enumerate(tasks(site[name], RANKS)):
            body = answer_to(task, number if name == "lars" else 1)
            site[name].post(f"/assignments/{task['id']}/ranking/", body)
            if number % 12 == 11:
                better = {**answer_to(task, 1), "comment": "Read again: the other way round."}
                path = f"/assignments/{task['id']}/ranking/"
                site[name].call("PUT", path, json=better)


def tasks(client: Client, project: str) -> Iterator[Any]:
    """Until there is nothing to do."""
    while (answer := client.call("POST", f"/projects/{project}/assignments/next/", json={})).status_code == 200:
        yield answer.json()


def answer_to(task: Any, number: int) -> dict[str, Any]:
    """By the number of good words; every fifth the other way round, every seventh with a tie."""
    ids = [shown["id"] for shown in sorted(task["completions"], key=lambda shown: shown["text"].split().count(GOOD))]
    ids = ids if number % 5 == 0 else ids[::-1]
    tiers = [ids[:2], *([name] for name in ids[2:])] if number % 7 == 3 else [[name] for name in ids]
    body: dict[str, Any] = {"tiers": tiers, "active_seconds": 4.5 + number}
    if number % 6 == 2:
        body |= {"flags": {ids[-1]: {"wrong": True}}, "notes": {ids[-1]: "The last word is wrong."}}
    if task["ask_strength"] and len(tiers) == 2:
        body["strength"] = 1 + number % 3
    return body


def classify_all(site: Site) -> None:
    texts = [words_of(draw.choice((0, 1, 2, 3)), 3) + f" {WORDS[number % 60]}" for number in range(48)]
    rows = [
        {"id": f"t{number}", "prompt": "", "completions": [{"id": "a", "text": text}]}
        for number, text in enumerate(texts)
    ]
    site["mara"].send_lines(f"/projects/{CLASSIFIES}/prompts/", lines(rows))
    for number, task in enumerate(tasks(site["lena"], CLASSIFIES)):
        [shown] = task["completions"]
        rude = shown["text"].split().count(BAD) >= 2
        flags = {shown["id"]: {"rude": rude, "wrong": number % 4 == 0}}
        body = {"tiers": [[shown["id"]]], "flags": flags}
        site["lena"].post(f"/assignments/{task['id']}/ranking/", body)


def train_all(mara: Client) -> None:
    """Two models of rankings, the second one better by hand; one of the classification, with a threshold."""
    mara.post(f"/projects/{RANKS}/datasets/")
    for depth, reason in (("head", "The first one."), ("full", "It reads more.")):
        assert train(mara, RANKS, depth=depth)["state"] == "succeeded"
        promote(mara, RANKS, reason)
    assert train(mara, CLASSIFIES, depth="head")["state"] == "succeeded"
    promote(mara, CLASSIFIES, "The first one.")
    mara.call("PUT", f"/projects/{CLASSIFIES}/models/1/threshold/", json={"threshold": 0.4})


def train(mara: Client, project: str, *, depth: str, **training: object) -> Any:
    settings = {**QUICK, "ensemble": 2, **({"epochs": 3} if depth == "full" else {}), **training}
    run = mara.post(f"/projects/{project}/runs/", {"depth": depth, "training": settings})
    return wait_for(lambda: ended(mara, project, "runs", run["id"]), f"{depth} of {project}", seconds=120)


def ended(mara: Client, project: str, kind: str, number: int) -> Any:
    row = mara.get(f"/projects/{project}/{kind}/{number}/")
    return row if row["state"] not in ("queued", "running") else None


def promote(mara: Client, project: str, reason: str) -> None:
    newest = mara.get(f"/projects/{project}/models/")["results"][0]
    past_gate = not newest["gate"]["passed"]
    path = f"/projects/{project}/models/{newest['version']}/promote/"
    mara.post(path, {"reason": reason, "past_gate": past_gate})


def label_by_model(site: Site) -> None:
    mara = site["mara"]
    mara.send_lines(f"/projects/{RANKS}/prompts/", prompts(range(44, 52), k=3))
    job = mara.post(f"/projects/{RANKS}/auto-labels/", {"threshold": 0.52})
    wait_for(lambda: ended(mara, RANKS, "auto-labels", job["id"]), "automatic labels", seconds=120)
    best_of = choose_best(mara)
    wait_for(lambda: ended(mara, RANKS, "best-of", best_of), "best of N", seconds=120)


def choose_best(mara: Client) -> int:
    candidates = [[{"id": str(n), "text": words_of(n, 3)} for n in range(4)] for _ in range(6)]
    rows = [{"id": f"b{n}", "prompt": question(60 + n), "completions": each} for n, each in enumerate(candidates)]
    return int(mara.send_lines(f"/projects/{RANKS}/best-of/", lines(rows))["id"])


def leave_work(site: Site) -> None:
    """Tasks that were skipped, held, given back, and one with a draft; some rankings are newer than the models."""
    for name, what in (("lena", "skip"), ("lars", "release"), ("lars", "hold"), ("lars", "rank"), ("lena", "draft")):
        client = site[name]
        task = client.post(f"/projects/{RANKS}/assignments/next/")
        path = f"/assignments/{task['id']}"
        if what == "draft":
            ids = [shown["id"] for shown in task["completions"]]
            draft = {"ranks": {ids[0]: 1}, "notes": {ids[1]: "Half a note"}, "comment": "", "active_seconds": 3}
            client.call("PUT", f"{path}/draft/", json=draft, headers={"If-Match": '"0"'})
        elif what == "rank":
            client.post(f"{path}/ranking/", answer_to(task, 1))
        elif what == "release":
            client.post(f"{path}/release/")
        else:
            client.post(f"{path}/skip/", {"reason": "I can't tell.", "for_everyone": what == "hold"})


def leave_runs(site: Site) -> None:
    """Runs that failed, were cancelled, wait, and one amid its work, whose worker dies with the site; a job waits."""
    mara = site["mara"]
    failed = train(mara, RANKS, depth="head", backbone=GONE)
    assert failed["state"] == "failed", failed
    slow = {"batch_prompts": 50, "token_budget": 32}  # a step an epoch, in many small parts
    slow |= {"epochs": 40, "checkpoint_every": CHECKPOINT, "eval_every": CHECKPOINT}
    body = {"depth": "full", "training": {**QUICK, **slow, "ensemble": 2}}
    run = mara.post(f"/projects/{RANKS}/runs/", body)
    for last in (False, True):
        queued = mara.post(f"/projects/{CLASSIFIES}/runs/", {"depth": "full", "training": QUICK})
        if not last:
            mara.post(f"/projects/{CLASSIFIES}/runs/{queued['id']}/cancel/")
    path = f"/projects/{RANKS}/runs/{run['id']}/"
    wait_for(lambda: mara.get(path)["done"] > CHECKPOINT, "a checkpoint", seconds=120)
    site.kill("default@")  # it is started again, but not at once
    choose_best(mara)
