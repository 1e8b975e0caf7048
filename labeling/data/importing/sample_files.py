"""A sample file of each layout, to see how a file has to look."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.utils.translation import gettext as _

from formats.layouts import known
from formats.layouts.layout import Layout
from labeling.data.importing.upload_layouts import title_of

FOLDER = Path(__file__).parent / "samples"
MEDIA_TYPES = {".jsonl": "application/x-ndjson", ".json": "application/json", ".csv": "text/csv; charset=utf-8"}


@dataclass(frozen=True)
class Sample:
    layout: Layout
    path: Path

    @property
    def title(self) -> str:
        return title_of(self.layout)

    @property
    def about(self) -> str:
        return _words()[self.layout.name]

    @property
    def file_name(self) -> str:
        return f"podium-sample-{self.path.name}"

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.path.suffix]


@cache
def samples() -> dict[str, Sample]:
    """Gives each layout's by its name, in the order in which people read the layouts."""
    paths = {path.stem: path for path in FOLDER.iterdir()}
    return {layout.name: Sample(layout, paths[layout.name]) for layout in known.KNOWN}


def _words() -> dict[str, str]:
    return {
        "podium": _("a prompt, its completions, and rankings if there are any"),
        "trl-preference": _("a chosen and a rejected text or dialogue, with the prompt or without"),
        "hh-rlhf": _("two transcripts of a dialogue, the chosen and the rejected"),
        "openai-preference": _("messages, a preferred and a non-preferred output"),
        "openai-chat": _("messages that end with an answer, and perhaps a rejected one"),
        "llama-factory": _("a dialogue, a chosen and a rejected answer"),
        "nemo-rl": _("a context and completions with a rank each"),
        "ultrafeedback": _("an instruction and completions with scores"),
        "lmarena": _("battles of two models, with the winner or a tie"),
        "helpsteer3": _("two responses and how much better one is, by several people"),
        "helpsteer2": _("two responses and how much better one is"),
        "helpsteer2-ratings": _("a row for each response, with its ratings"),
        "multipref": _("two completions, with the preferences of several people"),
        "nectar": _("answers with a rank each"),
        "argilla": _("records with answers to a ranking question"),
        "label-studio": _("JSON or JSON-MIN of a pairwise or ranking project"),
        "potato": _("annotations of a pairwise, ranking or best-worst scheme"),
        "wide-table": _("a row for each prompt: its completions side by side, and the winner, ranks or scores"),
        "long-table": _("a row for each completion, with its rank or score"),
    }
