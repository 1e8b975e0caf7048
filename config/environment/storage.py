"""Reads PODIUM_STORAGE: where finished artifacts are kept, if not in a folder."""

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.environment.addresses import hidden, split
from config.environment.variables import refuse, text

EXAMPLE = (
    "it is s3://BUCKET or s3://BUCKET/FOLDER, and behind that, where it isn't Amazon's, "
    "?endpoint_url=https://HOST:9000&region=us-east-1."
)
OPTIONS = ("endpoint_url", "region")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_FOLDER = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?")


def bucket(name: str) -> dict[str, Any] | None:
    """Gives Django's storage for it; None where it isn't set. The key is in the variables that every tool of S3 reads,
    so that an address can be shown."""
    value = text(name)
    if not value:
        return None
    parts = split(name, value, EXAMPLE)
    if "@" in parts.netloc:
        refuse(name, hidden(value), f"the key is written in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: {EXAMPLE}")
    if parts.scheme != "s3" or parts.fragment or not _BUCKET.fullmatch(parts.netloc):
        refuse(name, hidden(value), EXAMPLE)
    folder = parts.path.strip("/")
    if not _FOLDER.fullmatch(folder):
        refuse(name, hidden(value), f"the folder is of letters, digits and ._-: {EXAMPLE}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - set(OPTIONS)):
        refuse(name, hidden(value), f"{', '.join(unknown)} is not understood there: {EXAMPLE}")
    return {
        "BACKEND": "artifacts.bucket.Bucket",
        "OPTIONS": {
            "bucket_name": parts.netloc,
            "location": folder,
            "endpoint_url": endpoint(name, value, options["endpoint_url"]) if "endpoint_url" in options else None,
            "region_name": options.get("region") or None,
        },
    }


def endpoint(name: str, value: str, url: str) -> str:
    """Raises WrongSetting."""
    example = f"endpoint_url is an address such as https://s3.example.org, without a key: {EXAMPLE}"
    try:
        parts = urlsplit(unquote(url))
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        refuse(name, hidden(value), example)
    if wrong or "@" in parts.netloc or parts.query or parts.fragment or parts.path.strip("/"):
        refuse(name, hidden(value), example)
    return f"{parts.scheme}://{parts.netloc}"
