"""People who upload through nginx, on and on, whatever happens; and what became of their pictures."""

import hashlib
import itertools
import re
import threading
import time

import requests

from tests.pictures import jpeg
from tests.stack import wait_for

ROWS = """
import json
from django.core.files.storage import default_storage
from classifier.models import Image, Verdict
rows = []
for image in Image.objects.filter(owner__username__in={names!r}).select_related("owner"):
    files = [file.name for file in (image.original, image.thumbnail, image.display)]
    rows.append({{"owner": image.owner.username, "sha256": image.sha256, "state": image.state, "error": image.error,
        "verdicts": Verdict.objects.filter(image=image).count(), "current": bool(image.verdict_id),
        "attempts": image.attempts, "files": [bool(name) and default_storage.exists(name) for name in files]}})
print(json.dumps(rows))
"""
PENDING = """
import json
from classifier.models import Image
print(json.dumps(Image.objects.pending().filter(owner__username__in={names!r}).count()))
"""
seeds = itertools.count(1)


class Person:
    """A session through nginx. sent and accepted: the SHA-256 of pictures."""

    PASSWORD = "sun-and-moon-7"

    def __init__(self, site, name):
        self.site, self.name, self.session = site, name, requests.Session()
        self.sent, self.accepted, self.refusals, self.last_refusal = [], [], [], ""
        data = {"username": name, "email": f"{name}@example.org"}
        data |= {"password1": self.PASSWORD, "password2": self.PASSWORD}
        assert self.post("/accounts/signup/", data).url == site.address + "/"

    def get(self, path):
        return self.session.get(self.site.address + path, timeout=60)

    def post(self, path, data, form="", **extra):
        page = self.get(form or path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        if page.status_code != 200 or not token:
            raise requests.ConnectionError(f"no form: {page.status_code}")
        data = {**data, "csrfmiddlewaretoken": token.group(1)}
        return self.session.post(self.site.address + path, data, timeout=60, **extra)

    def upload(self, *contents):
        """Whether all of them were accepted, as far as the answer says."""
        digests = [hashlib.sha256(content).hexdigest() for content in contents]
        self.sent += digests
        files = [
            ("images", (f"{digest[:8]}.jpg", content, "image/jpeg"))
            for digest, content in zip(digests, contents, strict=True)
        ]
        try:
            answer = self.post("/", {}, files=files)
        except requests.RequestException as error:
            self.refusals.append(type(error).__name__)
            return False
        led = re.search(r"/((images|batches)/[0-9a-f-]{36}|history)/", answer.url)
        if answer.status_code != 200 or not led or "not stored" in answer.text:
            self.refusals.append(answer.status_code)
            self.last_refusal = answer.text
            return False
        self.accepted += digests
        return True


class Stream:
    """Several people, each uploading one picture after the other; a refused one is tried again."""

    def __init__(self, site, *people):
        self.site = site
        self.people = [Person(site, one) if isinstance(one, str) else one for one in people]
        self.names = [person.name for person in self.people]
        self.going = threading.Event()

    def __enter__(self):
        self.going.set()
        self.threads = [threading.Thread(target=self._upload, args=(person,)) for person in self.people]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.going.clear()
        for thread in self.threads:
            thread.join()

    def _upload(self, person):
        while self.going.is_set():
            content = jpeg(next(seeds), 160, 120)
            while not person.upload(content) and self.going.is_set():
                time.sleep(0.3)
            time.sleep(0.3)

    def accepted(self):
        return sum(len(person.accepted) for person in self.people)

    def more(self, count, seconds=240):
        """Wait until so many more were accepted."""
        before = self.accepted()
        wait_for(lambda: self.accepted() >= before + count, seconds, f"{count} more uploads")

    def refusals(self):
        return [reason for person in self.people for reason in person.refusals]

    def settled(self, seconds=300):
        """The rows, once nothing waits any more."""
        wait_for(lambda: self.site.ask(PENDING.format(names=self.names)) == 0, seconds, "a verdict for every picture")
        return self.site.ask(ROWS.format(names=self.names))

    def nothing_is_lost_or_doubled(self):
        rows = self.settled()
        keys = [(row["owner"], row["sha256"]) for row in rows]
        assert len(keys) == len(set(keys)), "a row is there twice"
        for person in self.people:
            mine = {sha256 for owner, sha256 in keys if owner == person.name}
            assert set(person.accepted) <= mine, "an accepted picture is lost"
            assert mine <= set(person.sent), "a row that nobody sent"
        for row in rows:
            assert row["state"] == "done" and not row["error"], row
            assert row["verdicts"] == 1 and row["current"] and all(row["files"]), row
        return rows
