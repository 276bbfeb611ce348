"""Kill -9 during training and during re-scoring: both go on where they were, nothing is doubled."""

import json
import signal
import time

import psutil
import pytest

from tests.stack import wait_for

pytestmark = pytest.mark.stack
COUNT = 48
PREPARE = """
from django.contrib.auth.models import User
from tests.loop import frozen
from classifier.learning import runs
from classifier.models import TrainingRun
staff = User.objects.get(is_superuser=True)
owner = User.objects.create_user("owner", "owner@example.org", "sun-and-moon-7")
version = frozen(owner, staff, COUNT)
run = TrainingRun(name="long", dataset=version, architecture="cnn32", epochs=40, minutes=10)
runs.start_training(run, staff)
"""
RUN = """
import json
from classifier.models import *
run = TrainingRun.objects.get(name="long")
print(json.dumps({"state": run.state, "epochs": [one["epoch"] for one in run.history], "attempts": run.attempts,
    "error": run.error, "detectors": Detector.objects.filter(version="long").count(),
    "measured": list(Measurement.objects.filter(dataset=run.dataset).values_list("detector__version", "state"))}))
"""
REJUDGE = """
import json
from classifier import wakeups
from classifier.registry import detectors
from django.contrib.auth.models import User
from classifier.models import *
from tests.loop import frozen
if not User.objects.filter(username="owner").exists():  # the test before this one was left out
    owner = User.objects.create_user("owner", "owner@example.org", "sun-and-moon-7")
    frozen(owner, User.objects.get(is_superuser=True), COUNT)
Image.objects.filter(owner__username="owner").update(state="waiting", verdict=None, background=True)
wakeups.wake_workers()
"""
PROMOTE = """
from classifier import wakeups
from classifier.registry import detectors
from tests.loop import another
detectors.switch_to(another(detectors.active(), "second", fake_below=0.0, real_above=1.0))
"""
SCORED = """
import json
from classifier.models import *
job = Rescoring.objects.filter(detector__version="second").first()
images = Image.objects.filter(state="done")
print(json.dumps({"judged": images.filter(owner__username="owner").exclude(verdict=None).count(),
    "other": images.exclude(verdict__detector__version="second").count(),
    "verdicts": Verdict.objects.filter(detector__version="second").count(),
    "mixed": images.filter(verdict__detector__version="second", decided_by="network").exclude(
        outcome="INCONCLUSIVE").count(),  # what a file declares decides whichever detector is active
    "done": job.done if job else 0, "ended": bool(job and job.finished_at)}))
"""


def told(stack, code):
    return json.loads(stack.ask(code).splitlines()[-1])


def loads_tensorflow(process):
    return any("tensorflow" in place.path for place in process.memory_maps())


def kill(stack, *words):
    for process in stack.find(*words):
        process.send_signal(signal.SIGKILL)


def test_training_survives_kill_9_and_costs_nothing_when_idle(stack):
    assert stack.find("trainer@") and not any(loads_tensorflow(process) for process in stack.find("trainer@"))
    stack.ask(PREPARE.replace("COUNT", str(COUNT)))
    wait_for(lambda: len(told(stack, RUN)["epochs"]) >= 2, 120, "two epochs")
    assert any(loads_tensorflow(process) for process in stack.find("trainer@"))
    kill(stack, "trainer@")
    wait_for(lambda: told(stack, RUN)["state"] in ("done", "failed"), 300, "the end of the run")
    run = told(stack, RUN)
    assert (run["state"], run["error"], run["detectors"]) == ("done", "", 1)
    assert run["epochs"] == list(range(1, len(run["epochs"]) + 1)) and run["attempts"] == 2
    assert sorted(run["measured"]) == sorted(
        [["long", "done"], [next(n for n, _ in run["measured"] if n != "long"), "done"]]
    )

    def forgotten():
        try:
            return not any(loads_tensorflow(process) for process in stack.find("trainer@"))
        except psutil.Error:  # it is being replaced at this moment
            return False

    wait_for(forgotten, 60, "a trainer without TensorFlow")


@pytest.mark.postgres
def test_re_scoring_survives_kill_9(stack):
    stack.ask(REJUDGE.replace("COUNT", str(COUNT)))
    wait_for(lambda: told(stack, SCORED)["judged"] == COUNT, 180, "first verdicts")
    total = told(stack, SCORED)["other"]
    stack.ask(PROMOTE)
    for _ in range(2):
        before = told(stack, SCORED)["done"]
        wait_for(lambda: told(stack, SCORED)["done"] > before, 90, "re-scoring on its way")  # noqa: B023
        kill(stack, "worker@")
        time.sleep(0.5)
    wait_for(lambda: told(stack, SCORED)["ended"], 180, "the end of re-scoring")
    assert told(stack, SCORED) == {
        "judged": COUNT, "other": 0, "verdicts": total, "mixed": 0, "done": total, "ended": True,
    }  # fmt: skip
