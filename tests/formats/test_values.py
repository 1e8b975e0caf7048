"""JSON that is read strictly, what can't be stored of it, and how little of a value a message shows."""

from __future__ import annotations

import json

import pytest

from formats.values import CLIP, MAX_DEPTH, Repeated, flaw_of, parse, shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": NaN}', "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[" + "9" * 5000 + "]", "a number has more than 4,300 digits"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": ' * 100_000, "nested too deep"),
        ("{", "Expecting property name"),
    ],
)
def test_what_is_no_json_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)


def test_a_key_that_stands_twice_is_known() -> None:
    value = parse('{"a": 1, "b": {"c": 1, "d": 2, "c": 3}}')
    assert isinstance(value, dict)
    assert not isinstance(value, Repeated)
    assert isinstance(value["b"], Repeated)
    assert (value["b"].key, value["b"]) == ("c", {"c": 3, "d": 2})


@pytest.mark.parametrize(
    ("value", "kind", "path"),
    [
        ({"a": [1, {"b": "x\x00"}]}, "nul", "m.a[1].b"),
        ({"a": {"b\x00": 1}}, "nul", "m.a"),
        ({"a": "\ud83d"}, "surrogate", "m.a"),
        (json.loads('{"reward": 1e999}'), "number", "m.reward"),
        ([float("nan")], "number", "m[0]"),
    ],
)
def test_what_can_not_be_stored_is_found_by_its_path(value: object, kind: str, path: str) -> None:
    flaw = flaw_of(value, "m")
    assert flaw is not None
    assert (flaw.kind, flaw.path) == (kind, path)


@pytest.mark.parametrize(
    "value", [r"[^\u0000-\u007F]+", {r"\u0000": "é😀"}, [1e308, 10**400, None, True], "\U0001f600"]
)
def test_what_can_be_stored_is_let_through(value: object) -> None:
    assert flaw_of(value, "m") is None


def test_what_is_nested_too_deep_to_be_stored_is_found_without_recursion() -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    flaw = flaw_of(value, "m")
    assert flaw is not None
    assert flaw.path == "m" + "[0]" * MAX_DEPTH


@pytest.mark.parametrize(
    "value",
    ["x" * 10**7, ["x"] * 10**6, "\ud800" * 100, {"k" * 10**6: 1}, {"a": [[[[[[1]]]]]] * 1000}],
    ids=["long text", "long list", "surrogates", "long key", "wide"],
)
def test_a_message_shows_little_of_it_and_can_be_sent(value: object) -> None:
    text = shown(value)
    text.encode()
    assert len(text) <= CLIP * len(r"\ud800")


def test_a_message_shows_what_is_nested_without_end() -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    assert shown(value).startswith("[[[")
