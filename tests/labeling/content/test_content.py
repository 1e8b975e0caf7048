"""Markdown is shown as what it means, all of it, and nothing in it runs."""

from __future__ import annotations

from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.content import MAX_RENDERED, direction, look_alike, messages_as_text, render, source
from labeling.content.highlight import highlighted
from labeling.content.tex import mathml
from tests.corpus.markup import PAYLOADS, Payload
from tests.corpus.reading import ATTRIBUTES, CLASSES, HARMLESS, Reader


def test_the_corpus_is_large_and_no_name_in_it_is_taken_twice() -> None:
    assert len(PAYLOADS) >= 150
    assert len({payload.name for payload in PAYLOADS}) == len(PAYLOADS)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.name)
def test_nothing_in_it_becomes_code_and_everything_can_be_read(payload: Payload) -> None:
    read = Reader(render(payload.text))
    for tag, attributes in read.tags:
        assert tag in HARMLESS
        assert set(attributes) <= ATTRIBUTES
        assert set(attributes.get("class", "").split()) <= CLASSES
        assert attributes.get("href", "https:").lower().startswith(("http:", "https:", "mailto:"))
        assert tag != "a" or attributes["rel"] == "noopener noreferrer nofollow"
    assert payload.words in read.text


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_rendered(text: str) -> None:
    render(text)


@settings(deadline=None)
@given(st.text(alphabet="*_[]()<>`$\\|-#>!~{}^&\n :/a1", max_size=80))
def test_any_mixture_of_marks_is_rendered(text: str) -> None:
    for tag, attributes in Reader(render(text)).tags:
        assert tag in HARMLESS
        assert set(attributes) <= ATTRIBUTES


def test_it_renders_what_people_write() -> None:
    html = render("# Title\n\n- one\n- two\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n~~no~~ **yes**")
    for part in (
        '<h1 dir="ltr">Title</h1>',
        "<li>one</li>",
        '<td dir="auto">1</td>',
        '<td dir="auto" class="right">2</td>',
        "<s>no</s>",
        "<strong>yes</strong>",
    ):
        assert part in html


def test_raw_html_stays_readable_as_text() -> None:
    assert "&lt;b&gt;bold&lt;/b&gt;" in render("<b>bold</b>")


def test_links_open_apart_and_tell_nobody_where_they_come_from() -> None:
    html = render("[site](https://example.org) and https://example.org/a_(b).")
    assert html.count('target="_blank" rel="noopener noreferrer nofollow"') == 2
    assert '<a href="https://example.org/a_(b)"' in html


def test_a_file_name_is_no_address() -> None:
    assert "<a" not in render("See main.py, README.md and example.org. xhttp://a.org http:// https://...")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("(see https://a.org/b_(c)).", "https://a.org/b_(c)"),
        ("*HTTPS://a.org/x?y=z#w!*", "HTTPS://a.org/x?y=z#w"),
        ("\u89c1https://a.org/\u4e2d\u6587\u3002\u4e0b", "https://a.org/\u4e2d\u6587"),
        ("'https://a.org/x', \"https://a.org/y\"", "https://a.org/y"),
    ],
)
def test_an_address_ends_where_a_reader_says_that_it_does(text: str, address: str) -> None:
    assert f">{address}</a>" in render(text)


def test_an_image_is_a_link_to_it() -> None:
    html = render('![a *cat*](https://example.org/cat.png "Mia")')
    assert '<a href="https://example.org/cat.png" target="_blank"' in html
    assert '>image: a cat</a> <span class="target" dir="ltr">https://example.org/cat.png “Mia”</span>' in html
    assert render("[![cat](https://a.org/c.png)](https://b.org)").count("<a ") == 1


class TestDirections:
    def test_every_block_reads_as_the_most_of_its_letters_do(self) -> None:
        html = render("# a\n\nOK: שלום לכולם\n\n| c |\n|---|\n| سلام |\n\n> e שלום friend\n\n1 + 1")
        for part in ('<h1 dir="ltr">', '<p dir="rtl">OK', '<th dir="ltr">', '<td dir="rtl">', '<p dir="ltr">e'):
            assert part in html
        assert '<p dir="auto">1 + 1' in html
        assert direction("ab אב") == "ltr"
        assert direction("אב ab") == "rtl"

    def test_an_item_that_reads_another_way_than_its_list_is_set_apart(self) -> None:
        html = render("- שלום לכולם\n- OK\n- 1")
        assert '<ul dir="rtl">' in html
        assert '<p dir="ltr">OK</p>' in html
        assert "<li>1</li>" in html

    def test_each_line_of_a_source_reads_by_itself(self) -> None:
        assert source("OK: שלום\nhello") == (
            '<span class="line" dir="rtl">OK: שלום\n</span><span class="line" dir="ltr">hello\n</span>'
        )

    @pytest.mark.parametrize("text", ["- שלום", "1. سلام", "> 1. שלום", "| שלום |\n|---|\n| a |"])
    def test_a_list_a_quote_and_a_table_take_that_of_most_of_their_words(self, text: str) -> None:
        html = render(text)
        assert any(f'<{tag} dir="rtl">' in html for tag in ("ul", "ol", "blockquote", "table"))
        assert 'dir="rtl"' not in render(text.replace("שלום", "peace").replace("سلام", "peace"))

    def test_code_always_reads_from_left_to_right(self) -> None:
        assert '<code dir="ltr">שלום()</code>' in render("`שלום()`")
        assert '<pre dir="ltr"' in render("```\nשלום()\n```")

    def test_an_override_is_named_and_turns_nothing(self) -> None:
        named = '<span class="unseen" data-name="U+202E">\u202e</span>'
        for text in ("\u202egnihton", "`\u202egnihton`", "```\n\u202egnihton\n```", "```python\n\u202egnihton\n```"):
            assert f"{named}gnihton" in render(text)


class TestCode:
    def test_it_has_the_colours_of_the_language_that_is_named(self) -> None:
        html = render('```python\ndef f(x):  # why\n    return "a" < 1\n```')
        for part in (
            '<p class="code__name">python</p>',
            '<span class="keyword">def</span>',
            '<span class="name">f</span>',
            '<span class="comment"># why</span>',
            '<span class="string">"a"</span> &lt; <span class="value">1</span>',
        ):
            assert part in html

    def test_a_change_shows_what_came_and_went(self) -> None:
        html = render("```diff\n-old\n+new\n```")
        assert '<span class="removed">-old</span>\n<span class="added">+new</span>' in html

    @pytest.mark.parametrize("text", ["```\ndef f\n```", "```nolanguage\ndef f\n```", "    def f", "`def f`"])
    def test_nothing_is_guessed(self, text: str) -> None:
        assert "<span" not in render(text)

    def test_a_long_one_and_a_slow_one_stay_plain(self) -> None:
        assert highlighted("x = 1\n" * 2000, "python", deadline=float("inf")) is None
        assert highlighted("x = 1", "python", deadline=thread_time()) is None
        assert highlighted("x = 1", "Python", deadline=float("inf")) is not None

    @settings(deadline=None)
    @given(st.sampled_from(["python", "json", "html", "diff", "js", "bash", "yaml"]), st.text(max_size=80))
    def test_no_character_is_lost(self, language: str, code: str) -> None:
        html = highlighted(code, language, deadline=float("inf"))
        assert html is None or "".join(Reader(html).words) == code.replace("\r\n", "\n").replace("\r", "\n")


class TestFormulas:
    @pytest.mark.parametrize("text", ["$x^2$", r"\(x^2\)", "$$x^2$$", r"\[x^2\]", "```math\nx^2\n```", "a $$x^2$$ b"])
    def test_each_way_of_writing_one_is_understood(self, text: str) -> None:
        assert "<msup><mi>x</mi><mn>2</mn></msup></mrow></math>" in render(text)
        assert 'alttext="x^2' in render(text)

    def test_a_formula_on_lines_of_its_own_may_hold_what_looks_like_markdown(self) -> None:
        for text in ("so\n$$\na\n- b\n= c\n$$\nok", "so\n\\[\na\n- b\n= c\n\\]\nok"):
            html = render(text)
            assert '<math display="block"' in html
            assert "<li>" not in html
            assert '<p dir="ltr">ok</p>' in html

    def test_lines_are_set_under_each_other(self) -> None:
        for text in (
            "\\begin{align}\na &= b \\\\\n&= c\n\\end{align}",
            "$$\\begin{aligned}a &= b \\\\ &= c\\end{aligned}$$",
            r"\[ a &= b \\ &= c \]",
        ):
            assert render(text).count("<mtr>") == 2

    @pytest.mark.parametrize(
        "text",
        [
            "$5 and $6",
            "$5-$6, US$7",
            "5$ or 6$",
            "$HOME and $PATH",
            r"\$5\$",
            r"\[sic\] \(optional\)",
            "a $ b $ c",
            "$a & b$",
            "$$",
            "Pay $5-$10, or 5$ to 10$",
            "$*#@lvez the ... bran&%$",
            "costs $5 + tax and then 6$",
            "$my_var and $other_var, $a_b$c",
            "$$lots of money$$",
            "from US$5 to US$6",
        ],
    )
    def test_what_is_none_stays_text(self, text: str) -> None:
        assert "<math" not in render(text)
        assert "<code" not in render(text)

    @pytest.mark.parametrize(
        "text",
        [
            r"$\frac{1$", r"$\unknown{x}$", r"$x^$", r"$\left( x$", r"\(\sqrt\)", r"\[ \begin{matrix} a \]",
            "$$\\frac{1}{\n$$", r"$\phantom{x}$", r"$\def\x{y}\x$", r"$\begin{heron}x\end{heron}$",
        ],
    )  # fmt: skip
    def test_one_that_is_broken_is_shown_as_its_source(self, text: str) -> None:
        html = render(text)
        assert "<math" not in html
        assert "<code" in html or "<pre" in html
        assert " ".join(text.split()) in Reader(html).text

    def test_it_is_written_anew_so_that_only_mathematics_is_left(self) -> None:
        html = mathml(
            r"\href{javascript:x}{a} \class{x}{b} \style{color:red}{c} \color{red}{d} \text{<b>}", display=False
        )
        assert html is not None
        for part in ("href=", "class=", "style=", "mathcolor", "<b>"):
            assert part not in html.split(">", 1)[1]

    def test_a_function_stands_apart_from_what_it_is_of(self) -> None:
        space = '<mspace width="0.167em"></mspace>'
        assert f"<mi>n</mi>{space}<mi>log</mi>{space}<mi>n</mi>" in str(mathml(r"n \log n", display=False))
        assert "mspace" not in str(mathml(r"\sin(x)", display=False))

    def test_after_the_deadline_sources_are_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labeling.content.markdown.PATIENCE", -1.0)
        html = render("late: $x^2$ and\n```python\nNone\n```")
        assert '<code dir="ltr">$x^2$</code>' in html
        assert "<span" not in html


def test_what_lies_too_deep_is_shown_as_it_was_written() -> None:
    read = Reader(render("> " * 40 + "deep\nlazy\n\nafter"))
    assert "> > deep lazy" in read.text
    assert read.text.endswith("after")
    nested = "".join("  " * depth + f"- item {depth}\n" for depth in range(30))
    assert all(f"item {depth}" in Reader(render(nested)).text for depth in range(30))


def test_a_text_that_nobody_could_compare_is_not_parsed() -> None:
    html = render("*a* <b>\n" * (MAX_RENDERED // 8 + 1))
    assert html.startswith('<p class="source" dir="ltr">*a* &lt;b&gt;\n')
    assert "<em>" not in html


def test_a_text_that_the_parser_trips_over_is_shown_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def trip(text: str) -> str:
        raise RuntimeError(text)

    monkeypatch.setattr("labeling.content.to_html", trip)
    assert render("*tripped* <b>") == '<p class="source" dir="ltr">*tripped* &lt;b&gt;</p>'


def test_a_lone_question_is_itself_and_a_dialogue_names_its_speakers() -> None:
    assert messages_as_text([{"role": "user", "content": "Hi"}]) == "Hi"
    dialogue = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
    ]
    assert messages_as_text(dialogue) == "User: Hi\n\nAssistant: Hello\n\nUser: Bye"


class TestDifferentTextsLookDifferent:
    @pytest.mark.parametrize(
        ("one", "two"),
        [
            ("if a:\n  b()\n  c()", "if a:\n  b()\nc()"),
            ("  a\nb", "a\nb"),
            ("a  b", "a b"),
            ("`a  b`", "`a b`"),
            ("a\tb", "a b"),
            ("&amp;lt;", "&lt;"),
            ("&lt;", "<"),
            ("[a](https://x.org)", "[a](https://y.org)"),
            ('[a](https://x.org "one")', '[a](https://x.org "two")'),
            ("![a](https://x.org)", "![a](https://y.org)"),
            ("5*3*2", "532"),
            ("(a)*(b)*(c)", "(a)(b)(c)"),
            ("/* one */ a: 0; /* two */", "/* one / a: 0; / two */"),
            ("**/a/** **/b/**", "/a/ /b/"),
            ("snake_case_name", "snakecasename"),
            ("1. a\n1. b", "1. a\n2. b"),
            ("Pay $5-$10, or 5$ to 10$", "Pay $5-10, or 5 to 10"),
            ("|a|\n|-|\n|b|c|", "|a|\n|-|\n|b|"),
            ("<!-- a -->b", "b"),
            ("<b>a</b>", "a"),
            ("# a", "a"),
            ("~~a~~", "a"),
            ("a[^1]\n\n[^1]: b", "a"),
            ("[a]: https://x.org\nb", "b"),
            ("```py\na\n```", "```js\na\n```"),
            ("\u202eabc", "abc"),
        ],
    )
    def test_when_they_are_rendered(self, one: str, two: str) -> None:
        assert render(one) != render(two)
        assert alike(one, two) == [[], []]

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            ("a", "a\n"), ("a \nb", "a\nb"), ("a\n\nb", "a\n\n\nb"), ("*a*", "_a_"), ("- a", "* a"), ("1) a", "1. a"),
            ("\\*a", "*a"), ("a  \nb", "a\\\nb"), ("# a", "# a #"), ("a\n===", "# a"), ("    a", "```\na\n```"),
            ("<https://x.org>", "https://x.org"), ("***a***", "**_a_**"), ("$x$", "x"), ("$\\alpha$", "$α$"),
            ("a b", "a\u00a0b"), ("ab", "a\u200bb"), ("ab", "a\u2067b"), ("pay", "\u0440ay"), ("é", "e\u0301"),
            ("fi", "ﬁ"), ("#### a", "##### a"),
            ("a...", "a…"), ("`a\tb`", "`a    b`"), ("> a\n> b", "> a\nb"), ("|a|\n|-|", "|a|\n|:-|"),
        ],
    )  # fmt: skip
    def test_or_it_is_known_that_they_do_not(self, one: str, two: str) -> None:
        assert alike(one, two, "another") == [[1], [0], []]
        assert source(one, marks=True) != source(two, marks=True)

    def test_the_corpus_too(self) -> None:
        texts = [payload.text for payload in PAYLOADS if len(payload.text) < 5000]
        for text in texts:
            for other in (
                f" {text}",
                f"{text} ",
                text.replace(" ", "  "),
                text.replace("*", "_"),
                f"{text}\n",
                text[1:],
            ):
                if other != text:
                    assert render(text) != render(other) or alike(text, other) == [[1], [0]], (text, other)

    @settings(deadline=None)
    @given(
        st.text(alphabet="*_[]()<>`$\\|-#>!~{}^&;\n\t :/a1\u00a0\u200b\u0430", max_size=30),
        st.text(alphabet="*_[]()<>`$\\|-#>!~{}^&;\n\t :/a1\u00a0\u200b\u0430", max_size=30),
        st.text(alphabet="*_` \n\t\\\u200b", max_size=3),
    )
    def test_any_mixture_of_marks_too(self, start: str, end: str, between: str) -> None:
        one, two = start + end, start + between + end
        if one != two:
            assert render(one) != render(two) or alike(one, two) == [[1], [0]]

    def test_equal_texts_are_no_such_thing(self) -> None:
        assert alike("a", "a", "b") == [[], [], []]

    def test_a_joiner_that_shapes_letters_is_seen(self) -> None:
        assert alike("می\u200cخواهم", "میخواهم") == [[], []]


def alike(*texts: str) -> list[list[int]]:
    return look_alike(texts, [render(text) for text in texts])
