"""The OpenAPI document holds: schemathesis, with all of its checks, finds nothing as administrator, manager, labeler
and nobody.

Short here; `PODIUM_CONTRACT_EXAMPLES=50 pytest -rP tests/config/test_contract.py` looks longer and says how much it
asked. Another `PODIUM_CONTRACT_SEED` draws other examples, and leaves out the boundaries, which no seed changes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from knox.models import AuthToken
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from formats import lines
from labeling.models import User
from tests.every_door import CASE, INVITATION, LINK, PROMPT, assignment_of, furnish
from tests.rewardtrain.conftest import models_in

EXAMPLES = int(os.environ.get("PODIUM_CONTRACT_EXAMPLES", "2"))
SEED = int(os.environ.get("PODIUM_CONTRACT_SEED", "1"))
LONG = EXAMPLES > 2
WHO = ("administrator", "manager", "labeler", "nobody")


@pytest.fixture
def people(transactional_db: None, tmp_path: Path) -> Iterator[dict[str, User | None]]:
    with models_in(tmp_path / "models"):
        yield furnish()


def config_for(user: User | None, *, everything: bool) -> SchemathesisConfig:
    """All checks. `everything` also walks the boundary of each field, which costs most and is the same for everyone."""
    headers = {"Authorization": f"Bearer {AuthToken.objects.create(user)[1]}"} if user else {}
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "headers": headers,
            "continue-on-failure": True,
            "parameters": {
                "path.slug": "helpful",
                "path.number": 1,
                "path.version": 1,
                "path.username": "leaver",
                "path.invitation": INVITATION,
                "path.external_id": PROMPT,
                "path.link": LINK,
                "path.case": CASE,
                "path.id": assignment_of(user),
            },
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none", "no-shrink": True},
            "phases": {"coverage": {"enabled": everything}, "stateful": {"max-steps": 6}},
        }
    )


@pytest.mark.parametrize("who", WHO)
def test_the_document_says_what_is_answered_and_what_is_refused(
    people: dict[str, User | None], live_server: Any, who: str
) -> None:
    config = config_for(people[who], everything=(LONG or who == "manager") and SEED == 1)
    schema = schemathesis.openapi.from_url(f"{live_server.url}/api/schema/?format=json", config=config)
    found = list(findings(schema))
    assert not found, "\n\n".join(found[:5])


ANSWERS = {
    "unknown_completion", "ranked_twice", "not_all_ranked", "too_few_ranked", "unknown_flag", "strength_invalid",
    "acceptable_missing", "acceptable_invalid", "unknown_reason", "justification_missing", "unknown_attribute",
    "rating_invalid", "not_all_rated", "comparison_invalid", "compared_twice", "not_all_compared", "rewrite_invalid",
    "rewrite_not_of_the_best", "seconds_invalid",
    "unstorable",  # U+0000 in a key: a schema has no pattern for keys
}  # fmt: skip
# Each name once, a comparison without a scale, and no order asked of a classification.
ASKS = {"ask_reasons_invalid", "attributes_invalid", "not_of_this_kind"}
FILES = set(lines.WORDS)  # packed, in UTF-16: a schema says nothing of the bytes of a file
# What a schema can't tell of a body that is right in its form: refused by a code that docs/api.md names.
RULES = {
    # A classification asks something, and each flag once; of some prompts more people are asked than of the rest; of
    # practice items there are as many as an attempt has.
    "POST /api/v1/projects/": ASKS | {"flags_missing", "flags_invalid", "shares_invalid", "too_few_items"},
    "PATCH /api/v1/projects/{slug}/": ASKS | {"flags_missing", "flags_invalid", "shares_invalid", "too_few_items"},
    "DELETE /api/v1/projects/{slug}/": {"not_confirmed"},  # the slug once more
    # To managers, and to administrators; and one manager stays.
    "POST /api/v1/projects/{slug}/members/": {"not_a_member", "unknown_user", "last_manager"},
    "POST /api/v1/accounts/{username}/erase/": {"not_confirmed"},  # the username once more
    # Words, and the project's.
    "GET /api/v1/projects/{slug}/prompts/": {"nothing_asked", "too_long", "unknown_flag", "unknown_cohort"},
    "GET /api/v1/projects/{slug}/rankings/": {"nothing_asked", "too_long", "unknown_flag", "unknown_cohort"},
    "GET /api/v1/projects/{slug}/export/": {
        "frozen_of_people", "of_people", "frozen_without_dates", "packed_already",  # what doesn't go together
        "unknown_layout", "unknown_columns", "unknown_ties", "unknown_rows",  # what `what` doesn't have
        "unknown_labelers", "unknown_flags", "no_day",  # the project's; and the 31st of February
    },
    # Nothing but white space, as JSON Lines or as a file; a map fits the file that is sent.
    "POST /api/v1/projects/{slug}/prompts/": {
        *("empty", "bad_map", "no_table", "no_column", "one_of", "unknown_layout"), *FILES,
    },
    # What an import refuses of the same texts; the completions are the prompt's.
    "PATCH /api/v1/projects/{slug}/prompts/{external_id}/": {
        *("bad_text", "unknown_completion", "text_alone", "bad_tag", "required"),
    },
    "DELETE /api/v1/projects/{slug}/prompts/{external_id}/": {"not_confirmed"},  # the id once more
    # A text that is JSON; an owner and a name, which is the import's as well.
    "POST /api/v1/projects/{slug}/imports/": {"bad_map", "hub_name", "name_of_a_dataset"},
    # They say something, of one kind; a line is an id.
    "POST /api/v1/projects/{slug}/prompts/withdraw/": {"nothing_chosen", "two_choices", "bad_line", "empty"} | FILES,
    "POST /api/v1/projects/{slug}/prompts/restore/": {"nothing_chosen", "two_choices", "bad_line", "empty"} | FILES,
    "POST /api/v1/projects/{slug}/people/{person}/withdraw/": {"no_day"},  # the 31st of February
    # What the act needs, of its own fields alone; the project's flags, and words.
    "POST /api/v1/projects/{slug}/bulk-acts/": {
        *("nothing_chosen", "two_values", "bad_tag", "bad_priority", "unknown_cohort", "reason_required"),
        *("nothing_asked", "too_long", "unknown_flag"),
    },
    # Names and tags whose letters are visible; people of the project.
    "POST /api/v1/projects/{slug}/cohorts/": {"bad_name", "bad_tag", "not_a_member"},
    "PATCH /api/v1/projects/{slug}/cohorts/{cohort}/": {"bad_name", "bad_tag", "not_a_member"},
    # A name whose letters are visible; the list's parameters, the project's flags, days, and words.
    "POST /api/v1/projects/{slug}/views/": {
        *("bad_name", "unknown_parameter", "invalid", "unknown_flag", "unknown_cohort", "nothing_asked"),
        *("nothing_narrowed", "too_long"),
        "unstorable",  # U+0000 in a key
    },
    "PATCH /api/v1/projects/{slug}/views/{view_id}/": {"bad_name"},
    "POST /api/v1/projects/{slug}/best-of/": {"empty", "bad_line"} | FILES,  # what a row holds: docs/import.md
    "POST /api/v1/projects/{slug}/runs/": {
        "bad_setting", "no_backbone",  # limits, and settings that don't go together
        "too_few_pairs",  # of `min_pairs`: how many there are is the project's
    },
    "POST /api/v1/projects/{slug}/reviews/": {"unknown_prompt"},  # the project's
    "POST /api/v1/projects/{slug}/reviews/{case}/decide-as/": {"unknown_ranking"},  # of the case's prompt
    "POST /api/v1/projects/{slug}/reviews/{case}/send-back/": {"unknown_ranking"},
    "POST /api/v1/projects/{slug}/reviews/{case}/reserve/": {"not_a_reviewer"},  # who reviews in the project
    "PUT /api/v1/projects/{slug}/reviewers/": {"not_a_reviewer"},
    # The ids and flags are the task's.
    "POST /api/v1/projects/{slug}/reviews/{case}/decide/": ANSWERS,
    "POST /api/v1/assignments/{id}/ranking/": ANSWERS,
    "PUT /api/v1/assignments/{id}/ranking/": ANSWERS,
    # 160 KiB; a key as above; and schemathesis sends the header "0" as 0.
    "PUT /api/v1/assignments/{id}/draft/": {"draft_too_large", "invalid", "unstorable"},
}  # fmt: skip
THRESHOLDS = {"threshold", "threshold_invalid"}  # open intervals


def follows_a_rule(label: str, response: Any) -> bool:
    if response.status_code in (412, 416):
        return True  # what is changed is another by now; the file ends before the range
    codes = {error["code"] for error in response.json()["errors"]} if response.status_code == 400 else {""}
    return codes <= RULES.get(label, set()) | THRESHOLDS


def findings(schema: Any) -> Iterator[str]:
    asked: Counter[str] = Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            asked[event.phase.name] += len(event.recorder.cases)
        if isinstance(event, events.NonFatalError | events.FatalError):
            yield f"{type(event).__name__}: {getattr(event, 'value', '')!r} {getattr(event, 'label', '')}"
        if isinstance(event, events.ScenarioFinished) and event.status in (Status.FAILURE, Status.ERROR):
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if check.status == Status.FAILURE:
                        case = event.recorder.cases[case_id].value
                        interaction = event.recorder.interactions[case_id]
                        response = interaction.response
                        info = check.failure_info
                        if check.name == "positive_data_acceptance" and follows_a_rule(case.operation.label, response):
                            continue
                        if check.name == "negative_data_rejection" and case.operation.label.endswith("/file/"):
                            continue  # a Range that is no range is passed over (RFC 9110, 14.2), and all is answered
                        if check.name == "not_a_server_error" and case.operation.label.endswith("/score/"):
                            assert response.status_code == 503, response  # no scoring service runs here
                            continue
                        body = response.content[:300] if response else b""
                        status = response.status_code if response else None
                        yield (
                            f"{event.phase.name} {case.operation.label} {check.name}: "
                            f"{info.failure.title} | {info.failure.message[:300]} | {status} {body!r}\n"
                            f"{case.as_curl_command()[:400]}"
                        )
    print(f"{asked.total()} cases, seed {SEED}, {EXAMPLES} an operation: {dict(asked)}")
