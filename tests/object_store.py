"""A real S3 server for tests (moto's, in memory), with the faults that one may have. In the process of a test, or as a
program of its own: python -m tests.object_store PORT."""

import contextlib
import json
import sys
import threading
import time
from urllib.parse import parse_qs

import requests
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.stack import free_port

BUCKET, KEY, SECRET = "pictures", "test-key", "test-secret"
CONTROL, LAST = "/-/fault", "/-/last"
"""Set the fault; ask for the last signed request, as it came here."""


class Faulty:
    """S3 with a fault: "500" answers so to everything, "hang" never answers, "full" takes nothing more."""

    def __init__(self):
        self.s3 = DomainDispatcherApplication(create_backend_app)
        self.fault, self.requests, self.last = "", [], {}

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        if path == CONTROL:
            self.fault = parse_qs(environ["QUERY_STRING"]).get("is", [""])[0]
            start_response("204 No Content", [])
            return []
        if path == LAST:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self.last).encode()]
        self.requests.append((environ["REQUEST_METHOD"], path))
        if environ["REQUEST_METHOD"] == "GET" and "X-Amz-Signature" in environ["QUERY_STRING"]:
            self.last = {"path": path, "query": environ["QUERY_STRING"], "host": environ["HTTP_HOST"]}
        if self.fault == "hang":
            until = time.monotonic() + 300
            while self.fault == "hang" and time.monotonic() < until:
                time.sleep(0.1)
        if self.fault == "full" and environ["REQUEST_METHOD"] in ("PUT", "POST"):
            start_response("507 Insufficient Storage", [("Content-Type", "application/xml")])
            return [b"<Error><Code>XMinioStorageFull</Code><Message>The disk is full</Message></Error>"]
        if self.fault == "500":
            start_response("500 Internal Server Error", [("Content-Length", "0")])
            return []
        return self.s3(environ, start_response)


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *arguments):
        pass


def url_of(port, **options):
    more = "".join(f"&{name}={value}" for name, value in options.items())
    return f"s3://{KEY}:{SECRET}@127.0.0.1:{port}/{BUCKET}?tls=false{more}"


def make_bucket(port):
    import boto3

    address = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"}
    session = boto3.Session(aws_access_key_id=KEY, aws_secret_access_key=SECRET)
    session.client("s3", **address).create_bucket(Bucket=BUCKET)


@contextlib.contextmanager
def running():
    """(port, Faulty)"""
    app, port = Faulty(), free_port()
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    make_bucket(port)
    yield port, app
    app.fault = ""
    server.shutdown()
    thread.join()
    server.server_close()


def set_fault(port, fault):
    requests.get(f"http://127.0.0.1:{port}{CONTROL}", params={"is": fault}, timeout=10)


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), Faulty(), threaded=True, request_handler=Quiet).serve_forever()
