"""What an export page asks: what most people want first, all else behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.data.exporting.contents.kinds import KINDS
from labeling.data.exporting.exports import sources
from labeling.data.exporting.pair_groups import PEOPLE
from labeling.data.exporting.wanted import ALL_SPLITS, Wanted
from labeling.models import DatasetVersion, Project, Split

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_COMMAS = gettext_lazy("Several with commas. Empty: all.")


def _choice(
    label: StrOrPromise, choices: list[tuple[str, StrOrPromise]], *, help_text: StrOrPromise = ""
) -> forms.ChoiceField:
    """Makes a choice of which the first is the usual one, also where it isn't sent."""
    return forms.ChoiceField(choices=choices, required=False, initial=choices[0][0], label=label, help_text=help_text)


class ExportForm(forms.Form):
    what = _choice(gettext_lazy("What"), [(name, kind.words) for name, kind in KINDS.items() if name != "dpo"])
    format = forms.ChoiceField(
        choices=[("jsonl", "JSON Lines"), ("csv", "CSV"), ("parquet", "Parquet"), ("arrow", "Arrow")],
        label=gettext_lazy("Format"),
    )
    layout = forms.ChoiceField(
        choices=[
            ("standard", gettext_lazy("Standard: prompts and completions are texts")),
            ("conversational", gettext_lazy("Conversational: they are lists of messages")),
            ("openrlhf", gettext_lazy("OpenRLHF: pairs are whole conversations")),
            ("nemo-rl", gettext_lazy("NeMo-RL: a context, and completions with ranks")),
        ],
        initial="standard",
        label=gettext_lazy("Layout"),
    )
    split = _choice(
        gettext_lazy("Split"),
        [
            ("", gettext_lazy("Train and validation")),
            *Split.choices,
            (ALL_SPLITS, gettext_lazy("All, the test prompts too")),
        ],
        help_text=gettext_lazy("Test prompts measure the models, so they are left out unless you ask for them."),
    )
    version = forms.ModelChoiceField(
        DatasetVersion.objects.none(),
        to_field_name="number",
        required=False,
        empty_label=gettext_lazy("The labels as they are now"),
        label=gettext_lazy("From"),
    )
    columns = _choice(
        gettext_lazy("Columns"),
        [
            ("texts", gettext_lazy("The texts")),
            ("provenance", gettext_lazy("Also where each row comes from; labelers as pseudonyms")),
        ],
    )
    source = forms.ChoiceField(
        choices=sources,
        required=False,
        initial=PEOPLE,
        label=gettext_lazy("Whose labels"),
        help_text=gettext_lazy("Frozen versions hold people's alone."),
    )
    labelers = forms.CharField(
        required=False,
        label=gettext_lazy("Labelers"),
        help_text=gettext_lazy("Names or pseudonyms, several with commas. Empty: all."),
    )
    since = forms.DateField(
        required=False, label=gettext_lazy("Ranked since"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        required=False, label=gettext_lazy("Ranked until"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    least_strength = _choice(
        gettext_lazy("How much better, at least"),
        [
            ("", gettext_lazy("Any")),
            ("1", gettext_lazy("Slightly")),
            ("2", gettext_lazy("Clearly")),
            ("3", gettext_lazy("Much")),
        ],
    )
    least_agreement = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        label=gettext_lazy("Least agreement on a prompt"),
        help_text=gettext_lazy("From 0 to 1. Prompts that one person ranked are left out then."),
    )
    ties = _choice(
        gettext_lazy("Ties"),
        [
            ("keep", gettext_lazy("As they are: two that tie make no pair")),
            ("drop", gettext_lazy("Leave out prompts with a tie")),
            ("half", gettext_lazy("Two rows of half the weight")),
        ],
    )
    rows = _choice(
        gettext_lazy("Rows"),
        [
            ("each", gettext_lazy("One for each pair")),
            ("merged", gettext_lazy("Pairs of several people merged, with weights")),
        ],
    )
    flags = forms.CharField(required=False, label=gettext_lazy("Flags"), help_text=_COMMAS)
    compression = _choice(gettext_lazy("Packed"), [("none", gettext_lazy("No")), ("gzip", "gzip"), ("zstd", "zstd")])
    cells = forms.ChoiceField(
        choices=[
            ("spreadsheet", gettext_lazy("For a spreadsheet")),
            ("raw", gettext_lazy("As they are, for programs")),
        ],
        required=False,
        initial="spreadsheet",
        label=gettext_lazy("Cells of CSV"),
        help_text=gettext_lazy(
            "For a spreadsheet, texts that it would run as a formula get a ' before them, and a last column says which."
        ),
    )

    FIRST = ("what", "format", "layout", "split", "version")

    def __init__(self, project: Project, data: QueryDict | None = None) -> None:
        super().__init__(data)
        field = cast("forms.ModelChoiceField[DatasetVersion]", self.fields["version"])
        field.queryset = project.dataset_versions.all()
        field.label_from_instance = lambda obj: _("Version %(number)s") % {"number": obj.number}  # type: ignore[method-assign]

    def first(self) -> Iterator[forms.BoundField]:
        """Gives the fields that stand in the open."""
        return (self[name] for name in self.FIRST)

    def others(self) -> Iterator[forms.BoundField]:
        """Gives the fields behind them."""
        return (field for field in self if field.name not in self.FIRST)

    @property
    def has_other_choices(self) -> bool:
        """Tells whether a field behind is chosen or wrong, so that it has to be seen."""
        return self.is_bound and any(
            field.errors or (field.data or field.initial) not in ("", None, field.initial) for field in self.others()
        )

    def wanted(self) -> Wanted:
        """Gives what is chosen, of a valid form; of one that nobody has sent what is chosen in it at first."""
        chosen = self.cleaned_data if self.is_bound else {field.name: field.initial for field in self}
        usual = Wanted()
        named = {name: value for name, value in chosen.items() if name not in ("format", "split", "version")}
        for name in ("since", "until"):
            named[name] = named[name].isoformat() if named[name] else ""
        least = named.pop("least_strength")
        return Wanted(
            **{name: getattr(usual, name) if value in ("", None) else value for name, value in named.items()},
            file_format=chosen["format"] or usual.file_format,
            split=chosen["split"],
            version=chosen["version"],
            least_strength=int(least) if least else None,
        )
