"""What the board says: reasons, buttons, and the words of its script."""

from __future__ import annotations

from django.utils.translation import gettext_lazy, gettext_noop

# Stored as they stand here and shown in the reader's language, whoever gave them in which.
SKIP_REASONS = (
    gettext_noop("I don't know the subject well enough"),
    gettext_noop("I can't read the language"),
    gettext_noop("I don't want to read this"),
)
STRENGTHS = (
    (1, gettext_lazy("Slightly better")),
    (2, gettext_lazy("Clearly better")),
    (3, gettext_lazy("Much better")),
)

# What the board's script says, with {names} that it fills in.
SAYS = {
    "placed": gettext_lazy("{letter} is in slot {rank}."),
    "tied": gettext_lazy("{letter} is in slot {rank}, tied with {others}."),
    "back": gettext_lazy("{letter} is unranked again."),
    "missing": gettext_lazy("Not placed yet: {letters}."),
    "missing_best": gettext_lazy("Place the best {best}; not placed yet: {letters}."),
    "unplaced": gettext_lazy("{letter} is not placed yet: type 1 to {slots}."),
    "slots": gettext_lazy("There are {slots} slots."),
    "left": gettext_lazy("{n} to go."),
    "all": gettext_lazy("All placed."),
    "all_best": gettext_lazy("The best are placed; the rest counts as below."),
    "kept": gettext_lazy("What you chose is kept."),
    "elsewhere": gettext_lazy("Changed in another window; this is its state."),
    "sorted": gettext_lazy("Shown in your order, best first."),
    "unsorted": gettext_lazy("Shown in the first order again."),
    "yes": gettext_lazy("{label}: yes."),
    "no": gettext_lazy("{label}: no."),
    "open": gettext_lazy("{label}: not answered any more."),
    "unanswered": gettext_lazy("Not answered yet: {labels}."),
    "questions": gettext_lazy("{n} to answer."),
    "answered": gettext_lazy("All answered."),
    "no_flags": gettext_lazy("This project asks for no flags."),
    "line_none": gettext_lazy("None is acceptable."),
    "line_all": gettext_lazy("All are acceptable."),
    "line": gettext_lazy("Acceptable down to slot {rank}."),
    "rated": gettext_lazy("{label}: {value}."),
    "rest": gettext_lazy("The rest the same: {value}."),
    "nothing_to_repeat": gettext_lazy("Rate one first; then d gives the rest the same."),
    "too_far": gettext_lazy("This scale ends at {scale}."),
    "rank_first": gettext_lazy("Rank one first, then write a better one."),
    "unsaid": gettext_lazy("Not said yet: {labels}."),
    "asks": gettext_lazy("{n} to say."),
    "next": gettext_lazy("The next prompt is here."),
    "taken_back": gettext_lazy("Taken back. Change what you like and submit again."),
}
