"""A function's docstring says what the function does, in a sentence: a question or a value alone is none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from benchmarks import house

# What stands first and only begins a fragment: 'Whether it works' for 'Tells whether it works', a question without
# its verb, a value instead of what it means, a bare shape such as '(N, D) of ...', a figure.
FRAGMENT = re.compile(r"(Whether|How|Why|Which|Whom|Whose|Those|None|True|False)\b|[(\d]|'")
METHODS = {"get", "post", "put", "patch", "delete"}  # of API views, whose docstring is the operation's summary


def begins_a_fragment(docstring: str) -> bool:
    return FRAGMENT.match(docstring) is not None


def functions(package: str) -> Iterator[tuple[str, str]]:
    for path in house.tracked(f"{package}/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            is_operation = "api" in path.parts and node.name in METHODS
            if (docstring := ast.get_docstring(node)) and not is_operation:
                yield f"{path.relative_to(house.ROOT)}:{node.lineno} {node.name}", docstring


@pytest.mark.parametrize("package", house.PACKAGES)
def test_the_docstring_of_a_function_begins_with_no_fragment(package: str) -> None:
    assert [(where, docstring) for where, docstring in functions(package) if begins_a_fragment(docstring)] == []


@pytest.mark.parametrize("docstring", ["Whether it works.", "None where there is none.", "(N, D) of texts."])
def test_it_knows_a_fragment(docstring: str) -> None:
    assert begins_a_fragment(docstring)


@pytest.mark.parametrize("docstring", ["Tells whether it works.", "What looks the same has one key.", "Nobody asks."])
def test_it_leaves_a_sentence_alone(docstring: str) -> None:
    assert not begins_a_fragment(docstring)
