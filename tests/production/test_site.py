"""Sign-up → 60 uploads → verdicts → delete, through nginx, on real processes."""

import requests

from tests.pictures import jpeg
from tests.production.people import Person, Stream, seeds
from tests.stack import wait_for

FILES = """
import json
from classifier.models import Image
image = Image.objects.filter(owner__username={name!r}, heat__gt="").first()
print(json.dumps({{"uuid": str(image.uuid), "original": image.original.name}} if image else None))
"""
LEFT = """
import json
from django.core.files.storage import default_storage
from classifier.models import Image, Verdict
from django.contrib.auth.models import User
user = User.objects.filter(username={name!r}).first()
stored = [name for folder in default_storage.listdir("uploads")[0] if user and folder == str(user.pk)
          for name in default_storage.listdir("uploads/" + folder)[1]]
print(json.dumps([Image.objects.filter(owner__username={name!r}).count(),
                  Verdict.objects.filter(image__owner__username={name!r}).count(), len(stored)]))
"""


def test_sixty_uploads_get_their_verdicts_and_can_be_deleted(site):
    person = Person(site, "sixty")
    for _ in range(6):
        assert person.upload(*(jpeg(next(seeds), 160, 120) for _ in range(10))), person.refusals
    assert len(Stream(site, person).nothing_is_lost_or_doubled()) == 60
    kept = wait_for(lambda: site.ask(FILES.format(name="sixty")), 60, "a heat map")
    _pictures_come_through_nginx(site, person, kept)
    answer = person.post(f"/images/{kept['uuid']}/delete/", {}, form=f"/images/{kept['uuid']}/")
    assert answer.status_code == 200
    assert site.ask(LEFT.format(name="sixty")) == [59, 59, 59]
    answer = person.post("/account/delete/", {"password": person.PASSWORD})
    assert answer.status_code == 200
    assert site.ask(LEFT.format(name="sixty")) == [0, 0, 0]


def _pictures_come_through_nginx(site, person, kept):
    stranger = Person(site, "stranger")
    for kind, begins in (("original", b"\xff\xd8"), ("display", b"\xff\xd8"), ("heat", b"\x89P")):
        path = f"/images/{kept['uuid']}/{kind}"
        answer = person.get(path)
        assert answer.status_code == 200 and answer.content[:2] == begins, kind
        assert "X-Accel-Redirect" not in answer.headers and "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert stranger.get(path).status_code == 404
        assert "/accounts/login/" in site.get(path).url
    assert "attachment" in person.get(f"/images/{kept['uuid']}/original").headers["Content-Disposition"]
    for inside in (f"/protected/store/pictures/{kept['original']}", "/protected/files/secret"):
        assert site.get(inside).status_code == 404, "nginx's own addresses are nobody's"
    public = requests.get(f"http://127.0.0.1:{site.ports['store']}/-/last", timeout=10).json()
    assert "X-Amz-Signature" in public["query"] and public["host"] == f"127.0.0.1:{site.ports['store']}"


def test_no_part_of_the_site_ends_under_uploads(site):
    before = {name: program.starts for name, program in site.programs.items()}  # other tests killed some
    with Stream(site, "both") as stream:
        stream.more(12)
    stream.nothing_is_lost_or_doubled()
    assert all(program.process.poll() is None for program in site.programs.values())
    assert {name: program.starts for name, program in site.programs.items()} == before
