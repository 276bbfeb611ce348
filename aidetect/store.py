"""The object store that STORAGE_URL names, behind Django's storage interface.

What goes wrong in it becomes an OSError: FileNotFoundError where the one file is lost, otherwise one with a number, as
a disk's would be, so that whoever asked can tell trouble of the machine from trouble with a file (`claims.is_trouble`).
"""

import errno
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from django.core.files.base import File
from storages.backends.s3 import S3Storage
from urllib3.exceptions import HTTPError

TRIES = 2
IN_MEMORY = 10_000_000
"""Bytes of a file that are kept in memory while it is read; what is larger goes to a temporary file."""
CHUNK = 256 * 1024
LONGEST = 12
"""How many times its timeout a single file may take."""
ADDRESS_SECONDS = 60
"""How long a signed address is good for."""
GONE = ("NoSuchKey", "404", "NotFound")
FULL = ("XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "507")


class ObjectStore(S3Storage):  # type: ignore[misc]
    """Always private: nothing gets an ACL, and every address is signed and soon past its time.

    After it kept somebody waiting until the timeout, whoever comes next is refused at once, for as long as that
    timeout: a store that hangs must not hold up every thread of the site.
    """

    _session: Session | None = None
    _lock = threading.Lock()

    def __init__(self, timeout: float = 10, addressing_style: str = "path", **options: Any) -> None:
        self.timeout, self.hung_until = timeout, 0.0
        config = Config(
            connect_timeout=min(timeout, 5),
            read_timeout=timeout,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            signature_version="s3v4",
            s3={"addressing_style": addressing_style},
            request_checksum_calculation="when_required",  # other stores than Amazon's don't know the newer ones
            response_checksum_validation="when_required",
        )
        transfer = TransferConfig(use_threads=False)
        super().__init__(**options, client_config=config, transfer_config=transfer, querystring_expire=ADDRESS_SECONDS)

    def _create_session(self) -> Session:
        """One for all threads: making one reads megabytes of descriptions. What it makes belongs to one thread."""
        if self._session is None:
            self._session = super()._create_session()
        return self._session

    @property
    def connection(self) -> Any:
        with self._lock:  # sessions are not thread-safe
            return super().connection

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Raises OSError for whatever the store does. See the top of this file."""
        if time.monotonic() < self.hung_until:
            raise TimeoutError(errno.ETIMEDOUT, "the object store has not answered lately", name)
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in GONE:
                raise FileNotFoundError(errno.ENOENT, "the object store has no such file", name) from error
            number = errno.ENOSPC if code in FULL else errno.EIO
            raise OSError(number, f"the object store refused ({code})", name) from error
        except (ConnectTimeoutError, ReadTimeoutError, TimeoutError) as error:
            self.hung_until = time.monotonic() + self.timeout
            raise TimeoutError(errno.ETIMEDOUT, "the object store does not answer", name) from error
        except (BotoCoreError, Boto3Error, HTTPError) as error:
            raise OSError(errno.EIO, f"the object store can't be used ({type(error).__name__})", name) from error

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        if mode != "rb":
            raise ValueError(f"expected the mode rb; received {mode!r}")
        spooled: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # the File closes it
        try:
            self._read(name, spooled)
        except BaseException:
            spooled.close()
            raise
        spooled.seek(0)
        return File(spooled, name)

    def fetch(self, name: str, target: Path) -> None:
        """A copy on this machine's disk, all of it or nothing."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".partial-", delete=False) as file:
            partial = Path(file.name)
            try:
                self._read(name, file)
                file.flush()
                partial.replace(target)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise

    def _read(self, name: str, target: IO[bytes]) -> None:
        deadline = time.monotonic() + LONGEST * self.timeout
        with self._told(name):
            answer = self.connection.meta.client.get_object(Bucket=self.bucket_name, Key=self._normalize_name(name))
            for chunk in answer["Body"].iter_chunks(CHUNK):
                if time.monotonic() > deadline:
                    raise TimeoutError
                target.write(chunk)

    def _save(self, name: str, content: Any) -> str:
        with self._told(name):
            return str(super()._save(name, content))

    def delete(self, name: str) -> None:
        with self._told(name):
            super().delete(name)

    def exists(self, name: str) -> bool:
        with self._told(name):
            return bool(super().exists(name))

    def size(self, name: str) -> int:
        with self._told(name):
            return int(super().size(name))

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with self._told(name):
            folders, files = super().listdir(name)
            return folders, files

    def make_bucket(self) -> None:
        """Unless it is there. Nobody but the owner of the key can read it."""
        client = self.connection.meta.client
        with self._told(self.bucket_name):
            try:
                client.head_bucket(Bucket=self.bucket_name)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                    raise
                client.create_bucket(Bucket=self.bucket_name)

    def signed(self, name: str, content_type: str, disposition: str) -> str:
        """An address that gives out this one file, under this type, for ADDRESS_SECONDS."""
        told = {"ResponseContentType": content_type, "ResponseCacheControl": "private, no-store"}
        told |= {"ResponseContentDisposition": disposition} if disposition else {}
        return str(self.url(name, parameters=told))
