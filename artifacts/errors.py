"""What goes wrong with artifacts. None of it says a key or an address with one."""


class StorageAway(OSError):
    """What keeps the artifacts can't be asked right now, or refuses us; the same again may work."""


class Lost(FileNotFoundError):
    """An artifact that a row names is not there."""


class Changed(OSError):
    """An artifact is not what it was when it was made."""
