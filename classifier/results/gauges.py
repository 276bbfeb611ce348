"""The site's state as figures for Prometheus, read each time from rows and Redis: whichever process is asked, the
answer is the same, and it outlives all of them."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

from aidetect import broker, tally
from classifier.models import ImportBatch, JobState, Measurement, TrainingRun, Verdict
from classifier.results import status

logger = logging.getLogger(__name__)

RATE_SECONDS = 60
"""Over how long the images a second are counted."""


class Figures(Collector):
    """A source that does not answer is left out and said to be so; the others are told all the same."""

    def collect(self) -> Iterator[Metric]:
        answers = GaugeMetricFamily(
            "aidetect_source_answers", "Whether the source of figures answered", labels=["source"]
        )
        sources: dict[str, Callable[[], Iterable[Metric]]] = {
            "database": _of_the_rows,
            "redis": _of_redis,
            "disk": _of_the_disks,
        }
        for name, source in sources.items():
            try:
                yield from list(source())
                answers.add_metric([name], 1)
            except Exception as error:
                logger.warning("figures: %s did not answer: %s", name, error)
                answers.add_metric([name], 0)
        yield answers


def _of_the_rows() -> Iterator[Metric]:
    queue = status.queue()
    waiting = GaugeMetricFamily("aidetect_images_waiting", "Images that wait for a worker", labels=["lane"])
    waiting.add_metric(["uploads"], queue.waiting)
    waiting.add_metric(["background"], queue.background)
    yield waiting
    yield GaugeMetricFamily("aidetect_images_analysing", "Images that a worker has claimed", queue.analysing)
    yield GaugeMetricFamily(
        "aidetect_images_held_up", "Images that wait because the machine was in the way", queue.held_up
    )
    yield GaugeMetricFamily("aidetect_images_failed_today", "Images given up in the last 24 hours", queue.failed_today)
    yield GaugeMetricFamily(
        "aidetect_oldest_waiting_seconds", "Age of the oldest waiting upload", queue.oldest_age.total_seconds()
    )
    lately = Verdict.objects.filter(created_at__gt=timezone.now() - timedelta(seconds=RATE_SECONDS)).count()
    yield GaugeMetricFamily("aidetect_images_per_second", "Verdicts given in the last minute", lately / RATE_SECONDS)
    jobs = GaugeMetricFamily("aidetect_jobs", "Imports, training runs and measurements", labels=["kind", "state"])
    for kind in (ImportBatch, TrainingRun, Measurement):
        for state in (JobState.WAITING, JobState.RUNNING):
            jobs.add_metric([str(kind._meta.verbose_name), state], kind._default_manager.filter(state=state).count())
    yield jobs


def _of_redis() -> Iterator[Metric]:
    yield from _of_workers(broker.workers_with_memory())
    yield from _counted(tally.read())


def _of_workers(seen: list[broker.SeenWorker]) -> Iterator[Metric]:
    workers = GaugeMetricFamily("aidetect_workers", "Workers seen in the last minute", labels=["kind"])
    for kind in ("analysis", "training"):
        workers.add_metric([kind], sum(worker.kind == kind for worker in seen))
    yield workers
    labels = ["kind", "worker", "process"]
    memory = GaugeMetricFamily("aidetect_worker_memory_bytes", "Resident memory of a worker's processes", labels=labels)
    for worker in seen:
        for process, size in worker.memory.items():
            memory.add_metric([worker.kind, worker.name, process], size)
    yield memory


def _counted(amounts: dict[str, float]) -> Iterator[Metric]:
    verdicts = CounterMetricFamily("aidetect_verdicts", "Verdicts given by the network", labels=["outcome"])
    failures = CounterMetricFamily("aidetect_failures", "Images without a verdict, by reason", labels=["reason"])
    stages = SummaryMetricFamily("aidetect_stage_seconds", "Time spent on an image, by stage", labels=["stage"])
    for name, amount in sorted(amounts.items()):
        kind, _, rest = name.partition(":")
        stage, _, unit = rest.partition(":")
        if kind == "verdicts":
            verdicts.add_metric([rest], amount)
        elif kind == "failures":
            failures.add_metric([rest], amount)
        elif kind == "stage" and unit == "seconds":
            stages.add_metric([stage], count_value=int(amounts.get(f"stage:{stage}:images", 0)), sum_value=amount)
    yield from (verdicts, failures, stages)


def _of_the_disks() -> Iterator[Metric]:
    free = GaugeMetricFamily("aidetect_disk_free_bytes", "Free space of this machine's disks", labels=["holds"])
    total = GaugeMetricFamily("aidetect_disk_bytes", "Size of this machine's disks", labels=["holds"])
    for disk in status.disks():
        free.add_metric([disk.holds], disk.free)
        total.add_metric([disk.holds], disk.total)
    yield from (free, total)
