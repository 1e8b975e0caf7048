"""What a project says of gold and self-repeats, as fields."""

from __future__ import annotations

from labeling.api.rest.fields import Whole
from labeling.api.rest.requests import KnownFields
from labeling.models.projects import CHECKS


def _whole(name: str, said: str) -> Whole:
    low, high = CHECKS[name]
    return Whole(required=False, min_value=low, max_value=high, help_text=said)


def _mark(name: str) -> Whole:
    return _whole(name, "Percent of comparisons, held against the lower end of a person's interval; 0: never.")


class ChecksSerializer(KnownFields):
    gold_percent = _whole("gold_percent", "Of the tasks that a labeler gets, those with gold; 0: none.")
    repeat_percent = _whole("repeat_percent", "Of these, those that they answered before; 0: none.")
    repeat_after = _whole("repeat_after", "After so many other answers of the person a prompt comes again.")
    repeat_minutes = _whole("repeat_minutes", "And after so many minutes.")
    gold_warn = _mark("gold_warn")
    gold_pause = _mark("gold_pause")
    gold_stop = _mark("gold_stop")
    repeat_warn = _mark("repeat_warn")
    repeat_pause = _mark("repeat_pause")
    repeat_stop = _mark("repeat_stop")
    check_fewest = _whole("check_fewest", "Nothing happens to whoever answered fewer checks.")
    qualify_items = _whole("qualify_items", "Practice items that labelers answer before their first task; 0: none.")
    qualify_percent = _whole("qualify_percent", "Of their comparisons, to pass; a tie is half right.")
    qualify_attempts = _whole("qualify_attempts", "Attempts of one person.")
    qualify_wait_hours = _whole("qualify_wait_hours", "Hours from one attempt to the next.")
