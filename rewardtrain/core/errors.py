"""What can stop a command, each with the exit code a parent process reads."""

import errno


class CoreError(Exception):
    """Base of everything that is reported as `error: ...` on the last line of stderr."""

    exit_code = 2


class ConfigError(CoreError):
    """A setting, a model folder or an output folder that can't be used."""


class DataError(CoreError):
    """A row that can't be read, or too little data to train or evaluate on."""


class BackboneError(CoreError):
    """A pretrained model that can't be found or isn't of a usable kind."""


class NotFiniteError(CoreError):
    """The loss, its gradient or a score became NaN or infinite; the last checkpoint is from before."""

    exit_code = 3


class OutOfMemoryError(CoreError):
    """The device or the machine has too little memory for a micro-batch."""

    exit_code = 4


class DiskFullError(CoreError):
    """A file could not be written to its end."""

    exit_code = 5


class Stopped(CoreError):
    """Asked to stop; what was done is in the last checkpoint and the same command goes on from there."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: try again


class ProcessDiedError(CoreError):
    """One of several training processes was ended from outside; the last checkpoint is from before."""

    exit_code = 75


class StorageAwayError(CoreError):
    """What keeps a job's data can't be reached; what was done so far is there, and the same job goes on from it."""

    exit_code = 75


class SmallerBatches(CoreError):
    """One of several processes ran out of memory; the same command goes on with less at once."""

    exit_code = 75

    def __init__(self, words: str, tokens: int, graph: int) -> None:
        """tokens, graph: the budgets to go on with."""
        super().__init__(words, tokens, graph)
        self.tokens, self.graph = tokens, graph

    def __str__(self) -> str:
        return str(self.args[0])


_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_ACCESS = {errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS}
_NO_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "defaultcpuallocator")


def from_exception(error: BaseException) -> CoreError | None:
    """Name a failure of the machine (memory, disk, path) that arrives as a library's exception; None for the rest."""
    text = str(error)
    # torch raises RuntimeError and OutOfMemoryError, safetensors its own class holding only the text of the OS error.
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _NO_MEMORY_WORDS):
        advice = "lower token_budget and graph_budget, or max_length"
        return OutOfMemoryError(f"out of memory ({_first_line(text)}); {advice}")
    number = error.errno if isinstance(error, OSError) else None
    if number in _NO_SPACE or any(f"(os error {code})" in text for code in _NO_SPACE):
        return DiskFullError(f"disk full ({_first_line(text)}); free some space and run the same command again")
    if isinstance(error, OSError) and number in _NO_ACCESS:
        advice = "give one that can be read and written"
        return ConfigError(f"{str(error.filename or '')[:200]!r} can't be used: {error.strerror}; {advice}")
    if "PytorchStreamWriter failed" in text or "unexpected pos" in text:  # torch.save's words for a short write
        return DiskFullError(f"a checkpoint could not be written ({_first_line(text)}); free some space and run again")
    return None


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no details"])[0][:200]
