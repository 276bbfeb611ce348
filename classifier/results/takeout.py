"""Everything of one person as a zip: the originals, and what is known about each."""

import json
import tempfile
import zipfile
from typing import IO

from django.contrib.auth.models import User

from classifier.intake.checks import clean_name
from classifier.models import Batch, Image
from classifier.results import report
from classifier.results.table import csv_rows


def zip_of(user: User) -> IO[bytes]:
    """A temporary file, at its start: `images/<number>-<name>` as uploaded, `reports/<number>.json`, `images.csv`,
    `batches.json` and `account.json`. It is gone when closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the response closes it
    images = Image.objects.filter(owner=user).select_related("verdict__detector")
    images = images.prefetch_related("evidence", "disputes", "labels", "tags")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        account = {"username": user.username, "email": user.email, "joined": user.date_joined.isoformat()}
        archive.writestr("account.json", json.dumps(account, indent=1))
        archive.writestr("batches.json", json.dumps(_batches_of(user), indent=1, ensure_ascii=False))
        with archive.open("images.csv", "w") as table:
            for line in csv_rows(images.iterator(chunk_size=200)):
                table.write(line.encode())
        for image in images.iterator(chunk_size=200):
            disputes = [
                {"claim": said.claim, "how": said.how, "category": said.category, "state": said.state}
                for said in image.disputes.all()
            ]
            labels = [{"new": label.new, "at": label.created_at.isoformat()} for label in image.labels.all()]
            known = {**report.as_dict(image, private=True), "disputes": disputes, "labels": labels}
            archive.writestr(f"reports/{image.pk}.json", json.dumps(known, indent=1, ensure_ascii=False))
            try:
                with (
                    image.original.open("rb") as original,
                    archive.open(f"images/{image.pk}-{clean_name(image.name)}", "w") as target,
                ):
                    for chunk in original.chunks():
                        target.write(chunk)
            except FileNotFoundError:
                continue
    file.seek(0)
    return file


def _batches_of(user: User) -> list[dict[str, object]]:
    """Names and files of the batches; an image by its number, as in `reports/`."""
    return [
        {
            "name": batch.name,
            "made": batch.created_at.isoformat(),
            "files": [{"path": item.name, "image": item.image_id, "refused": item.error} for item in batch.items.all()],
        }
        for batch in Batch.objects.filter(owner=user).prefetch_related("items")
    ]
