"""Webhooks: recorded with what they tell, signed, sent to public addresses only, tried again, switched off."""

import socket
from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.accounts import delivering, hooks, public_address
from classifier.labelling import disputes, ground_truth
from classifier.models import Claim, Delivery, Event, GroundTruth, Image, JobState, State, Webhook, claims
from classifier.models.webhooks import TRIES
from tests.receiver import Receiver, is_signed

PAGE = "/account/webhooks/"


@pytest.fixture
def receive():
    """receive(503, 204): a receiver that answers so; closed at the end."""
    opened = []

    def start(*statuses, **options):
        opened.append(Receiver(*statuses, **options))
        return opened[-1]

    yield start
    for receiver in opened:
        receiver.close()


@pytest.fixture
def private(settings):
    settings.WEBHOOK_PRIVATE = True


@pytest.fixture
def hook_to(alice, private):
    return lambda receiver, *events: hooks.create(alice, receiver.url, events or list(Event))


def due():
    """The pause is over."""
    Delivery.objects.update(not_before=None)


def test_a_message_arrives_signed(hook_to, receive, classified):
    receiver = receive()
    hook = hook_to(receiver)
    assert hooks.record(Event.DONE, [classified]) == 1
    assert delivering.deliver_waiting() == 1
    [(path, headers, body)] = receiver.got
    assert path == "/hook?from=aidetect" and headers["Content-Type"] == "application/json"
    assert is_signed(hook.secret, headers, body) and not is_signed(hook.secret, headers, body + b" ")
    said = receiver.messages[0]
    assert said["type"] == "image.done" and said["data"]["image"]["outcome"] == "FAKE"
    assert said["data"]["image"]["path"] == f"/api/v1/images/{classified.uuid}"
    assert classified.name not in body.decode()
    delivery = Delivery.objects.get()
    assert delivery.state == JobState.DONE and headers["webhook-id"] == str(delivery.number)
    assert delivery.tried[0]["status"] == 204
    assert Webhook.objects.get().succeeded_at and delivering.deliver_waiting() == 0


def test_the_worker_is_woken_once_the_message_is_there(
    hook_to, receive, classified, wakeups, django_capture_on_commit_callbacks
):
    hook_to(receive())
    with django_capture_on_commit_callbacks(execute=True):
        hooks.record(Event.DONE, [classified])
    assert wakeups == ["classifier.deliver_waiting"]


def test_only_the_owners_webhooks_are_told_and_only_what_they_want(hook_to, receive, classified, bob):
    hook_to(receive(), Event.CHANGED)
    hooks.create(bob, receive().url, list(Event))
    assert hooks.record(Event.DONE, [classified]) == 0
    assert hooks.record(Event.CHANGED, [classified]) == 1


def test_what_does_not_arrive_is_tried_again_with_growing_pauses(hook_to, receive, classified):
    receiver = receive(503, 500, 200)
    hook_to(receiver)
    hooks.record(Event.DONE, [classified])
    pauses = []
    for _ in range(2):
        assert delivering.deliver_waiting() == 0 and delivering.deliver_waiting() == 0
        delivery = Delivery.objects.get()
        assert delivery.state == JobState.WAITING and "503" in delivery.tried[0]["error"]
        pauses.append((delivery.not_before - timezone.now()).total_seconds())
        due()
    assert 5 < pauses[0] <= 10 and 50 < pauses[1] <= 60
    assert delivering.deliver_waiting() == 1
    numbers = {headers["webhook-id"] for _, headers, _ in receiver.got}
    assert len(receiver.got) == 3 and len(numbers) == 1
    assert [one["status"] for one in Delivery.objects.get().tried] == [503, 500, 200]


def test_where_nothing_arrives_the_webhook_is_switched_off(hook_to, receive, classified):
    hook_to(receive(500))
    hooks.record(Event.DONE, [classified])
    hooks.record(Event.CHANGED, [classified])
    for _ in range(TRIES):
        Delivery.objects.filter(event=Event.DONE).update(not_before=None)
        delivering.deliver_waiting()
    assert Delivery.objects.get(event=Event.DONE).state == JobState.FAILED
    hook = Webhook.objects.get()
    assert hook.disabled_at and "500" in hook.why
    assert Delivery.objects.get(event=Event.CHANGED).state == JobState.FAILED
    assert hooks.record(Event.DONE, [classified]) == 0


def test_one_message_that_fails_among_others_that_arrive_switches_nothing_off(hook_to, receive, classified):
    hook_to(receive(500))
    hooks.record(Event.DONE, [classified])
    Delivery.objects.update(left=1)
    Webhook.objects.update(succeeded_at=timezone.now())
    delivering.deliver_waiting()
    assert Delivery.objects.get().state == JobState.FAILED and not Webhook.objects.get().disabled_at


def test_a_receiver_that_wants_no_more_gets_no_more(hook_to, receive, classified):
    hook_to(receive(410))
    hooks.record(Event.DONE, [classified])
    delivering.deliver_waiting()
    assert "410" in Webhook.objects.get().why


def test_redirects_are_not_followed(hook_to, receive, classified):
    target = receive()
    hook_to(receive(302, location=target.url))
    hooks.record(Event.DONE, [classified])
    assert delivering.deliver_waiting() == 0
    assert "redirects are not followed" in Delivery.objects.get().error and not target.got


def test_a_receiver_that_drips_is_cut_off(hook_to, receive, classified, monkeypatch):
    monkeypatch.setattr(delivering, "SECONDS", 1)
    hook_to(receive(drip=0.05))
    hooks.record(Event.DONE, [classified])
    assert delivering.deliver_waiting() == 0
    assert "longer than 1 seconds" in Delivery.objects.get().error


def test_nobody_listens(hook_to, classified, receive):
    receiver = receive()
    hook_to(receiver)
    receiver.close()
    hooks.record(Event.DONE, [classified])
    delivering.deliver_waiting()
    assert "No answer" in Delivery.objects.get().error


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "fd12::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "ff02::1",
        "2001:0:7f00:1::", "fe80::1%eth0", "fec0::1", "198.18.0.1",
    ],
)  # fmt: skip
def test_private_addresses_are_not_public(address):
    assert not public_address.is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are(address):
    assert public_address.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "ftp://example.org/", "https://", "https:///x", "https://user:secret@example.org/",
        "https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://printer.local/", "https://10.0.0.1:8443/",
        "https://example.org:0/", "https://example.org:99999/", "https://exa mple.org/", "javascript:alert(1)", "x",
        "https://example.org/\r\nHost: evil", "https://[::1", "https://bücher.example/",
    ],
)  # fmt: skip
def test_an_address_that_is_none_gets_a_sentence(as_alice, url):
    response = as_alice.post(PAGE, {"url": url, "events": ["image.done"]})
    assert response.status_code == 200 and response.context["form"].errors["url"]
    assert not Webhook.objects.exists()


def resolving(monkeypatch, *addresses):
    asked = []

    def getaddrinfo(host, port, *_, **__):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(public_address.socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"]])
def test_a_name_that_leads_inside_is_never_connected_to(alice, classified, monkeypatch, addresses):
    hooks.create(alice, "https://rebound.example.org/", list(Event))
    hooks.record(Event.DONE, [classified])
    resolving(monkeypatch, *addresses)
    monkeypatch.setattr(delivering.socket, "create_connection", lambda *_, **__: pytest.fail("it connected"))
    delivering.deliver_waiting()
    assert "not a public address" in Delivery.objects.get().error


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(alice, receive, classified, monkeypatch, private):
    receiver = receive()
    hooks.create(alice, f"http://hook.example.org:{receiver.port}/", list(Event))
    hooks.record(Event.DONE, [classified])
    asked = resolving(monkeypatch, "127.0.0.1")
    assert delivering.deliver_waiting() == 1
    assert asked.count("hook.example.org") == 1
    assert receiver.got[0][1]["Host"] == f"hook.example.org:{receiver.port}"


def test_an_encrypted_receiver_must_prove_who_it_is(alice, receive, classified, private):
    hooks.create(alice, receive().url.replace("http://", "https://"), list(Event))
    hooks.record(Event.DONE, [classified])
    assert delivering.deliver_waiting() == 0
    assert "No answer" in Delivery.objects.get().error


def test_a_slow_receiver_holds_up_only_its_own(hook_to, receive, classified):
    slow, quick = receive(500), receive()
    hook_to(slow), hook_to(quick)
    for _ in range(3):
        hooks.record(Event.DONE, [classified])
    assert delivering.deliver_waiting() == 3 and len(slow.got) == 3


def test_messages_of_a_worker_that_died_are_sent_by_another(hook_to, receive, classified):
    receiver = receive()
    hook_to(receiver)
    hooks.record(Event.DONE, [classified])
    delivering._claim(1)
    assert delivering.deliver_waiting() == 0
    Delivery.objects.update(claimed_at=timezone.now() - timedelta(hours=1))
    claims.release_everything()
    assert delivering.deliver_waiting() == 1


# --- what is told -----------------------------------------------------------------------------------------------------


@pytest.fixture
def told(hook_to, receive):
    hook_to(receive())
    return lambda: list(Delivery.objects.order_by("pk").values_list("event", "payload__data"))


def test_an_answered_dispute_is_told_and_a_withdrawn_one_is_not(told, classified, staff):
    disputes.dispute(classified, Claim.REAL, "mine", "ordinary")
    ground_truth.label_images(Image.objects.all(), staff, GroundTruth.REAL, "looked at it")
    [(event, data)] = told()
    assert event == "dispute.answered" and data["dispute"] == "agreed"
    disputes.dispute(classified, Claim.FAKE, "or not", "ordinary")
    disputes.withdraw_dispute(classified)
    assert len(told()) == 1


def test_a_picture_that_is_given_up_is_told(told, picture):
    Image.objects.update(
        state=State.ANALYSING, attempts=99, claim="00000000-0000-4000-8000-000000000000",
        claimed_at=timezone.now() - timedelta(hours=1), holder="elsewhere:1:1",
    )  # fmt: skip
    claims.release_everything()
    [(event, data)] = told()
    assert event == "image.failed" and "interrupted" in data["image"]["error"]


@pytest.mark.keras
def test_verdicts_failures_and_changes_are_told(told, alice, tiny, picture, monkeypatch):
    from classifier.intake import submitting
    from classifier.worker.loop import classify_waiting

    classify_waiting(8)
    Image.objects.update(outcome="REAL" if Image.objects.get().outcome == "FAKE" else "FAKE")
    submitting.analyse_again(Image.objects.all())
    classify_waiting(8)
    picture.original.storage.delete(picture.original.name)
    submitting.analyse_again(Image.objects.all())
    classify_waiting(8)
    assert [event for event, _ in told()] == ["image.done", "verdict.changed", "image.done", "image.failed"]


# --- pages ------------------------------------------------------------------------------------------------------------


def test_add_test_and_read_the_log(as_alice, receive, private, classified):
    receiver = receive()
    page = as_alice.post(PAGE, {"url": receiver.url, "events": ["image.done"]}, follow=True).content.decode()
    hook = Webhook.objects.get()
    assert hook.secret in page and "Nothing yet" in page
    as_alice.post(f"{PAGE}{hook.pk}/test/")
    hooks.record(Event.DONE, [classified])
    assert delivering.deliver_waiting() == 2
    assert [message["type"] for message in receiver.messages] == ["ping", "image.done"]
    page = as_alice.get(f"{PAGE}{hook.pk}/").content.decode()
    assert "arrived" in page and classified.name in page and "Send again" in page


def test_a_message_is_sent_again_on_request(as_alice, hook_to, receive, classified):
    receiver = receive(404, 204)
    hook = hook_to(receiver)
    hooks.record(Event.DONE, [classified])
    Delivery.objects.update(left=1)
    Webhook.objects.update(succeeded_at=timezone.now())
    delivering.deliver_waiting()
    replay = f"{PAGE}{hook.pk}/deliveries/{Delivery.objects.get().pk}/replay/"
    as_alice.post(replay)
    assert delivering.deliver_waiting() == 1 and len(receiver.got) == 2
    assert receiver.got[0][1]["webhook-id"] == receiver.got[1][1]["webhook-id"]
    assert len(Delivery.objects.get().tried) == 2


def test_switch_off_and_on_and_delete(as_alice, hook_to, receive, classified):
    hook = hook_to(receive())
    hooks.record(Event.DONE, [classified])
    as_alice.post(f"{PAGE}{hook.pk}/switch/")
    assert delivering.deliver_waiting() == 0 and hooks.record(Event.DONE, [classified]) == 0
    page = as_alice.get(f"{PAGE}{hook.pk}/").content.decode()
    assert "You switched it off" in page and "Switch on" in page
    replay = f"{PAGE}{hook.pk}/deliveries/{Delivery.objects.get().pk}/replay/"
    assert "Switch it on first" in as_alice.post(replay, follow=True).content.decode()
    as_alice.post(f"{PAGE}{hook.pk}/switch/")
    assert hooks.record(Event.DONE, [classified]) == 1
    as_alice.post(f"{PAGE}{hook.pk}/delete/")
    assert not Webhook.objects.exists() and not Delivery.objects.exists()


def test_bob_cannot_touch_alices_webhook(as_bob, hook_to, receive, classified):
    hook = hook_to(receive())
    hooks.record(Event.DONE, [classified])
    place = f"{PAGE}{hook.pk}/"
    assert as_bob.get(place).status_code == 404
    for what in ("test/", "switch/", "delete/", f"deliveries/{Delivery.objects.get().pk}/replay/"):
        assert as_bob.post(place + what).status_code == 404
    assert Webhook.objects.filter(disabled_at=None).exists()


def test_there_are_only_so_many(as_alice, alice, private, receive):
    receiver = receive()
    for _ in range(hooks.MOST):
        hooks.create(alice, receiver.url, [Event.DONE])
    page = as_alice.post(PAGE, {"url": receiver.url, "events": ["image.done"]}).content.decode()
    assert "Delete one" in page


def test_the_log_goes_with_the_image_and_with_time(hook_to, receive, classified, as_alice):
    hook_to(receive())
    hooks.record(Event.DONE, [classified])
    as_alice.post(f"/images/{classified.uuid}/delete/")
    assert not Delivery.objects.exists()
    hooks.ping(Webhook.objects.get())
    delivering.deliver_waiting()
    assert hooks.forget_old_deliveries() == 0
    Delivery.objects.update(finished_at=timezone.now() - timedelta(days=31))
    assert hooks.forget_old_deliveries() == 1
