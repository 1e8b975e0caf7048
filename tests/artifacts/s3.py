"""An S3 server of the tests' own, on loopback, and the settings that keep artifacts there."""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import override_settings

from artifacts import store
from artifacts.bucket import Bucket

KEY = {
    "AWS_ACCESS_KEY_ID": "a-key-of-tests",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@cache
def address() -> str:
    """Starts it, once in a process. It ends with the process."""
    from moto.server import ThreadedMotoServer

    os.environ.update(KEY)
    logging.getLogger("werkzeug").propagate = False
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def storage_of(name: str, *, endpoint: str = "", location: str = "podium") -> dict[str, Any]:
    """Gives what config.environment.storage gives for such an address."""
    return {
        "BACKEND": "artifacts.bucket.Bucket",
        "OPTIONS": {
            "bucket_name": name,
            "location": location,
            "endpoint_url": endpoint or address(),
            "region_name": "us-east-1",
        },
    }


def make_bucket() -> str:
    name = f"podium-{secrets.token_hex(4)}"
    Bucket(**storage_of(name)["OPTIONS"]).client.create_bucket(Bucket=name)
    return name


@contextmanager
def artifacts_in_bucket(folder: Path, *, endpoint: str = "", name: str = "", copies: int = 10**9) -> Iterator[Bucket]:
    """Has a bucket keep the artifacts in the block, and `folder` what this machine has."""
    models = storage_of(name or make_bucket(), endpoint=endpoint)
    with override_settings(STORAGES={**settings.STORAGES, "models": models}, MODEL_DIR=folder, COPIES_BYTES=copies):
        bucket = store.bucket()
        assert bucket
        yield bucket


def keys(bucket: Bucket) -> list[str]:
    """Lists the names of all objects."""
    answer = bucket.client.list_objects_v2(Bucket=bucket.bucket_name)
    return sorted(each["Key"].removeprefix(f"{bucket.location}/") for each in answer.get("Contents", ()))


@contextmanager
def requests() -> Iterator[list[str]]:
    """Gathers what the server was asked for in the block, such as 'GET /bucket/key'."""
    seen: list[str] = []

    class Seen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            plain = re.sub("\x1b\\[[0-9]*m", "", record.getMessage())
            seen.append(plain.partition('"')[2].partition(" HTTP/")[0])

    logger, handler = logging.getLogger("werkzeug"), Seen()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield seen
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
