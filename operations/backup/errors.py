"""What ends a backup or a restore, in words for the person at the terminal."""


class BackupError(Exception):
    """A sentence that says what is wrong and what to do."""


class BrokenBackup(BackupError):
    """The file can't be used: it is no backup of Podium's, not whole, or was changed."""
