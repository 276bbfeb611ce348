"""The dataset version that a command is about."""

from django.core.management.base import CommandError

from classifier.models import DatasetVersion


def version_numbered(number: int | None) -> DatasetVersion:
    """By its number, or the newest. Raises CommandError."""
    versions = DatasetVersion.objects.all()
    version = versions.filter(number=number).first() if number else versions.first()
    if version is None:
        known = ", ".join(str(number) for number in versions.values_list("number", flat=True))
        raise CommandError(f"expected the number of a dataset version ({known or 'there is none yet: freeze_dataset'})")
    return version
