"""Pictures that are looked at and not kept."""

import uuid
from typing import Any

from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from classifier.models.claims import Values
from classifier.models.jobs import Job
from classifier.models.removals import remove_files

TAKES_TOO_LONG = "The picture could not be looked at; its file ended the worker several times."


def inspected_path(inspection: "Inspection", filename: str) -> str:
    return f"inspections/{uuid.uuid4()}"


class Inspection(Job):
    """A file that a worker looks at while somebody waits for the answer. Row and file are deleted with the answer; what
    a web process that died left behind goes after INSPECTION_SECONDS. by: who asked."""

    file = models.FileField(upload_to=inspected_path, max_length=200)
    answer = models.JSONField(default=dict, editable=False)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"inspection {self.pk}"

    @classmethod
    def given_up(cls) -> Values:
        return {**super().given_up(), "error": TAKES_TOO_LONG}


@receiver(post_delete, sender=Inspection)
def _delete_file(sender: type[Inspection], instance: Inspection, **kwargs: Any) -> None:
    stored = [(instance.file.storage, instance.file.name)]
    transaction.on_commit(lambda: remove_files(stored), robust=True)
