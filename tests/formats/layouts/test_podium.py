"""Podium's own row: ids that are numbers, and prompts that a program with tools wrote."""

from __future__ import annotations

from typing import Any

import pytest

from formats import rows
from formats.layouts import podium
from formats.refusals import Refused

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"at": "Bonn"}'}}
WITH_TOOLS: list[dict[str, Any]] = [
    {"role": "developer", "content": "Be short."},
    {"role": "system", "content": ""},
    {"role": "user", "content": [{"type": "text", "text": "Warm?"}, {"type": "image_url", "image_url": "https://a/b"}]},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "name": "weather", "content": "21"},
]


def read(prompt: object, **more: object) -> dict[str, Any]:
    [row] = podium.rows({"id": 1, "prompt": prompt, "completions": [{"text": "Yes."}, {"text": "No."}], **more})
    return row


def test_roles_calls_and_parts_are_shown_and_the_messages_kept_as_they_were() -> None:
    row = rows.parse_row(read(WITH_TOOLS, metadata={"topic": "weather"}))
    assert [(message["role"], message["content"]) for message in row.messages] == [
        ("system", "Be short."),
        ("system", ""),
        ("user", "Warm?\n\n![image](<https://a/b>)"),
        ("assistant", '```json\n{"name": "weather", "arguments": "{\\"at\\": \\"Bonn\\"}"}\n```'),
        ("user", "[tool weather]\n\n21"),
    ]
    assert row.metadata == {"topic": "weather", "prompt": WITH_TOOLS}


def test_plain_messages_stay_as_they_are() -> None:
    prompt = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Warm?"}]
    assert read(prompt) == {
        "id": "1", "prompt": prompt, "completions": [{"text": "Yes."}, {"text": "No."}]
    }  # fmt: skip


@pytest.mark.parametrize("role", ["robot", "", None, 5, ["tool"], {"tool": 1}])
def test_a_role_that_nobody_knows_is_refused_by_its_place(role: object) -> None:
    with pytest.raises(Refused) as refused:
        rows.parse_row(read([{"role": "tool", "content": "21"}, {"role": role, "content": "Warm?"}]))
    assert refused.value.field in ("prompt[0].role", "prompt[1].role")


def test_a_part_without_its_text_is_refused_by_its_place() -> None:
    with pytest.raises(Refused) as refused:
        read([{"role": "user", "content": [{"type": "text", "text": "Warm?"}, {"type": "text"}]}])
    assert refused.value.field == "prompt[0].content[1].text"


def test_metadata_that_is_none_is_the_parsers_to_refuse() -> None:
    with pytest.raises(Refused) as refused:
        rows.parse_row(read(WITH_TOOLS, metadata=5))
    assert refused.value.field == "metadata"
