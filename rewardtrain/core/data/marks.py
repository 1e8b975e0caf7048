"""Control tokens: a tokenizer and its chat template write them; what a person or a policy typed is text, always.

A text that holds the name of one, such as `<|im_end|>`, would be cut there by the tokenizer. So such a text is read by
a copy of the tokenizer that knows its control tokens by names nobody can type, which stand only where the template put
them. All other texts, nearly all, are read by the tokenizer itself, and both give the same ids.
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from tokenizers import Tokenizer

from rewardtrain.core.errors import BackboneError

_HTML = re.compile(
    r"</?(?:a|b|blockquote|br|caption|code|dd|div|dl|dt|em|h[1-6]|hr|i|img|li|ol|p|pre|s|small|span|strong|sub|sup|table"
    r"|tbody|td|tfoot|th|thead|tr|u|ul)>"
)
_BRACKETED = re.compile(r"[<\[{(|].*[>\])}|]", re.DOTALL)
_BLANKS = " \t\r\n▁"


@dataclass(frozen=True)
class Text:
    """What is to be tokenised."""

    text: str
    literal: bool = False  # the names of control tokens in it are text; those meant as such have their aliases

    def __add__(self, other: "Text") -> "Text":
        return Text(self.text + other.text, self.literal)


class Marks:
    """The control tokens of a tokenizer, and texts read with them. Raises BackboneError where it is no fast one."""

    def __init__(self, tokenizer: Any) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise BackboneError("the backbone has no fast tokenizer; choose one with a tokenizer.json")
        self._tokenizer = tokenizer
        added, template = tokenizer.added_tokens_decoder.items(), template_source(tokenizer)
        controls = {token.content: id_ for id_, token in added if is_control(token, template)}
        self.ids = frozenset(controls.values())
        # A template can look for what it names. A special token no text may write all the same.
        named = [token for _, token in added if token.content in template]
        self.looked_for = frozenset(token.content for token in named if not token.special)
        nonce = f"q{secrets.token_hex(8)}"  # lower case and no sign, so that no normalizer changes it
        self._aliases = {name: f"{nonce}a{place:06d}z" for place, name in enumerate(controls)}
        self._hidden = {f"{nonce}h{place:06d}z": name for place, name in enumerate(controls)}
        self._ids = {self._aliases[name]: id_ for name, id_ in controls.items()}
        self._signs = {name: sign for sign, name in self._hidden.items()}
        self._name = re.compile(_any_of(controls), re.IGNORECASE if _ignores_case(tokenizer) else 0)
        self._alias, self._sign = re.compile(rf"{nonce}a\d{{6}}z"), re.compile(rf"{nonce}h\d{{6}}z", re.IGNORECASE)
        hard = [token.content for _, token in added if token.content in controls and _is_hard(token)]
        self._hard = {
            False: re.compile(_any_of(hard)),
            True: re.compile(_any_of([self._aliases[name] for name in hard])),
        }
        normalizes = any(token.normalized for _, token in added if token.content in controls)
        self._normalizer = tokenizer.backend_tokenizer.normalizer if normalizes else None

    def are_in(self, text: str) -> bool:
        """Tells whether a text holds the name of a control token."""
        if self._name.search(text):
            return True
        return self._normalizer is not None and bool(self._name.search(self._normalizer.normalize_str(text)))

    def names_in(self, text: str) -> set[str]:
        return {match.group() for match in self._name.finditer(text)} & self._aliases.keys()

    def hide(self, text: str, names: set[str]) -> str:
        """Gives the text with signs for these control tokens, which no template looks for."""
        return self._name.sub(lambda found: self._signs[found[0]] if found[0] in names else found[0], text)

    def show(self, text: str) -> str:
        """Undoes what hide did."""
        return self._sign.sub(lambda match: self._hidden[match.group().lower()], text)

    def rendered(self, text: str) -> Text:
        """Gives what a template made of hidden texts: the control tokens still in it are the template's own."""
        exact = self._name.sub(lambda match: self._aliases.get(match.group(), match.group()), text)
        return Text(self.show(exact), literal=True)

    def as_typed(self, text: str) -> Text:
        """Gives a text that holds no control token, whatever is written in it."""
        return Text(text, literal=self.are_in(text))

    def last_part(self, text: Text) -> Text:
        """Gives the end of a text that is tokenised as it is alone: from its last control token on; or all of it."""
        *_, start = (0, *(match.start() for match in self._hard[text.literal].finditer(text.text)))
        return Text(text.text[start:], text.literal)

    def closing(self, text: Text) -> Text:
        """Gives the control tokens at the end of a text, with the white space after them; perhaps none."""
        pattern = self._alias if text.literal else self._name
        places = [match.span() for match in pattern.finditer(text.text)]
        start = len(text.text)
        for begin, end in reversed(places):
            if text.text[end:start].strip():
                break
            start = begin
        return Text(text.text[start:], text.literal)

    def read(self, texts: Sequence[Text]) -> list[list[int]]:
        """Gives the token ids of each text, without what a tokenizer puts around one."""
        ids = list[list[int]]()
        for literal, group in groupby(texts, key=lambda each: each.literal):
            ids += (self._read_literally if literal else self._read)([each.text for each in group])
        return ids

    def pieces(self, text: Text) -> list[str]:
        """Gives the text as its tokens divide it; of a character that is several tokens the first has all of it."""
        if text.literal:
            stops = [stop for _, stop in self._literal.encode(text.text, add_special_tokens=False).offsets]
        else:
            read = self._tokenizer([text.text], add_special_tokens=False, return_offsets_mapping=True, verbose=False)
            stops = [stop for _, stop in read["offset_mapping"][0]]
        pieces, end = [], 0
        for stop in stops:
            pieces.append(text.text[end:stop])
            end = max(end, stop)
        return pieces

    def _read(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self._tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def _read_literally(self, texts: list[str]) -> list[list[int]]:
        encodings = self._literal.encode_batch(texts, add_special_tokens=False)
        return [[self._moved.get(id_, id_) for id_ in encoding.ids] for encoding in encodings]

    @cached_property
    def _literal(self) -> Tokenizer:
        return Tokenizer.from_str(renamed(self._tokenizer.backend_tokenizer.to_str(), self._aliases))

    @cached_property
    def _moved(self) -> dict[int, int]:
        """Gives the ids that the copy gives otherwise than the tokenizer."""
        added = self._literal.get_added_tokens_decoder().items()
        return {new: self._ids[token.content] for new, token in added if self._ids.get(token.content, new) != new}


def is_control(token: Any, template: str) -> bool:
    """Tells whether an added token is a control token: special, or a mark of the template, or one by its looks.

    Others are text that has a token of its own: runs of blanks, HTML (Gemma), words of a trade.
    """
    if not token.content.strip(_BLANKS):
        return False
    if token.special:
        return True
    return bool(_BRACKETED.fullmatch(token.content)) and (
        token.content in template or not _HTML.fullmatch(token.content)
    )


def template_source(tokenizer: Any) -> str:
    """Gives the chat template, or all of them."""
    template = tokenizer.chat_template or ""
    return template if isinstance(template, str) else "\n".join(template.values())


def renamed(state: str, names: dict[str, str]) -> str:
    """Gives a tokenizer's JSON with other names for some of its tokens, in its vocabulary too: no text can spell
    them."""
    tokenizer = json.loads(state)
    for token in tokenizer["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    model = tokenizer["model"]
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        model["vocab"] = {names.get(piece, piece): id_ for piece, id_ in vocabulary.items()}
    else:  # Unigram's, with a score each
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in vocabulary]
    if model.get("merges"):
        model["merges"] = [merge for merge in model["merges"] if not _spelt(merge) & names.keys()]
    if model.get("unk_token"):
        model["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    tokenizer["truncation"] = tokenizer["padding"] = None
    return json.dumps(tokenizer)


def _spelt(merge: Any) -> set[str]:
    one, other = merge.split(" ") if isinstance(merge, str) else merge
    return {one, other, one + other}


def _any_of(names: Any) -> str:
    """Makes a pattern for the longest of these names, or for nothing where there are none."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or r"(?!)"


def _is_hard(token: Any) -> bool:
    """Tells whether a text may be cut before the token: it is looked for before all else and takes nothing on its
    left."""
    return not token.normalized and not token.lstrip and not token.single_word


def _ignores_case(tokenizer: Any) -> bool:
    normalizer = tokenizer.backend_tokenizer.normalizer
    return normalizer is not None and normalizer.normalize_str("AZ") == "az"
