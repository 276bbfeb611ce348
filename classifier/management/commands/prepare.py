from typing import Any

from django.core.management.base import BaseCommand

from aidetect import launcher


class Command(BaseCommand):
    help = (
        "Everything that must be there before the processes of a site start: tables, static files, the bucket, the "
        "shipped detector, the first staff account. `make run` does the same. Example: manage.py prepare"
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        launcher.prepare()
