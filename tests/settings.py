"""Podium's settings on a data directory of the tests' own. pytest-django loads them before any conftest."""

import os
import tempfile

os.environ["PODIUM_DATA_DIR"] = tempfile.mkdtemp(prefix="podium-tests-")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # torch's threads sleep while they wait: another test needs the core
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's sync API runs an event loop in this thread
for variable in (
    "DATABASE_URL",
    "REDIS_URL",
    "ALLOWED_HOSTS",
    "PODIUM_HTTPS",
    "PODIUM_TRUSTED_PROXIES",
    "PODIUM_DEBUG",
):
    os.environ.pop(variable, None)

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STATIC_ROOT, STORAGES  # noqa: E402

# A test opens and closes its own connections; a pool would keep one open to the database that is to be dropped.
DATABASES["default"]["OPTIONS"].pop("pool", None)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # no collectstatic first
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where there is none
