"""What colours, formulas and the second lock cost, and what the comparison saves: CPU time, best of several.

    python -m benchmarks.rendering [--repeats 9]

Texts of 2,000 words: plain prose, and prose with lists, a table, code and formulas. Baseline of the rendering: the same
parser alone, which makes neither and is not safe. Baseline of the comparison: difflib on the same words.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
from collections.abc import Callable
from difflib import SequenceMatcher
from functools import partial
from time import thread_time

import django
from markdown_it import MarkdownIt

WORDS = "a fox of the forest looks at it and runs **over** the hill, [home](https://example.org) before rain"
EXTRAS = (
    "- one\n- two `x`\n- $x_1^2 + y$",
    "```python\ndef norm(x, y=0.5):\n    return (x**2 + y**2) ** 0.5  # the usual\n```",
    "| a | b |\n|---|--:|\n| 1 | $\\frac{1}{2}$ |\n| 2 | 3 |",
    "$$\\sum_{i=1}^n i = \\frac{n(n+1)}{2}$$",
)


def best(work: Callable[[], object], repeats: int) -> float:
    """Milliseconds."""
    times = []
    for _ in range(repeats):
        start = thread_time()
        work()
        times.append(thread_time() - start)
    return 1000 * min(times)


def text(draw: random.Random, *, mixed: bool) -> str:
    paragraphs = [" ".join(draw.choices(WORDS.split(), k=80)) for _ in range(25)]
    for place, extra in enumerate(EXTRAS * 3 if mixed else ()):
        paragraphs.insert(2 * place + 1, extra)
    return "\n\n".join(paragraphs)


def rendering(repeats: int) -> None:
    from labeling import content

    plain = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    for name in ("prose", "mixed"):
        source = text(random.Random(0), mixed=name == "mixed")
        bare = best(partial(plain.render, source), repeats)
        ours = best(partial(content._rendered, source), repeats)
        print(f"render {name:6} {len(source.split()):6} words {ours:7.1f} ms, {ours / bare:4.1f} x the parser alone")


def comparing(repeats: int) -> None:
    from labeling.content.word_difference import compare

    draw = random.Random(0)
    words = [f"w{int(draw.paretovariate(0.7))}" for _ in range(5000)]
    edited = [draw.choice(words) if draw.random() < 0.05 else word for word in words]
    other = [f"w{int(draw.paretovariate(0.7))}" for _ in range(5000)]
    numbers = [str(number) for number in range(2500)]
    for name, one, two in (
        ("5 % edited", words, edited),
        ("independent", words, other),
        ("every second", [f"{word} x" for word in numbers], [f"{word} y" for word in numbers]),
    ):
        left, right = " ".join(one), " ".join(two)
        ours = best(partial(compare, left, right), repeats)
        exact = SequenceMatcher(None, left.split(), right.split(), autojunk=False)
        theirs = best(exact.get_matching_blocks, 1)
        print(f"compare {name:13} 2 x 5000 words {ours:7.1f} ms, {ours / theirs:5.2f} x difflib")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    rendering(arguments.repeats)
    comparing(arguments.repeats)
