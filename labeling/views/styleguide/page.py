"""/styleguide/: every part of the interface on one page, alive, for the people who build it. Staff only."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django import forms
from django.contrib.staticfiles import finders
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from labeling import content
from labeling.board.pictures import Picture, Spot
from labeling.judgements import RANKING
from labeling.projects import pace
from labeling.views.doors import SignedIn, signed_in
from labeling.views.styleguide import palette
from labeling.views.styleguide.drawings import drawings

SIZES = {
    1: "labels, help",
    2: "the interface",
    3: "reading",
    4: "sections, sentences",
    5: "pages on a phone",
    6: "pages",
}
SPACES = range(1, 9)
SLOTS = [{"number": 1, "letters": "B"}, {"number": 2, "letters": "AE"}, {"number": 3, "letters": ""}]
SERIES = {
    "series-1": "the model",
    "series-2": "training",
    "series-3": "the champion",
    "series-people": "people, baselines",
}


def _spots(tiers: str) -> list[list[Spot]]:
    """Reads "2B > 1A = 3C": numbers of completions, and the letters that a person saw."""
    return [
        [Spot(spot.rstrip("ABCDEF"), spot.lstrip("123456")) for spot in tier.split(" = ")]
        for tier in tiers.split(" > ")
    ]


PICTURES = (
    ("Two completions", Picture(_spots("2B > 1A"), labeler="ada")),
    ("A tie", Picture(_spots("2B > 1A = 3C"), labeler="ada")),
    ("All tied", Picture(_spots("1C = 2B = 3A"), labeler="bo")),
    ("Six completions", Picture(_spots("4A > 1F = 6B > 2E > 3C > 5D"), labeler="cy")),
    (
        "The best two, the rest not ranked",
        Picture(_spots("4A > 1F"), rest=[Spot("2", "E"), Spot("3", "C"), Spot("5", "D"), Spot("6", "B")], labeler="cy"),
    ),
    ("Imported: nobody saw letters", Picture(_spots("2 > 1 > 3"), labeler="dee")),
    ("One's own, by the letters that one saw", Picture([[Spot("B")], [Spot("A"), Spot("C")]])),
    ("Replaced or withdrawn", Picture(_spots("3C > 1B > 2A"), labeler="ada", live=False)),
    ("A classification of one text", Picture(flags=("Hateful", "Rude", "no to 2"), labeler="bo")),
    ("A classification of several", Picture(_spots("1A = 2B"), ("Hateful: 2", "no to 1"), labeler="cy")),
)
PROSE = """A completion as people read it, with **strong** and *gentle* words, `code` and a [link](https://example.org).

> A quotation stands a little apart.

1. First things first
2. Then the rest

```python
def best(answers):
    return max(answers, key=reward)
```

| answer | rank |
|---|---|
| A | 1 |
| B | 2 |
"""


class Sample(forms.Form):
    """Fields in each of their states."""

    name = forms.CharField(help_text="What the field is for stands before it.")
    wrong = forms.CharField(label="Something wrong")
    number = forms.IntegerField(initial=4)
    choice = forms.ChoiceField(choices=[("a", "One of a few"), ("b", "Another")])
    radio = forms.ChoiceField(
        choices=[("a", "This one"), ("b", "Or that one")], widget=forms.RadioSelect, initial="a", label="One of two"
    )
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}))
    locked = forms.CharField(disabled=True, initial="It stays as it is", label="Locked")


class SampleNarrowing(forms.Form):
    """What narrows a list (labeling/forms/finding.py), of which the last is folded away."""

    q = forms.CharField(required=False, label="Search", widget=forms.SearchInput())
    disagreement = forms.ChoiceField(required=False, choices=[("", "Any"), ("yes", "People disagree")])
    split = forms.ChoiceField(required=False, choices=[("", "Any"), ("test", "Test")])
    has_others = False

    @property
    def main(self) -> list[forms.BoundField]:
        return [self["q"], self["disagreement"]]

    @property
    def others(self) -> list[forms.BoundField]:
        return [self["split"]]


@require_safe
@signed_in
def styleguide(request: SignedIn) -> HttpResponse:
    if not request.user.is_staff:
        raise Http404("the style page is for staff")
    tokens = Path(str(finders.find("css/tokens.css"))).read_text()
    named = palette.colours(tokens)
    context = {
        "sides": [
            {"theme": theme, "form": sample(theme), "narrowing": SampleNarrowing(prefix=f"{theme}-list")}
            for theme in ("light", "dark")
        ],
        "named": named.values(),
        "meanings": palette.meanings(tokens).items(),
        "pairs": palette.pairs(named),
        "sizes": SIZES.items(),
        "spaces": SPACES,
        "slots": SLOTS,
        "pictures": PICTURES,
        "prose": content.render(PROSE),
        "days": sample_days(),
        "words": RANKING.words,
        "most": 9,
        "series": SERIES.items(),
        "drawings": drawings(),
        "now": timezone.now(),
    }
    return render(request, "labeling/styleguide/page.html", context)


def sample(prefix: str) -> Sample:
    form = Sample(
        {
            f"{prefix}-name": "Podium",
            f"{prefix}-number": 4,
            f"{prefix}-radio": "a",
            f"{prefix}-text": "It grows with what is typed.",
        },
        prefix=prefix,
    )
    form.fields["text"].required = form.fields["choice"].required = False
    form.full_clean()
    return form


def sample_days() -> list[pace.Day]:
    today, counts = timezone.localdate(), (2, 0, 4, 6, 5, 0, 0, 3, 7, 9, 6, 4, 0, 3)
    return [
        pace.Day(today - timedelta(days=13 - place), count, place, round(count / 9 * 100, 1))
        for place, count in enumerate(counts)
    ]
