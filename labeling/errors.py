"""What goes wrong in words: each error carries the value seen and what to do about it."""

LONGEST = 2000  # characters: the value seen may be as long as all that was sent


class PodiumError(Exception):
    """A refusal that is shown to whoever asked. `code` is for programs, `detail` for people."""

    def __init__(self, code: str, detail: str, *, attr: str | None = None) -> None:
        super().__init__(_clipped(detail))
        self.code = code
        self.detail = _clipped(detail)
        self.attr = attr and _clipped(attr)


class Invalid(PodiumError):
    """The request itself is wrong; the same again will be refused again."""


class Missing(Invalid):
    """What the request names is not there."""


class Conflict(PodiumError):
    """The request is sound but the state of things is against it."""


class Outdated(Conflict):
    """The request goes on from something that has changed since."""


class TooMany(Exception):
    """Tried too often, or by too many at once: no fault of the form, so it gets a page of its own (AttemptLimits).

    `code` says what was counted and `subject` for whom; `seconds` from now it may be tried again.
    """

    def __init__(self, code: str, *, seconds: int, subject: str = "") -> None:
        super().__init__(f"too many attempts ({code}); try again in {seconds} s")
        self.code = code
        self.seconds = seconds
        self.subject = subject


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
