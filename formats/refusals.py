"""What is wrong with a row: the field, the value seen, and a code with values that anybody can word in any language."""

from __future__ import annotations

from typing import Self

from formats import values

WHOLE = "%(field)s: %(remedy)s (got %(value)s)"

# In English; whoever speaks to people in their language has the same sentences in a catalogue. `remedy` is a code too.
WORDS = {
    "not_utf8": "not UTF-8 at byte %(n)s: save the file as UTF-8",
    "not_json": "not valid JSON (%(error)s): one JSON object a line",
    "bad_json": "not valid JSON (%(error)s)",
    "trailing_comma": "stands after a comma, so a record seems to be missing: take the comma out",
    "ragged": "has %(n)s cells, and the header names %(columns)s columns: see to quotes and delimiters",
    "open_quote": "a quote that opens in this line is never closed: close it",
    "bad_quote": "has something behind a closing quote: write a quote within quotes twice",
    "large_row": "has more than %(limit)s MiB: shorten it",
    "binary": "is bytes or another value that is no JSON: write it as a text",
    "not_object": "each line must be a JSON object",
    "unknown_key": "unknown key; these are known: %(known)s",
    "misspelt_key": "unknown key; did you mean %(meant)s?",
    "repeated_key": "this key stands twice in one object: keep one of them",
    "no_text": "must be a text that is not empty: %(remedy)s",
    "row_id": "give each row an id, unique in the file",
    "question": "what is asked",
    "completion_id": "give each completion an id",
    "completion_text": "leave a completion without words out",
    "row_without_completions": "leave a row without completions out",
    "labeler": "who ranked",
    "nul": "has a NUL character, which PostgreSQL can't store: remove it",
    "surrogate": "has half a surrogate pair: repair the encoding",
    "number": "is a number beyond all that can be stored: write it as a text",
    "depth": "is nested deeper than %(most)s levels",
    "too_long": "is %(n)s characters long, %(limit)s at most",
    "too_many": "is a list of %(n)s, %(most)s at most",
    "prompt": 'must be a text or a list of {"role", "content"}',
    "message": 'must be {"role", "content"}',
    "role": "must be one of %(roles)s",
    "content": "must be a text",
    "ends_with_assistant": "must not end with the assistant: its last turn is what the completions are",
    "completions": "must be a list of %(low)s to %(high)s",
    "some_completions": "must be a list of at least %(low)s",
    "texts": "must be a list of at least one text",
    "completion": 'must be {"id", "text"}',
    "model": "must be a text, or left out",
    "repeated_id": "is completions[%(other)s]'s too: make ids unique",
    "repeated_text": "is the same as completions[%(other)s]'s: keep one of them",
    "split": "must be one of %(splits)s, or left out",
    "rankings": 'must be a list of {"labeler", "ranks"}',
    "ranking": 'must be {"labeler", "ranks"}',
    "ranking_id": "must be a text, or left out",
    "repeated_labeler": "ranked this prompt above already: one ranking each",
    "ranks": "must be a list of %(k)s ranks, one for each completion",
    "rank": "must be a whole number, 1 is best",
    "strength": "must be 1 (slightly), 2 (clearly) or 3 (much better), or left out",
    "gold": 'must be {"ranks", "flags", "explanation"}, or left out',
    "gold_says_nothing": "needs something to tell answers by: two ranks, or the answer to a question",
    "strength_of_more": "is between two completions, and this row has %(k)s: leave it out",
    "strength_of_tie": "the two are tied, so neither is better: leave it out",
    "top_k": "must be how many completions stand above the last rank, here %(above)s and at least 1, or left out",
    "acceptable": "must be how many tiers are acceptable, from 0 to %(most)s, or left out",
    "reasons": "must be a list of names, or left out",
    "reason": "name the reason",
    "attributes": "must be a list of %(k)s objects, one for each completion, or left out",
    "attributes_of_one": 'must be an object such as {"helpful": 4}',
    "rating": "must be whole numbers from 1 to %(most)s, or of two completions such as 2 and -2",
    "rewrite": 'must be {"of": "a completion\'s id", "text"}, or left out',
    "rewrite_of": "must be the id of a completion that this ranking puts first",
    "rewrite_text": "what would be better than it",
    "of_an_order": "belongs to an order, and this project asks for none: leave it out",
    "flags": "must be a list of %(k)s objects, one for each completion",
    "flags_of_one": 'must be an object such as {"hateful": false}',
    "many_flags": "has %(n)s flags, %(most)s at most",
    "tags": "must be a list of words, or a text of words between commas",
    "tag": "must be a text of visible letters",
    "metadata": "must be an object",
    "large_metadata": "has %(size)s KiB as JSON, %(limit)s at most",
    "text": "must be a text",
    "list": "must be a list of at least %(low)s",
    "object": "must be an object",
    "number_wanted": "must be a number",
    "whole_number": "must be a whole number",
    "one_of": "must be one of %(known)s",
    "no_column": "no column has this name; these are there: %(known)s",
    "same_texts": "is the same as %(other)s, so nothing is preferred: leave the record out",
    "no_transcript": 'must be turns of "\\n\\nHuman: " and "\\n\\nAssistant: ", the last the assistant\'s',
    "no_common_beginning": "must begin with the same turns as %(other)s, and end with one of its own",
    "written_so": "can't be written so: %(title)s has no place for it",
    "no_completion": "must end with the assistant's turn, which is the completion",
    "comes_again": "is a prompt of rows further up: sort the table so that a prompt's rows follow each other",
    "as_many": "must be a list of %(n)s, as many as %(other)s has",
    "no_ranking_question": "has no answer that ranks fields; these are there: %(known)s",
    "no_two_texts": "has no two texts of known names: name them such as %(known)s",
    "no_list_ranked": "has no list of the texts that were ranked: add it to each record",
    "buckets": "sorts into several buckets, of which nobody says which is better: export one list",
    "part": 'must be a text, or a list of parts such as {"type": "text", "text": "..."}',
    "no_map": "no prompt or completions among these columns; name them, such as prompt=question",
    "other_prompt": "is another prompt than the row above has, with the same id",
}


class Refused(Exception):
    """Names the field, the value seen and what to do, the last by its code. Words are made when somebody reads them."""

    def __init__(self, field: str, value: object, code: str, **values: object) -> None:
        super().__init__(field, code)
        self.field, self.value, self.code, self.values = field, value, code, values

    def within(self, place: str) -> Self:
        """Names the place as it is seen from outside: `text` within completions[0] is completions[0].text."""
        between = "." if self.field and not self.field.startswith("[") else ""
        self.field = f"{place}{between}{self.field}"
        return self

    @property
    def shown(self) -> str:
        """Writes the value for a message."""
        return values.shown(self.value)

    def __str__(self) -> str:
        return WHOLE % {"field": self.field, "remedy": self.remedy, "value": self.shown}

    @property
    def remedy(self) -> str:
        """Says what to do, in English. Of a code that is not of the format, the code: whoever made it has the words."""
        values = {**self.values, **({"remedy": WORDS[str(self.values["remedy"])]} if "remedy" in self.values else {})}
        return WORDS.get(self.code, self.code) % values
