"""What can be sent to a door at a size n: made from the schema of what it reads, so that a new field is tried too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.every_door import document

Body = Callable[[int], bytes]
Schema = Mapping[str, Any]

# What is refused, or not, by the reader of JSON alone.
BROKEN: dict[str, Body] = {
    "a list of n": lambda n: b"[" + b"0," * n + b"0]",
    "n keys": lambda n: json.dumps({f"key{place}": place for place in range(n)}).encode(),
    "one key n times": lambda n: b'{"a": 0' + b', "a": 0' * n + b"}",
    "n lists in one another": lambda n: b"[" * n + b"]" * n,
    "n objects in one another": lambda n: b'{"a":' * n + b"0" + b"}" * n,
    "n open lists": lambda n: b"[" * n,
    "n lists beside one another": lambda n: b"[" + b"[]," * n + b"[]]",
    "a number of n digits": lambda n: b'{"a": ' + b"9" * n + b"}",
    "a fraction of n digits": lambda n: b'{"a": 0.' + b"9" * n + b"}",
    "n escapes": lambda n: b'{"a": "' + b"\\u0041" * n + b'"}',
    "n halves of a pair": lambda n: b'{"a": "' + b"\\ud800" * n + b'"}',
    "n numbers under a key of n letters": lambda n: b'{"' + b"\\u0041" * n + b'": [' + b"0," * n + b"0]}",
    "n backslashes and no end": lambda n: b'{"a": "' + b"\\" * n,
    "n quotes": lambda n: b'"' * n,
    "n blanks": lambda n: b" " * n,
    "n bytes that are no text": lambda n: b"\xff" * n,
}


def bodies(schema: Schema) -> Iterator[tuple[str, Body]]:
    """Of each field something that is too much of it, beside what else must be there."""
    schema = _resolved(schema)
    yield "n unknown keys", lambda n: json.dumps({f"key{place}": place for place in range(n)}).encode()
    for name, field in schema.get("properties", {}).items():
        for what, sized in values(field):
            yield f"{name}: {what}", _with(_required(schema), name, sized)


def _with(others: dict[str, Any], name: str, sized: Callable[[int], object]) -> Body:
    return lambda n: json.dumps({**others, name: sized(n)}).encode()


def values(schema: Schema, depth: int = 0) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """Values of size n of one field, those of what it holds too."""
    schema = _resolved(schema)
    for choice in schema.get("oneOf", ()):
        yield from values(choice, depth)
    kind = schema.get("type")
    if kind == "string":
        yield "n letters", lambda n: "x" * n
        yield "n words", lambda n: "ab " * n
    elif kind in ("number", "integer"):
        yield "n digits", lambda n: int("9" * min(n, 4000))
    elif kind == "array":
        item = example(schema.get("items", {}))
        yield "n of one", lambda n: [item] * n
        yield "n texts", lambda n: [f"text {place}" for place in range(n)]
        yield "n empty lists", lambda n: [[]] * n
        if depth < 1:
            for what, sized in values(schema.get("items", {}), depth + 1):
                yield f"one of {what}", lambda n, sized=sized: [sized(n)]  # type: ignore[misc]
    elif kind == "object":
        held = example(schema.get("additionalProperties") or {})
        yield "n keys", lambda n: {f"key{place}": held for place in range(n)}
        yield "a key of n letters", lambda n: {"x" * n: held}


def example(schema: Schema) -> Any:
    """The least value that the schema takes."""
    schema = _resolved(schema)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        return _required(schema)
    if kind == "array":
        return [example(schema.get("items", {}))]
    least = {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 0.5), "boolean": True}
    return {"a": True} if kind == "object" else least.get(str(kind), "x")


def _required(schema: Schema) -> dict[str, Any]:
    return {name: example(schema["properties"][name]) for name in schema.get("required", ())}


def _resolved(schema: Schema) -> Schema:
    if "allOf" in schema:
        schema = schema["allOf"][0]
    if "$ref" in schema:
        found: Schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema
