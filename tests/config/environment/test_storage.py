"""PODIUM_STORAGE names a bucket, or ends the process with a sentence that shows no secret."""

from __future__ import annotations

import pytest

from config.environment import storage
from config.environment.variables import WrongSetting


def read(monkeypatch: pytest.MonkeyPatch, value: str) -> dict[str, object] | None:
    monkeypatch.setenv("PODIUM_STORAGE", value)
    found = storage.bucket("PODIUM_STORAGE")
    return found and found["OPTIONS"]


def test_without_it_a_folder_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, "") is None
    assert read(monkeypatch, "  ") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("s3://podium", ("podium", "", None, None)),
        ("s3://podium/", ("podium", "", None, None)),
        ("s3://my.bucket-1/a/b?region=eu-west-1", ("my.bucket-1", "a/b", None, "eu-west-1")),
        ("s3://podium/x?endpoint_url=http://127.0.0.1:9000/&region=", ("podium", "x", "http://127.0.0.1:9000", None)),
        ("s3://podium?endpoint_url=https%3A%2F%2Fs3.example.org", ("podium", "", "https://s3.example.org", None)),
    ],
)
def test_a_bucket_is_read(monkeypatch: pytest.MonkeyPatch, value: str, expected: tuple[str | None, ...]) -> None:
    bucket, folder, endpoint, region = expected
    assert read(monkeypatch, value) == {
        "bucket_name": bucket,
        "location": folder,
        "endpoint_url": endpoint,
        "region_name": region,
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("/srv/models", "s3://BUCKET"),
        ("gs://podium", "s3://BUCKET"),
        ("s3://", "s3://BUCKET"),
        ("s3://Podium", "s3://BUCKET"),
        ("s3://ab", "s3://BUCKET"),
        ("s3://podium:9000/x", "s3://BUCKET"),
        ("s3://podium/../x", "the folder is of letters"),
        ("s3://podium/a//b", "the folder is of letters"),
        ("s3://podium#x", "s3://BUCKET"),
        ("s3://podium?endpoint=http://x", "endpoint is not understood there"),
        ("s3://podium?endpoint_url=127.0.0.1:9000", "endpoint_url is an address such as"),
        ("s3://podium?endpoint_url=http://a:s3cret@x", "endpoint_url is an address such as"),
        ("s3://podium?endpoint_url=http://x/y", "endpoint_url is an address such as"),
        ("s3://podium?endpoint_url=http://x:port", "endpoint_url is an address such as"),
        ("s3://AKIA:s3cret@podium", "the key is written in AWS_ACCESS_KEY_ID"),
        ("s3://podium bucket", "s3://BUCKET"),
        ("s3://" + "a" * 1_000_000, "s3://BUCKET"),
    ],
)
def test_what_names_no_bucket_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch, value: str, words: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        read(monkeypatch, value)
    said = str(refused.value)
    assert words in said
    assert said.startswith("podium: PODIUM_STORAGE is '")
    assert "s3cret" not in said
    assert len(said) < 600
