"""Comparing an image with all others is work like any other: claimed, tried a few times, and no fault of the image when
the machine is in the way."""

import errno

import pytest
from django.core.files.storage import FileSystemStorage

from classifier.intake import neighbours
from classifier.models import Comparison, Image, Kinship, Signature, holders
from tests import factories
from tests.pictures import jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def three(alice):
    """Three images with a verdict; the second and third are the same picture, stored at different qualities."""
    files = [jpeg(1, 320, 240), jpeg(2, 320, 240), jpeg(2, 320, 240, quality=70)]
    return [factories.judged(factories.submitted(alice, f"{number}.jpg", data)) for number, data in enumerate(files)]


def compare_all():
    turns = 0
    while neighbours.compare_next():
        turns += 1
        assert turns < 30, "for ever"
    return turns


class Killed(BaseException):
    pass


def test_each_image_is_compared_once_and_its_row_of_work_goes(three):
    assert compare_all() == 3
    assert not Image.objects.filter(compared=False).exists() and not Comparison.objects.exists()
    assert [(pair.image, pair.other) for pair in Kinship.objects.all()] == [(three[2], three[1])]


def test_an_image_that_kills_its_worker_is_given_up_after_its_attempts_and_holds_up_no_other(
    three, monkeypatch, settings
):
    deaths, deadly, real = [], three[0].pk, neighbours._picture

    def picture(image):
        if image.pk == deadly:
            deaths.append(image.pk)
            raise Killed
        return real(image)

    monkeypatch.setattr(neighbours, "_picture", picture)
    going_on = True
    while going_on:
        try:
            going_on = neighbours.compare_next()
        except Killed:
            assert len(deaths) < 10, "for ever"
            assert not Comparison.objects.filter(claim=None, image=deadly).exists()
            Comparison.objects.update(holder=holders.myself().rsplit(":", 1)[0] + ":1")  # a process that is no more
    assert len(deaths) == settings.MAX_ATTEMPTS
    assert not Image.objects.filter(compared=False).exists() and not Comparison.objects.exists()
    assert not Signature.objects.filter(image=deadly).exists() and Kinship.objects.count() == 1


def test_trouble_of_the_machine_is_no_attempt(three, monkeypatch, settings):
    def broken(self, name, *rest):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "_open", broken)
        for _ in range(settings.MAX_ATTEMPTS + 2):
            assert not neighbours.compare_next()
            assert set(Comparison.objects.values_list("attempts", "claim")) == {(0, None)}
            Comparison.objects.update(not_before=None)
    assert Image.objects.filter(compared=False).count() == 3 and not Signature.objects.exists()
    compare_all()
    assert Signature.objects.count() == 3 and Kinship.objects.count() == 1


def test_what_another_worker_compares_just_now_is_left_to_it(three):
    assert neighbours.compare_next()
    mine = [Comparison.objects.claim_next() for _ in range(2)]
    assert {work.image_id for work in mine} == {three[1].pk, three[2].pk}
    assert not neighbours.compare_next()


def test_a_lost_thumbnail_is_the_image_s_own_affair(three):
    three[0].thumbnail.storage.delete(three[0].thumbnail.name)
    compare_all()
    assert not Image.objects.filter(compared=False).exists() and Signature.objects.count() == 2


def test_an_image_deleted_while_it_is_compared_leaves_nothing(three, monkeypatch):
    real = neighbours._kin_among_the_nearest

    def deleting(image, picture):
        Image.objects.filter(pk=image.pk).delete()
        return real(image, picture)

    monkeypatch.setattr(neighbours, "_kin_among_the_nearest", deleting)
    compare_all()
    assert not (Image.objects.exists() or Signature.objects.exists() or Comparison.objects.exists())
