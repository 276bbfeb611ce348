"""`import_dataset --as-images`: pictures copied in, labelled, now."""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import OutputWrapper

from classifier.accounts import trail
from classifier.detector.errors import DatasetError
from classifier.labelling import imports
from classifier.management.arguments import staff_named
from classifier.management.progress import counter
from classifier.models import Act


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--as-images", action="store_true", help="copy them in as labelled images; can be resumed")
    parser.add_argument("--license", default="not stated", help="with --as-images: what allows us to use them")
    parser.add_argument("--source", default="", help="with --as-images; default: the folder below REAL or FAKE")
    parser.add_argument("--by", help="with --as-images: the staff account that they will belong to; default: the first")


def import_as_images(folder: Path, options: Mapping[str, Any], complaints: OutputWrapper) -> str:
    """Returns a sentence that counts. Raises DatasetError."""
    owner = staff_named(options["by"])
    if options["table"]:
        raise DatasetError("expected a manifest.csv in the folder instead of --table, which --as-images doesn't read")
    batch = imports.start(owner, options["license"], options["source"], folder=str(folder.resolve()))
    trail.write(owner, Act.IMPORTED, "importbatch", batch.pk, note=trail.command_line())
    imports.run(batch, counter("Importing"))
    for complaint in batch.complaints:
        complaints.write(f"left out {complaint}")
    counts = f"{batch.added} imported, {batch.duplicates} here already, {len(batch.complaints)} left out."
    return f"{counts} {batch.error or 'Verdicts follow when no upload waits.'}"
