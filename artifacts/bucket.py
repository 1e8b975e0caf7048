"""Artifacts as objects of an S3-compatible bucket. Only settings that name a bucket have this imported: it loads boto3.

One client for all threads, which boto3 allows: django-storages makes one for each, and a web process has 256.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from storages.backends.s3 import S3Storage
from urllib3.exceptions import HTTPError

from artifacts.errors import Lost, StorageAway
from artifacts.names import checked

CONNECT_SECONDS, READ_SECONDS = 3, 30
ATTEMPTS = 4
_NOT_THERE = ("404", "NoSuchKey", "NoSuchUpload", "NotFound")
_MARK = "podium-was-here"  # written by check(), for to list what is there says nothing of writing


class Bucket(S3Storage):  # type: ignore[misc]
    """Objects below a prefix, by the names of artifacts."""

    def __init__(self, *, attempts: int = ATTEMPTS, **options: Any) -> None:
        super().__init__(
            client_config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": attempts},
                signature_version="s3v4",  # of addresses too, which say all that they are good for
                # Servers other than Amazon's know neither its newest checksums nor a bucket as part of a host's name.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path" if options.get("endpoint_url") else "auto"},
            ),
            **options,
        )
        self._making = threading.Lock()
        self._client: Any = None

    @property
    def client(self) -> Any:
        with self._making:
            if self._client is None:
                self._client = self.connection.meta.client
            return self._client

    def upload(self, path: Path, name: str) -> None:
        """Writes an object, which is there whole or not at all. Raises StorageAway."""
        with self._in_words(name):
            self.client.upload_file(str(path), self.bucket_name, self._key(name))

    def download(self, name: str, to: IO[bytes]) -> None:
        """Raises Lost, StorageAway."""
        with self._in_words(name):
            self.client.download_fileobj(self.bucket_name, self._key(name), to)

    def bytes_of(self, name: str) -> int | None:
        """Gives an object's size; None where there is none. Raises StorageAway."""
        try:
            with self._in_words(name):
                return int(self.client.head_object(Bucket=self.bucket_name, Key=self._key(name))["ContentLength"])
        except Lost:
            return None

    def first_below(self, folder: str) -> str | None:
        """Finds one object below a folder. Raises StorageAway."""
        with self._in_words(folder):
            key = self._key(folder) + "/"
            answer = self.client.list_objects_v2(Bucket=self.bucket_name, Prefix=key, MaxKeys=1)
        return next((str(each["Key"]) for each in answer.get("Contents", ())), None)

    def remove_below(self, folder: str) -> None:
        """Deletes all objects below a folder, one at a time: many at once need a checksum that not all servers know.

        Raises StorageAway; what is gone by then is gone, and the same again goes on.
        """
        while key := self.first_below(folder):
            with self._in_words(folder):
                self.client.delete_object(Bucket=self.bucket_name, Key=key)

    def remove(self, name: str) -> None:
        """Deletes an object; none is as well. Raises StorageAway."""
        with self._in_words(name):
            self.client.delete_object(Bucket=self.bucket_name, Key=self._key(name))

    def read_from(self, name: str, start: int, most: int) -> bytes:
        """Reads some bytes of an object that has more than `start`. Raises Lost, StorageAway."""
        with self._in_words(name):
            span = f"bytes={start}-{start + most - 1}"
            answer = self.client.get_object(Bucket=self.bucket_name, Key=self._key(name), Range=span)
            return bytes(answer["Body"].read())

    # --- Addresses that whoever has them may use, for a while ---------------------------------------------------------

    def address(self, name: str, seconds: int) -> str:
        """Gives an address that an object is read at. Asks nobody."""
        return self._address("get_object", name, seconds)

    def upload_address(self, name: str, size: int, seconds: int) -> str:
        """Gives an address that an object of just so many bytes is written at. Asks nobody."""
        return self._address("put_object", name, seconds, ContentLength=size)

    def begin_parts(self, name: str) -> str:
        """Begins an upload in parts, and gives what the bucket calls it. Raises StorageAway."""
        with self._in_words(name):
            answer = self.client.create_multipart_upload(Bucket=self.bucket_name, Key=self._key(name))
            return str(answer["UploadId"])

    def part_address(self, name: str, upload: str, part: int, seconds: int) -> str:
        """Gives an address that a part is written at. Asks nobody."""
        return self._address("upload_part", name, seconds, UploadId=upload, PartNumber=part)

    def end_parts(self, name: str, upload: str, parts: list[str]) -> bool:
        """Makes an object of parts, by what the bucket called each. False where it has forgotten them."""
        whole = {"Parts": [{"PartNumber": nth, "ETag": tag} for nth, tag in enumerate(parts, 1)]}
        try:
            with self._in_words(name):
                self.client.complete_multipart_upload(
                    Bucket=self.bucket_name, Key=self._key(name), UploadId=upload, MultipartUpload=whole
                )
        except Lost:
            return False
        return True

    def drop_parts_below(self, folder: str) -> None:
        """Ends the uploads in parts below a folder that broke off. Raises StorageAway."""
        with self._in_words(folder):
            key = self._key(folder) + "/"
            answer = self.client.list_multipart_uploads(Bucket=self.bucket_name, Prefix=key)
            for begun in answer.get("Uploads", ()):
                self.client.abort_multipart_upload(
                    Bucket=self.bucket_name, Key=begun["Key"], UploadId=begun["UploadId"]
                )

    def _address(self, act: str, name: str, seconds: int, **more: Any) -> str:
        with self._in_words(name):
            wanted = {"Bucket": self.bucket_name, "Key": self._key(name), **more}
            return str(self.client.generate_presigned_url(act, Params=wanted, ExpiresIn=seconds))

    def check(self) -> None:
        """Looks for the bucket and writes an empty object. Raises StorageAway."""
        with self._in_words(_MARK):
            self.client.head_bucket(Bucket=self.bucket_name)
            self.client.put_object(Bucket=self.bucket_name, Key=self._key(_MARK), Body=b"")

    def _key(self, name: str) -> str:
        return "/".join(part for part in (self.location, checked(name)) if part)

    @contextmanager
    def _in_words(self, name: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _NOT_THERE and error.operation_name != "HeadBucket":
                raise Lost(f"{name} is not in the bucket {self.bucket_name}: restore it from a backup.") from error
            raise StorageAway(f"The bucket {self.bucket_name} {_refusal(code)}") from error
        except NoCredentialsError as error:
            remedy = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            raise StorageAway(f"For the bucket {self.bucket_name} there is no key: {remedy}.") from error
        except (BotoCoreError, HTTPError, S3UploadFailedError) as error:
            where = self.endpoint_url or "its region's address"
            raise StorageAway(
                f"The bucket {self.bucket_name} can't be reached at {where} ({type(error).__name__}): nothing was "
                "changed; try again when it answers."
            ) from error


def _refusal(code: str) -> str:
    match code:
        case "404" | "NoSuchBucket" | "NotFound":
            return "doesn't exist: make it, or name another in PODIUM_STORAGE."
        case "InvalidAccessKeyId" | "SignatureDoesNotMatch":
            return f"refuses the key ({code}): see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        case "403" | "AccessDenied" | "Forbidden":
            return f"refuses us ({code}): see the key, and that it may list, read and write there."
        case "301" | "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException":
            return f"is in another region ({code}): write region=... in PODIUM_STORAGE."
    return f"can't be used right now ({code}); try again."
