"""The ids under which a labeler sees completions: one assignment's, they say nothing of key, model, file or order.

See docs/decisions/0080-ids-that-a-labeler-sees.md.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from labeling.models import Assignment

OF_COMPLETIONS = ("ranks", "flags", "notes", "attributes", "comparisons")  # fields of a draft, by completion
BYTES = 10  # of the hash: 80 bits, 16 letters and digits


def of(assignment: Assignment, completion: int) -> str:
    """Makes the id of a completion, given its key."""
    return hashed(assignment.pk, assignment.seed, completion)


def hashed(assignment: int, seed: int, completion: int) -> str:
    """Makes it of keys: a hash keyed by the assignment's seed, which nobody is ever shown."""
    digest = hmac.digest(str(seed).encode(), f"{assignment}/{completion}".encode(), "sha256")
    return "c" + base64.b32encode(digest[:BYTES]).decode().lower()


def all_of(assignment: Assignment) -> dict[str, int]:
    """Gives the key of each completion by its id, in the order that the labeler sees."""
    return {of(assignment, completion): completion for completion in assignment.shown_order}


def former(assignment: Assignment) -> dict[str, str]:
    """Gives the ids by those of before: database keys, which a page or client from before an upgrade still sends.

    Only where its labeler was shown them. Taken anywhere else they could be tried out, one by one, to learn which
    completion of the screen has which key.
    """
    return {str(key): name for name, key in all_of(assignment).items()} if assignment.keys_shown else {}


def draft_of(assignment: Assignment) -> object:
    """Gives the draft as it was stored, under the ids of today."""
    ids, draft = former(assignment), assignment.draft
    if not ids or not isinstance(draft, Mapping):
        return draft
    return {name: _under(value, ids) if name in OF_COMPLETIONS else value for name, value in draft.items()}


def _under(value: object, ids: Mapping[str, str]) -> object:
    """Sorts: the order of the former keys would tell what the ids do not."""
    if not isinstance(value, Mapping):
        return value
    return dict(sorted((ids.get(key, key), item) for key, item in value.items()))
