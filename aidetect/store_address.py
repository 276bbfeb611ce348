"""What STORAGE_URL says: s3://key:secret@host:port/bucket, with options behind a question mark."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

EXPECTED = "s3://key:secret@host:port/bucket, with ?tls=false&region=…&prefix=…&timeout=… if need be"
OPTIONS = {"tls": "true", "region": "us-east-1", "prefix": "", "timeout": "10", "style": "path"}
"""With their defaults. Most stores that aren't Amazon's want the bucket in the path and ignore the region."""


def parse(url: str) -> dict[str, Any]:
    """Keyword arguments of `store.ObjectStore`. Raises ValueError. Without a host it is Amazon's own; without a key
    boto3 looks for one itself, in the environment or the machine's role."""
    parts = urlsplit(url)
    said = dict(parse_qsl(parts.query, keep_blank_values=True))
    told = {**OPTIONS, **said}
    bucket = parts.path.strip("/")
    if parts.scheme != "s3" or not bucket or "/" in bucket or parts.fragment or set(said) - set(OPTIONS):
        raise ValueError(url)
    if told["tls"] not in ("true", "false") or told["style"] not in ("path", "virtual"):
        raise ValueError(url)
    host = parts.netloc.rpartition("@")[2] or f"s3.{told['region']}.amazonaws.com"
    scheme = "https" if told["tls"] == "true" else "http"
    return {
        "access_key": unquote(parts.username or "") or None,
        "secret_key": unquote(parts.password or "") or None,
        "endpoint_url": f"{scheme}://{host}",
        "bucket_name": bucket,
        "region_name": told["region"],
        "location": told["prefix"].strip("/"),
        "addressing_style": told["style"],
        "timeout": float(told["timeout"]),
    }
