"""Dialogues as text: a chat template, which is a part of the model, or lines with roles."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from formats.messages import ROLES
from rewardtrain.core.data.groups import Message
from rewardtrain.core.data.marks import Marks, Text
from rewardtrain.core.errors import DataError

# What a template's clock says for ever: the day that Llama 3's own template names where there is no clock.
DAY = {
    "%Y": "2024", "%y": "24", "%m": "07", "%-m": "7", "%B": "July", "%b": "Jul", "%d": "26", "%-d": "26", "%e": "26",
    "%A": "Friday", "%a": "Fri", "%w": "5", "%u": "5", "%j": "208", "%F": "2024-07-26", "%D": "07/26/24",
    "%x": "07/26/24", "%H": "12", "%-H": "12", "%I": "12", "%-I": "12", "%M": "00", "%S": "00", "%p": "PM",
    "%T": "12:00:00", "%R": "12:00", "%X": "12:00:00", "%c": "Fri Jul 26 12:00:00 2024", "%f": "000000", "%z": "",
    "%Z": "",
}  # fmt: skip
_CLOCK = re.compile(r"\bstrftime_now\b")
_STOPPED = "macro strftime_now(format)"


def stop_clock(template: Any) -> Any:
    """Gives the chat template, or the named ones, in which strftime_now says DAY, wherever it is rendered."""
    if isinstance(template, dict):
        return {name: stop_clock(each) for name, each in template.items()}
    if not template or not _CLOCK.search(template) or _STOPPED in template:
        return template
    replaced = "".join(f" | replace('{name}', '{value}')" for name, value in DAY.items())
    return f"{{%- {_STOPPED} -%}}{{{{ format{replaced} }}}}{{%- endmacro %}}\n{template}"  # the line end isn't written


def render(prompt: Sequence[Message]) -> str:
    """Writes a dialogue as text, as the export writes it: a lone user turn is its content, else each is `Role:
    content`."""
    if len(prompt) == 1 and prompt[0].role == "user":
        return prompt[0].content
    return "\n\n".join(f"{message.role.capitalize()}: {message.content}" for message in prompt)


@dataclass(frozen=True)
class Part:
    """A completion after its prompt; one after the other they are the whole text."""

    head: Text
    tail: Text
    rewritten: bool = False  # the template doesn't write the completion as it stands


class ChatTemplate:
    """A tokenizer's chat template."""

    def __init__(self, tokenizer: Any, marks: Marks) -> None:
        self._tokenizer, self._marks = tokenizer, marks

    def parts(self, prompt: Sequence[Message], completions: Sequence[str]) -> list[Part]:
        """Gives each completion after the prompt. Raises DataError where the template refuses the roles."""
        refused: DataError | None = None
        for form in forms(prompt):
            try:
                return self._parts(form, completions)
            except DataError as error:
                refused = refused or error
        assert refused is not None
        raise refused

    def _parts(self, prompt: Sequence[Message], completions: Sequence[str]) -> list[Part]:
        typed = [*(message.content for message in prompt), *completions]
        write = self._write_hidden if any(map(self._marks.are_in, typed)) else self._write_plain
        head = write(prompt, None)
        return [self._part(head, write(prompt, completion), completion) for completion in completions]

    def _part(self, head: Text, whole: Text, completion: str) -> Part:
        core = completion.strip()
        if whole.text.startswith(head.text):
            tail = Text(whole.text[len(head.text) :], whole.literal)
            return Part(head, tail, rewritten=core not in tail.text)
        start = whole.text.rfind(core) if core else -1
        if start < 0:  # neither the prompt nor the completion is as it was: what was typed stays what is read
            return Part(head, self._as_typed(completion, literal=head.literal), rewritten=True)
        # The template writes earlier turns differently once an answer follows.
        return Part(Text(whole.text[:start], whole.literal), Text(whole.text[start:], whole.literal))

    def _as_typed(self, completion: str, *, literal: bool) -> Text:
        end = self._tokenizer.eos_token or ""
        if not literal:
            return Text(completion + end)
        return self._marks.rendered(self._marks.hide(completion, self._marks.names_in(completion)) + end)

    def _write_plain(self, prompt: Sequence[Message], completion: str | None) -> Text:
        return Text(self._render(_turns(prompt, completion), answered=completion is not None))

    def _write_hidden(self, prompt: Sequence[Message], completion: str | None) -> Text:
        """Hides control tokens in what was typed: they stay text, but for those that the template itself looks for.

        Templates take reasoning out of an answer at `</think>`, say. Hidden from it, it would write another text.
        """
        turns = _turns(prompt, completion)
        names = {(turn.role, name) for turn in turns for name in self._marks.names_in(turn.content)}

        def hidden(which: set[tuple[str, str]]) -> str:
            by_role = {role: {name for each, name in which if each == role} for role in ROLES}
            safe = [Message(turn.role, self._marks.hide(turn.content, by_role[turn.role])) for turn in turns]
            return self._render(safe, answered=completion is not None)

        text = hidden(names)
        try:
            wanted = self._render(turns, answered=completion is not None)
        except DataError:  # a template that refuses what was typed, which as text is no reason to
            return self._marks.rendered(text)
        if self._marks.show(text) != wanted:
            tried = [each for each in names if each[1] in self._marks.looked_for]
            text = hidden(names - {each for each in tried if self._marks.show(hidden({each})) != wanted})
        return self._marks.rendered(text)

    def _render(self, turns: Sequence[Message], *, answered: bool) -> str:
        """Writes the dialogue; not answered yet, it ends where an answer begins."""
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        try:
            text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=not answered)
        except Exception as error:  # a template is a program of its own and raises what it likes
            roles = [turn.role for turn in turns]
            raise DataError(f"the chat template refuses the roles {roles}: {error}; choose another backbone") from error
        return str(text)


def _turns(prompt: Sequence[Message], completion: str | None) -> list[Message]:
    return [*prompt] if completion is None else [*prompt, Message("assistant", completion)]


def forms(prompt: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Yields the dialogue as it is, and for templates that refuse it: its system turn within the first user turn; and
    turns of one role that follow each other as one."""
    yield prompt
    folded = list(prompt)
    if prompt[0].role == "system":
        folded = _joined([Message("user", prompt[0].content), *prompt[1:2]]) if len(prompt) > 1 else []
        folded = [*(folded or [Message("user", prompt[0].content)]), *prompt[2:]]
        yield folded
    joined = _joined(folded)
    if len(joined) < len(folded):
        yield joined


def _joined(turns: Sequence[Message]) -> list[Message]:
    joined = list[Message]()
    for turn in turns:
        if joined and joined[-1].role == turn.role:
            joined[-1] = Message(turn.role, f"{joined[-1].content}\n\n{turn.content}")
        else:
            joined.append(turn)
    return joined
