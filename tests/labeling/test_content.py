"""Markdown is shown as what it means, and nothing in it runs."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from labeling.content import messages_as_text, render


class Tags(HTMLParser):
    """Every tag of a text with its attributes, as a browser would read them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def test_it_renders_what_people_write() -> None:
    html = render("# Title\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx < 1\n```")
    for part in ("<h1>Title</h1>", "<li>one</li>", "<td>1</td>", "x &lt; 1"):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "![x](javascript:alert(1))",
        '![x](http://a" onerror="alert(1))',
        "<svg/onload=alert(1)>",
        "`<b>`<iframe src=//evil>",
    ],
)
def test_nothing_in_it_becomes_code(text: str) -> None:
    tags = Tags()
    tags.feed(render(text))
    for tag, attributes in tags.found:
        assert tag in {"p", "a", "code", "br"}
        assert set(attributes) <= {"href", "target", "rel", "title"}
        assert attributes.get("href", "https:").startswith(("http:", "https:", "mailto:"))


def test_raw_html_stays_readable_as_text() -> None:
    assert "&lt;b&gt;bold&lt;/b&gt;" in render("<b>bold</b>")


def test_links_open_apart_and_tell_nobody_where_they_come_from() -> None:
    html = render("[site](https://example.org)")
    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_an_image_is_a_link_to_it() -> None:
    assert '<a href="https://example.org/cat.png"' in render("![a cat](https://example.org/cat.png)")


def test_a_lone_question_is_itself_and_a_dialogue_names_its_speakers() -> None:
    assert messages_as_text([{"role": "user", "content": "Hi"}]) == "Hi"
    dialogue = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
    ]
    assert messages_as_text(dialogue) == "User: Hi\n\nAssistant: Hello\n\nUser: Bye"
