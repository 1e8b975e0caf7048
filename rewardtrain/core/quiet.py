"""Keeps the libraries' own progress bars and advice out of what a command or a service says."""

import os


def quiet_libraries() -> None:
    """Call it before a model is loaded. Also holds for the processes that this one starts."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "10")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from transformers.utils import logging  # seconds, which --help and a wrong setting need not wait for

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
