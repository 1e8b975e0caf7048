"""What is sent to each door in sizes that grow: bodies, forms, files, parameters, parts of addresses, headers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from labeling.models import Assignment, Invitation, Project, ReviewCase
from labeling.models.projects import CHECKS
from labeling.requests.body_limit import MIB, limit_of
from tests import sized
from tests.doors import Door, doors
from tests.every_door import COHORT, INVITATION, LINK, PERSON, PROMPT, VIEW, document, operations
from tests.factories import ids_of
from tests.growth import Act, largest

LINE = 2**16  # bytes of an address or a header, more than the web server reads
READ = MIB  # the most that is tried: enough for a square to take for ever

RANKING = (
    *("assignment", "comment", "strength", "active_seconds", "rank-{id}", "note-{id}", "draft_revision"),
    *("acceptable", "reason-clear", "rate-{id}-helpful", "compare-helpful", "rewrite", "rewrite_of", "order"),
)
SETTINGS = (
    "name",
    "guidelines",
    "flags",
    "ask_strength",
    "ask_acceptable",
    "ask_reasons",
    "justification",
    "attributes",
    "ask_rewrite",
    "top_k",
    "overlap",
    "extra_percent",
    "extra_overlap",
    "lease_minutes",
    "daily_limit",
    "review_percent",
    "champion_percent",
    *CHECKS,
)
POLICY = (
    "head_enabled", "head_every_pairs", "enabled", "every_pairs", "first_minimum", "cooldown_minutes", "auto_promote",
    "backbone", "epochs", "learning_rate", "lora_rank", "graph_budget", "max_length",
)  # fmt: skip
# Of each page that takes a form its fields; of one whose address says all, none. `file` is a file of lines.
FORMS: dict[str, tuple[str, ...]] = {
    "language": ("language", "next"),
    "theme": ("theme", "next"),
    "preferences": ("name", "email", "language", "theme", "daily_goal", "break_minutes", "single_keys"),
    "preferences_tour": (),
    "tour_seen": ("next",),
    "project_create": ("slug", "kind", *SETTINGS),
    "invitation": ("username", "password", "name", "email"),
    "rank": RANKING,
    "rank_skip": ("reason", "other"),
    "rank_cannot": ("reason", "other"),
    "rank_ahead": (),
    "rank_draft": RANKING,
    "rank_keep": ("ahead",),
    "rank_leave": (),
    "rank_undo": (),
    "practice": ("comment", "rank-clear", "note-clear", "active_seconds"),
    "practice_item": ("comment", "rank-clear", "note-clear", "active_seconds"),
    "qualification": (),
    "qualification_item": RANKING,
    "person_qualification": ("act",),
    "history_edit": RANKING,
    "history_stays": ("words",),
    "review_act": ("act", "reason", "ranking", "reviewer"),
    "review_reviewers": ("reviewer",),
    "review_ask": (),
    "review_decide": (*RANKING, "reason"),
    "prompts": ("tag", "act", "chosen", "one"),
    "prompts_bulk": ("act", "tag", "priority", "cohort", "reason", "step"),
    "prompts_bulk_act": (),
    "view_save": ("of", "name", "query", "shared"),
    "view_act": ("act", "name"),
    "imports": ("file", "hub"),
    "import_act": ("act",),
    "prompt_put_back": (),
    "prompt_gold": ("act", "ranking", "explanation", "use"),
    "prompt_gold_rank": (*RANKING, "explanation", "use"),
    "person_resume": (),
    "cohort_new": ("name", "tags", "people", "revision", "confirmed"),
    "cohort": ("name", "tags", "people", "revision", "confirmed"),
    "cohort_delete": (),
    "prompt_revise": ("revision", "turn-0", "completion-0"),
    "prompt_erase": ("confirm",),
    "prompts_withdraw": (
        *("act", "step", "state", "split", "id_begins", "metadata_key", "metadata_value"),
        *("imported_from", "imported_to", "ids"),
    ),
    "account": ("act",),
    "erase_account": ("confirm", "with_work"),
    "people": ("role", "people"),
    "person_work": ("act", "since"),
    "invitation_ask": ("username", "role"),
    "invitation_accept": (),
    "invitation_decline": (),
    "member_set": ("username", "role"),
    "invitation_withdraw": (),
    "invitation_renew": (),
    "member_remove": ("username",),
    "project_settings": (*SETTINGS, "confirmed", "existing", "people"),
    "project_delete": ("confirm",),
    "project_pause": ("act", "reason"),
    "export_freeze": (),
    "version_note": ("note", "tags"),
    "version_link": ("seconds",),
    "version_link_revoke": (),
    "auto_labels": ("threshold",),
    "auto_label_cancel": (),
    "best_of": ("file",),
    "best_of_cancel": (),
    "playground": ("do", "model", "other", "prompt", "completion-0", "completion-1"),
    "policy": POLICY,
    "runs": ("depth",),
    "run_cancel": (),
    "model_rollback": ("reason",),
    "model_promote": ("reason",),
    "threshold": ("threshold",),
    "account_login": ("login", "password", "remember", "next"),
    "account_logout": ("next",),
    "account_reauthenticate": ("password", "next"),
    "account_change_password": ("oldpassword", "password1", "password2"),
    "account_set_password": ("password1", "password2"),
    "mfa_authenticate": ("code",),
    "mfa_reauthenticate": ("code", "next"),
    "mfa_activate_totp": ("code",),
    "mfa_deactivate_totp": (),
    "mfa_generate_recovery_codes": (),
    # They look at no method, and read nothing.
    "mfa_index": (),
    "mfa_view_recovery_codes": (),
    "mfa_download_recovery_codes": (),
    "healthz": (),
    "readyz": (),
}
# Parameters of pages; those of the API are in its document.
NARROWED = (  # by both lists
    *("q", "state", "split", "tag", "labeler", "flag", "model", "disagreement", "from_day", "to_day"),
    *("after", "before"),
)
PARAMETERS: dict[str, tuple[str, ...]] = {
    "history": ("q", "page", "show", "from_day", "to_day", "after", "before"),
    "prompts": ("show", "go", "page", "order", "left", "cohort", *NARROWED),
    "prompts_bulk": ("left", "cohort", *NARROWED),
    "rankings": (*("source", "least_seconds", "most_seconds", "words"), *NARROWED),
    "review": ("state", "reason", "whose", "after", "before"),
    "rank_compare": ("one", "two"),
    "practice_compare": ("one", "two"),
    "practice_item_compare": ("one", "two"),
    "qualification_compare": ("one", "two"),
    "prompt_gold_compare": ("one", "two"),
    "export_download": ("format", "layout", "split", "source", "version"),
    "deleted_projects": ("page",),
    "imports": ("page",),
    "people": ("name", "role", "standing", "sort", "page"),
    "person_work": ("since",),
    "versions": ("page",),
    "version_prompts": ("id", "page"),
    "version_difference": ("to",),
    "version_difference_lines": ("to",),
    "auto_labels": ("probabilities", "page"),
    "runs": ("depth", "page", "preset"),
    "playground": ("model", "other"),
    "threshold": ("threshold",),
    "account_login": ("next",),
}
OF_PAGES = ("n rows", "n rankings", "a line of n letters", "n returns", "n opened lists")  # of the files
FOR_NOBODY = ("account_login", "invitation")
HEADERS = (
    "Accept", "Accept-Language", "Authorization", "Content-Type", "Cookie", "HX-Request", "If-Match", "Origin",
    "Referer", "Transfer-Encoding", "X-CSRFToken", "X-Forwarded-For", "X-Requested-With",
)  # fmt: skip


@dataclass(frozen=True)
class Probe:
    name: str
    send: Act
    most: int  # the largest size that the door, or the web server before it, reads


@dataclass
class Place:
    """Something behind each address, and who may go there."""

    api: APIClient
    page: Client
    project: Project
    task: Assignment
    invitation: Invitation
    token: str
    case: ReviewCase

    @property
    def values(self) -> dict[str, object]:
        return {
            "slug": self.project.slug, "assignment_id": self.task.pk, "pk": self.task.pk, "number": 1, "version": 1,
            "prompt_id": self.task.prompt_id, "case_id": self.case.pk, "case": self.case.pk, "view_id": VIEW,
            "invitation_id": self.invitation.pk, "token": self.token,
            "username": "leaver", "invitation": INVITATION, "external_id": PROMPT, "link": LINK, "link_id": LINK,
            "place": 0, "layout": "podium", "person_id": PERSON, "person": PERSON,
            "cohort": COHORT, "cohort_id": COHORT, "name": "podium-1-1-1-0-00ff00ff", "act": "still",
        }  # fmt: skip


def of_bodies(place: Place) -> Iterator[Probe]:
    """JSON to each operation that takes it: too much of each field; and to each reader of JSON what breaks it."""
    readers = set()
    here = {door.address(place.values): door for door in api_doors()}
    for operation in operations("post", "put", "patch"):
        said = document()["paths"][operation.path][operation.method].get("requestBody", {}).get("content", {})
        url = _url(operation, place)
        view = here[url].view.cls  # type: ignore[attr-defined]
        limit = min(limit_of(here[url].name) or READ, READ)
        tried = dict(sized.bodies(said.get("application/json", {}).get("schema", {})))
        if operation.name == "assignments_rank":
            tried |= dict(answers(place.task))
        if operation.name in ("prompts_import", "best_of_request"):
            tried |= dict(_lists_of_rows())
        if (key := (tuple(view.parser_classes), limit)) not in readers:
            readers.add(key)
            tried |= sized.BROKEN
        for what, body in tried.items():
            yield Probe(
                f"{operation}: {what}", _json(place.api, operation.method, url, body), largest(_len(body), limit)
            )


def _json(api: APIClient, method: str, url: str, body: sized.Body) -> Act:
    return lambda n: api.generic(method.upper(), url, body(n), content_type="application/json")


def _len(body: sized.Body) -> Callable[[int], int]:
    return lambda n: len(body(n))


def answers(task: Assignment) -> Iterator[tuple[str, sized.Body]]:
    """Answers that begin well: ids of the task, and too many of them or of what they say."""
    ids = ids_of(task)
    whole = {"tiers": [ids]}
    for what, sent in {
        "n times two of its ids": lambda n: {"tiers": [ids[:2]] * n},
        "all ids and n empty tiers": lambda n: {"tiers": [ids, *[[]] * n]},
        "n flags of one id": lambda n: {**whole, "flags": {ids[0]: {f"flag{place}": True for place in range(n)}}},
        "a note of n words": lambda n: {**whole, "notes": {ids[0]: "ab " * n}},
        "a comment of n blanks": lambda n: {**whole, "comment": " " * n},
    }.items():
        yield what, lambda n, sent=sent: json.dumps(sent(n)).encode()  # type: ignore[misc]


def row(name: str, **more: object) -> dict[str, object]:
    completions = [{"id": letter, "text": f"{letter} to {name}"} for letter in "ab"]
    return {"id": name, "prompt": f"{name}?", "completions": completions, **more}


def rows() -> Iterator[tuple[str, Callable[[int], list[Any]]]]:
    """Files of n rows, and of a row with n of each thing."""
    said = {"labeler": "ann", "ranks": [1, 2]}
    yield "n rows", lambda n: [row(f"q{place}") for place in range(n)]
    yield "one row n times", lambda n: [row("q")] * n
    yield "n bad rows", lambda n: [{"id": f"q{place}"} for place in range(n)]
    yield "n unknown keys", lambda n: [row("q", **{f"key{place}": 1 for place in range(n)})]
    yield "n turns", lambda n: [row("q") | {"prompt": [{"role": "user", "content": "a"}] * n}]
    yield (
        "n completions",
        lambda n: [row("q") | {"completions": [{"id": f"c{at}", "text": f"{at}"} for at in range(n)]}],
    )
    yield "n rankings", lambda n: [row("q", rankings=[{**said, "labeler": f"ann{place}"} for place in range(n)])]
    yield "n rankings of one", lambda n: [row("q", rankings=[said] * n)]
    yield "n ranks", lambda n: [row("q", rankings=[{**said, "ranks": [1] * n}])]
    yield "n flags", lambda n: [row("q", rankings=[{**said, "flags": [{f"f{at}": True for at in range(n)}, {}]}])]
    yield "n metadata", lambda n: [row("q", metadata={f"key{place}": place for place in range(n)})]
    yield "metadata under a long key", lambda n: [row("q", metadata={"x" * n: [1.5] * n})]
    yield "an id of n letters", lambda n: [row("q" * n)]
    yield "a text of n words", lambda n: [row("q") | {"prompt": "ab " * n}]
    yield "a text of n blanks", lambda n: [row("q") | {"prompt": "a" + " " * n + "b"}]
    yield "a text of n accents", lambda n: [row("q") | {"prompt": "a" + "\u0301" * n}]


def _lists_of_rows() -> Iterator[tuple[str, sized.Body]]:
    for what, made in rows():
        yield what, lambda n, made=made: json.dumps(made(n)).encode()  # type: ignore[misc]


def files() -> dict[str, sized.Body]:
    lines = {what: _lines(made) for what, made in rows()}
    return lines | {
        "a line of n letters": lambda n: b"x" * n,
        "n empty lines": lambda n: b"\n" * n,
        "n returns": lambda n: b"\r" * n,
        "n opened lists": lambda n: b"[" * n,
        "n bytes that are no text": lambda n: b"\xff" * n,
        "a number of n digits": lambda n: b'{"id": ' + b"9" * n + b"}",
    }


def _lines(made: Callable[[int], list[Any]]) -> sized.Body:
    return lambda n: b"".join(json.dumps(each).encode() + b"\n" for each in made(n))


def of_files(place: Place) -> Iterator[Probe]:
    """Pages and API read by the same reader: pages get what tells of their own way to it."""
    urls = {door.name: door.address(place.values) for door in doors() if not door.parts or door.parts == ("slug",)}
    for what, body in files().items():
        most = largest(_len(body), READ)
        for name in ("labeling_api:prompts", "rewardtrain_api:best_of"):
            yield Probe(f"{name}: {what}", _lines_to(place.api, urls[name], body), most)
        for name in ("imports", "best_of") if what in OF_PAGES else ():
            yield Probe(f"{name}: {what}", _file_to(place.page, urls[name], body), most)


def _lines_to(client: Client, url: str, body: sized.Body) -> Act:
    return lambda n: client.generic("POST", url, body(n), content_type="application/x-ndjson")


def _file_to(client: Client, url: str, body: sized.Body) -> Act:
    return lambda n: client.post(url, {"file": SimpleUploadedFile("rows.jsonl", body(n))})


def of_forms(place: Place) -> Iterator[Probe]:
    """Each field with too many words, and too many fields."""
    for door in page_doors():
        if door.name not in FORMS:
            continue
        url, most = door.address(place.values), min(limit_of(door.name) or READ, READ) // 3 - 100
        client = Client(raise_request_exception=False) if door.name in FOR_NOBODY else place.page
        names = [name.format(id=ids_of(place.task)[0]) for name in FORMS[door.name] if name != "file"]
        for name in names:
            others = {other: "1" for other in names if other != name}
            yield Probe(f"{door.name}: {name} of n words", _form_to(client, url, others, name), most)
        yield Probe(f"{door.name}: n fields", _fields_to(client, url), 20_000)


def _form_to(client: Client, url: str, others: dict[str, str], name: str) -> Act:
    return lambda n: client.post(url, {**others, name: "ab " * n})


def _fields_to(client: Client, url: str) -> Act:
    return lambda n: client.post(url, {f"field{place}": "x" for place in range(n)})


def of_addresses(place: Place) -> Iterator[Probe]:
    """Parameters, known and not, and parts of the address itself."""
    known = {
        next(door for door in api_doors() if door.address(place.values) == _url(operation, place)).name: operation
        for operation in operations("get")
    }
    for door in doors():
        client = place.api if hasattr(door.view, "cls") else place.page
        names = PARAMETERS.get(door.name, ())
        if door.name in known:
            names = known[door.name].parameters
        url = door.address(place.values)
        for name in (*names, "unknown"):
            yield Probe(f"{door.name}: ?{name}= of n words", _asking(client, url, name), LINE // 3)
        for part in door.parts:
            before, _, after = url.partition(f"/{place.values[part]}/")
            yield Probe(f"{door.name}: {part} of n digits", _going_to(client, f"{before}/", f"/{after}"), LINE)


def _url(operation: Any, place: Place) -> str:
    return str(operation.url.replace("{id}", str(place.task.pk)))


def _going_to(client: Client, before: str, after: str) -> Act:
    return lambda n: client.get(before + "9" * n + after)


def _asking(client: Client, url: str, name: str) -> Act:
    return lambda n: client.get(f"{url}?{urlencode({name: 'ab ' * n})}")


def of_headers(place: Place) -> Iterator[Probe]:
    for client, url in ((place.page, "/preferences/"), (place.api, "/api/v1/projects/")):
        for name in HEADERS:
            for what, value in (("n letters", "x"), ("n parts", "a,b;c=1 "), ("n equal signs", "=")):
                yield Probe(f"{url} {name}: {what}", _with_header(client, url, name, value), LINE // len(value))


def _with_header(client: Client, url: str, name: str, value: str) -> Act:
    return lambda n: client.get(url, headers={name: value * n})


def page_doors() -> list[Door]:
    return [door for door in doors() if not hasattr(door.view, "cls")]


def api_doors() -> list[Door]:
    return [door for door in doors() if ":" in door.name]
