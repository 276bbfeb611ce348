"""Heat maps are drawn from the rows that have none, whatever happened before."""

import pytest

from classifier.models import Detector, Image
from classifier.worker import analysis, heat, loop
from tests.pictures import jpeg

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("tiny")]


@pytest.fixture
def five(upload):
    for seed in range(5):
        upload((f"{seed}.jpg", jpeg(seed)))
    return Image.objects.order_by("pk")


def without():
    return Image.objects.filter(heat="").count()


def test_every_heat_map_is_drawn_even_when_more_images_came_than_are_kept(five, monkeypatch):
    monkeypatch.setattr(loop, "LATER", 2)
    assert loop.classify_waiting(2) == 5
    assert without() == 0


def test_those_lost_with_their_worker_are_drawn_by_the_next_one(five):
    loop.classify_waiting(8)
    Image.objects.update(heat="")
    assert loop.classify_waiting(8) == 0
    assert without() == 0


def test_a_picture_that_cannot_be_drawn_or_read_is_tried_once(five, monkeypatch, caplog):
    loop.classify_waiting(8)
    Image.objects.update(heat="")
    lost, odd = five[0], five[1]
    lost.original.storage.delete(lost.original.name)
    real, drawn = analysis.heat_map.heat_map, []

    def drawing(loaded, views, size):
        drawn.append(1)
        if len(drawn) == 1:
            raise ValueError("odd")
        return real(loaded, views, size)

    monkeypatch.setattr(analysis.heat_map, "heat_map", drawing)
    loop.classify_waiting(8)
    assert without() == 2 and Image.objects.filter(drawable=False).count() == 2
    assert len(drawn) == 4 and "no heat map" in caplog.text
    assert loop.classify_waiting(8) == 0 and len(drawn) == 4
    assert odd.pk  # whichever came first was the odd one


def test_a_new_verdict_makes_it_drawable_again(five):
    loop.classify_waiting(8)
    Image.objects.update(heat="", drawable=False, state="waiting")
    loop.classify_waiting(8)
    assert without() == 0


def test_a_full_disk_ends_the_drawing_and_it_goes_on_later(five, monkeypatch):
    loop.classify_waiting(8)
    Image.objects.update(heat="")
    with monkeypatch.context() as patch:

        def full(*arguments, **options):
            raise OSError(28, "No space left on device")

        patch.setattr("django.core.files.storage.FileSystemStorage.save", full)
        assert loop.classify_waiting(8) == 0
        assert without() == 5 and not Image.objects.filter(drawable=False)
    loop.classify_waiting(8)
    assert without() == 0


def test_another_detectors_verdict_is_left_to_re_scoring(five):
    loop.classify_waiting(8)
    other = Detector.objects.create(version="other", architecture="cnn32", sha256="0" * 64)
    image = five[0]
    image.verdict.detector = other
    image.verdict.save()
    Image.objects.filter(pk=image.pk).update(heat="")
    active = Detector.objects.active()
    assert heat.step(active, loop.load(active)) and not heat.step(active, loop.load(active))
    image.refresh_from_db()
    assert not image.heat and not image.drawable
