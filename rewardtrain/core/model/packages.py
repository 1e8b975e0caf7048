"""Packages that a setting may ask for and that need not be here."""

import importlib.util

from rewardtrain.core.errors import ConfigError


def require_package(module: str, package: str, *, setting: str, value: str, otherwise: str) -> None:
    """Raise ConfigError where a module that a setting needs isn't installed.

    package: what pip calls it. otherwise: the setting's value that needs nothing.
    """
    if importlib.util.find_spec(module) is None:
        seen = f"{setting} is {value!r}, but {package} isn't installed here"
        raise ConfigError(f"{seen}; pip install {package}, or set {setting}={otherwise}")
