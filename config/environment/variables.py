"""Reads settings from the environment: strictly, each with its type, and ends with one sentence where a value is wrong.

An empty variable counts as not set: Compose writes one for each `${NAME:-}`. Knows no Django, so anything may ask it.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from config import logs

YES = ("1", "true", "yes", "on")
NO = ("0", "false", "no", "off")
LONGEST_QUOTE = 120


class WrongSetting(SystemExit):
    """Ends the process with exit code 1 and the sentence on standard error.

    Every process reads the settings first, and a library's `except Exception` on the way there can't turn this into a
    traceback.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(logs.last_words(sentence))


def refuse(name: str, value: str, allowed: str) -> NoReturn:
    """`allowed` goes on after 'NAME is VALUE, but' and says what to write instead."""
    quoted = repr(value if len(value) <= LONGEST_QUOTE else value[:LONGEST_QUOTE] + "...")
    raise WrongSetting(f"podium: {name} is {quoted}, but {allowed}")


def text(name: str, default: str = "", *, environ: Mapping[str, str] | None = None) -> str:
    value = (os.environ if environ is None else environ).get(name, "").strip()
    return value or default


def flag(name: str) -> bool:
    value = text(name)
    if value and value.lower() not in YES + NO:
        refuse(name, value, f"it is a switch: write {', '.join(YES)} or {', '.join(NO)}.")
    return value.lower() in YES


def number(name: str, default: int, *, least: int, most: int) -> int:
    value = text(name)
    return as_number(name, value, least=least, most=most, example=default) if value else default


def as_number(name: str, value: str, *, least: int, most: int, example: int) -> int:
    """Checks as `number` does, for an option of the command line too."""
    # int() would take '1_000', '٣' and '+5' as well.
    if not (value.isascii() and value.isdigit() and len(value) <= 18 and least <= int(value) <= most):
        refuse(name, value, f"it is a whole number from {least} to {most}, e.g. {example}.")
    return int(value)


def optional_number(name: str, *, least: int, most: int) -> int | None:
    return number(name, least, least=least, most=most) if text(name) else None


def port(name: str, default: int) -> int:
    return number(name, default, least=1, most=65535)


def choice(name: str, default: str, choices: Sequence[str]) -> str:
    value = text(name, default)
    if value not in choices:
        refuse(name, value, f"it is one of {', '.join(choices)}.")
    return value


def items(name: str, default: str, read: Callable[[str, str], str]) -> list[str]:
    """Reads a list with commas. Blanks around an item, empty items and repeated ones don't count; `read` checks
    each."""
    parts = [part.strip() for part in text(name, default).split(",")]
    return list(dict.fromkeys(read(name, part) for part in parts if part))


def backbone(name: str, value: str) -> str:
    """A folder is written out, without `..`: projects give it letter for letter."""
    if value == "minilm" or re.fullmatch(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}", value, re.ASCII):
        return value
    folder = os.path.expanduser(value)
    if not folder.startswith("/") or "\0" in folder or ".." in folder.split("/"):
        example = "answerdotai/ModernBERT-base,/srv/backbones/ours"
        refuse(name, value, f"it lists Hugging Face ids and whole paths of folders, e.g. {example}.")
    return os.path.normpath(folder)


def executor(name: str, value: str) -> str:
    if value not in ("local", "slurm", "kubernetes", "skypilot"):
        refuse(name, value, "it lists where fine-tunings go: local, slurm, kubernetes, skypilot, with commas.")
    return value


def partition(name: str, value: str) -> str:
    if not re.fullmatch(r"[\w][\w.-]{0,63}", value, re.ASCII):
        refuse(name, value, "it lists names of Slurm's partitions, of letters, digits and ._-, with commas.")
    return value


def accelerator(name: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][\w.-]{0,63}", value, re.ASCII):
        refuse(name, value, "it lists kinds of GPU as SkyPilot names them, with commas, e.g. H100,A100-80GB.")
    return value


def kubernetes_name(name: str, value: str) -> str:
    """Reads the name of something in Kubernetes, as it may stand in a label: of DNS, RFC 1123."""
    if value and not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value, re.ASCII):
        refuse(name, value, "names in Kubernetes are of a-z, 0-9 and -, at most 63 of them, e.g. gpu-queue.")
    return value


def kubernetes_volume(name: str) -> str:
    """Reads CLAIM or CLAIM/FOLDER, or nothing."""
    value = text(name)
    claim, slash, folder = value.partition("/")
    wrong = slash and not re.fullmatch(r"[\w-][\w.-]{0,99}(/[\w-][\w.-]{0,99})*", folder, re.ASCII)
    if wrong or (value and not claim):
        refuse(name, value, "it is a volume claim, or a folder of one: podium-models or podium-data/models.")
    kubernetes_name(name, claim)
    return value


def kubernetes_resource(name: str, default: str) -> str:
    value = text(name, default)
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,99}/[A-Za-z0-9][\w.-]{0,62}", value, re.ASCII):
        refuse(name, value, "it is what the cluster calls a GPU, e.g. nvidia.com/gpu or amd.com/gpu.")
    return value


def image(name: str) -> str:
    """Reads the name of a container image, or nothing."""
    value = text(name)
    if value and not re.fullmatch(r"[\w][\w./:@-]{0,299}", value, re.ASCII):
        refuse(name, value, "it is an image with its registry and tag, e.g. ghcr.io/us/podium:1.")
    return value


def whole_path(name: str) -> str:
    """Reads a path from the root, or nothing."""
    value = text(name)
    if value and (not value.startswith("/") or not value.isprintable() or ".." in value.split("/")):
        refuse(name, value, "it is a whole path, e.g. /srv/podium/file.")
    return value


def cookie_name(name: str, default: str) -> str:
    value = text(name, default)
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", value):
        refuse(name, value, "a cookie's name is of letters, digits and -._~, e.g. podium_session.")
    return value
