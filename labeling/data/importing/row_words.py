"""What is wrong with a row, in the words of a person's language: formats.refusals' codes, and those of an import."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from formats.refusals import Refused

# The sentences of formats.refusals, for the catalogues.
WORDS = {
    "not_utf8": gettext_noop("not UTF-8 at byte %(n)s: save the file as UTF-8"),
    "not_json": gettext_noop("not valid JSON (%(error)s): one JSON object a line"),
    "bad_json": gettext_noop("not valid JSON (%(error)s)"),
    "trailing_comma": gettext_noop("stands after a comma, so a record seems to be missing: take the comma out"),
    "ragged": gettext_noop("has %(n)s cells, and the header names %(columns)s columns: see to quotes and delimiters"),
    "open_quote": gettext_noop("a quote that opens in this line is never closed: close it"),
    "bad_quote": gettext_noop("has something behind a closing quote: write a quote within quotes twice"),
    "large_row": gettext_noop("has more than %(limit)s MiB: shorten it"),
    "binary": gettext_noop("is bytes or another value that is no JSON: write it as a text"),
    "not_object": gettext_noop("each line must be a JSON object"),
    "unknown_key": gettext_noop("unknown key; these are known: %(known)s"),
    "misspelt_key": gettext_noop("unknown key; did you mean %(meant)s?"),
    "repeated_key": gettext_noop("this key stands twice in one object: keep one of them"),
    "no_text": gettext_noop("must be a text that is not empty: %(remedy)s"),
    "row_id": gettext_noop("give each row an id, unique in the file"),
    "question": gettext_noop("what is asked"),
    "completion_id": gettext_noop("give each completion an id"),
    "completion_text": gettext_noop("leave a completion without words out"),
    "row_without_completions": gettext_noop("leave a row without completions out"),
    "labeler": gettext_noop("who ranked"),
    "nul": gettext_noop("has a NUL character, which PostgreSQL can't store: remove it"),
    "surrogate": gettext_noop("has half a surrogate pair: repair the encoding"),
    "number": gettext_noop("is a number beyond all that can be stored: write it as a text"),
    "depth": gettext_noop("is nested deeper than %(most)s levels"),
    "too_long": gettext_noop("is %(n)s characters long, %(limit)s at most"),
    "too_many": gettext_noop("is a list of %(n)s, %(most)s at most"),
    "prompt": gettext_noop('must be a text or a list of {"role", "content"}'),
    "message": gettext_noop('must be {"role", "content"}'),
    "role": gettext_noop("must be one of %(roles)s"),
    "content": gettext_noop("must be a text"),
    "ends_with_assistant": gettext_noop("must not end with the assistant: its last turn is what the completions are"),
    "completions": gettext_noop("must be a list of %(low)s to %(high)s"),
    "some_completions": gettext_noop("must be a list of at least %(low)s"),
    "texts": gettext_noop("must be a list of at least one text"),
    "completion": gettext_noop('must be {"id", "text"}'),
    "model": gettext_noop("must be a text, or left out"),
    "repeated_id": gettext_noop("is completions[%(other)s]'s too: make ids unique"),
    "repeated_text": gettext_noop("is the same as completions[%(other)s]'s: keep one of them"),
    "split": gettext_noop("must be one of %(splits)s, or left out"),
    "rankings": gettext_noop('must be a list of {"labeler", "ranks"}'),
    "ranking": gettext_noop('must be {"labeler", "ranks"}'),
    "ranking_id": gettext_noop("must be a text, or left out"),
    "repeated_labeler": gettext_noop("ranked this prompt above already: one ranking each"),
    "ranks": gettext_noop("must be a list of %(k)s ranks, one for each completion"),
    "rank": gettext_noop("must be a whole number, 1 is best"),
    "gold": gettext_noop('must be {"ranks", "flags", "explanation"}, or left out'),
    "gold_says_nothing": gettext_noop("needs something to tell answers by: two ranks, or the answer to a question"),
    "strength": gettext_noop("must be 1 (slightly), 2 (clearly) or 3 (much better), or left out"),
    "strength_of_more": gettext_noop("is between two completions, and this row has %(k)s: leave it out"),
    "strength_of_tie": gettext_noop("the two are tied, so neither is better: leave it out"),
    "top_k": gettext_noop(
        "must be how many completions stand above the last rank, here %(above)s and at least 1, or left out"
    ),
    "acceptable": gettext_noop("must be how many tiers are acceptable, from 0 to %(most)s, or left out"),
    "reasons": gettext_noop("must be a list of names, or left out"),
    "reason": gettext_noop("name the reason"),
    "attributes": gettext_noop("must be a list of %(k)s objects, one for each completion, or left out"),
    "attributes_of_one": gettext_noop('must be an object such as {"helpful": 4}'),
    "rating": gettext_noop("must be whole numbers from 1 to %(most)s, or of two completions such as 2 and -2"),
    "rewrite": gettext_noop('must be {"of": "a completion\'s id", "text"}, or left out'),
    "rewrite_of": gettext_noop("must be the id of a completion that this ranking puts first"),
    "rewrite_text": gettext_noop("what would be better than it"),
    "of_an_order": gettext_noop("belongs to an order, and this project asks for none: leave it out"),
    "flags": gettext_noop("must be a list of %(k)s objects, one for each completion"),
    "flags_of_one": gettext_noop('must be an object such as {"hateful": false}'),
    "many_flags": gettext_noop("has %(n)s flags, %(most)s at most"),
    "tags": gettext_noop("must be a list of words, or a text of words between commas"),
    "tag": gettext_noop("must be a text of visible letters"),
    "metadata": gettext_noop("must be an object"),
    "large_metadata": gettext_noop("has %(size)s KiB as JSON, %(limit)s at most"),
    "text": gettext_noop("must be a text"),
    "list": gettext_noop("must be a list of at least %(low)s"),
    "object": gettext_noop("must be an object"),
    "number_wanted": gettext_noop("must be a number"),
    "whole_number": gettext_noop("must be a whole number"),
    "one_of": gettext_noop("must be one of %(known)s"),
    "no_column": gettext_noop("no column has this name; these are there: %(known)s"),
    "same_texts": gettext_noop("is the same as %(other)s, so nothing is preferred: leave the record out"),
    "no_transcript": gettext_noop(
        'must be turns of "\\n\\nHuman: " and "\\n\\nAssistant: ", the last the assistant\'s'
    ),
    "no_common_beginning": gettext_noop("must begin with the same turns as %(other)s, and end with one of its own"),
    "written_so": gettext_noop("can't be written so: %(title)s has no place for it"),
    "no_completion": gettext_noop("must end with the assistant's turn, which is the completion"),
    "comes_again": gettext_noop(
        "is a prompt of rows further up: sort the table so that a prompt's rows follow each other"
    ),
    "as_many": gettext_noop("must be a list of %(n)s, as many as %(other)s has"),
    "no_ranking_question": gettext_noop("has no answer that ranks fields; these are there: %(known)s"),
    "no_two_texts": gettext_noop("has no two texts of known names: name them such as %(known)s"),
    "no_list_ranked": gettext_noop("has no list of the texts that were ranked: add it to each record"),
    "buckets": gettext_noop("sorts into several buckets, of which nobody says which is better: export one list"),
    "part": gettext_noop('must be a text, or a list of parts such as {"type": "text", "text": "..."}'),
    "no_map": gettext_noop("no prompt or completions among these columns; name them, such as prompt=question"),
    "other_prompt": gettext_noop("is another prompt than the row above has, with the same id"),
}
# What only a project has to say: of its flags, of its prompts, and of what its database has of the same row.
OF_PROJECT = {
    "not_answered": gettext_noop("must answer just the flags of the project, with true or false: %(asked)s"),
    "id_twice": gettext_noop("is line %(line)s's too: ids are unique in the file"),
    "id_twice_row": gettext_noop("is row %(line)s's too: ids are unique in the file"),
    "withdrawn": gettext_noop("was withdrawn from the project and stays so: put it back first"),
    "erased": gettext_noop("was erased from the project for good, and is not imported again"),
    "differs_above": gettext_noop(
        "is further up in the file with other texts, models or metadata: give each prompt an id of its own"
    ),
    "ranked_above": gettext_noop("ranked this prompt otherwise further up in the file: keep one of them"),
    "too_much_together": gettext_noop("is of a prompt whose rows have more than %(limit)s MiB together: shorten them"),
    "other_texts": gettext_noop("is in the project with other texts: import a changed prompt under a new id"),
    "other_model": gettext_noop("is another than the stored one, which stays: leave it out, or import under a new id"),
    "other_metadata": gettext_noop("is other than the stored one, which stays: leave it out, or import under a new id"),
    "other_split": gettext_noop(
        "this prompt is in %(split)s, by its text and for ever: leave the split out, or train from the file itself"
    ),
    "other_ranking": gettext_noop(
        "is in the project with another ranking of this prompt, which stays: leave it out, or name another labeler"
    ),
    "gold_flag": gettext_noop("is no question of this project, which asks: %(asked)s"),
    "other_gold": gettext_noop(
        "is in the project without this gold, and a file changes none: do it on the prompt's page"
    ),
    "many_rankings": gettext_noop("would be rankings of one prompt, which has %(most)s at most"),
    "many_tags": gettext_noop("would be more than %(most)s tags together with those of the project: leave some out"),
    "database": "%(reason)s",  # translated where it was made
}
_ALL = WORDS | OF_PROJECT


def words_of(refused: Refused) -> str:
    """Says the field, what to do and the value seen."""
    values = {"field": refused.field, "remedy": remedy_of(refused), "value": refused.shown}
    return _("%(field)s: %(remedy)s (got %(value)s)") % values


def remedy_of(refused: Refused) -> str:
    """Says what to do."""
    said = dict(refused.values)
    if "remedy" in said:
        said["remedy"] = _(_ALL[str(said["remedy"])])
    return _(_ALL[refused.code]) % said
