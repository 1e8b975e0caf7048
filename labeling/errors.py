"""What goes wrong in words: each error carries the value seen and what to do about it."""


class PodiumError(Exception):
    """A refusal that is shown to whoever asked. `code` is for programs, `detail` for people."""

    def __init__(self, code: str, detail: str, *, attr: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.attr = attr


class Invalid(PodiumError):
    """The request itself is wrong; the same again will be refused again."""


class Missing(Invalid):
    """What the request names is not there."""


class Conflict(PodiumError):
    """The request is sound but the state of things is against it."""


class Outdated(Conflict):
    """The request goes on from something that has changed since."""
