from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from aidetect import env, launcher


class Command(BaseCommand):
    help = "Run everything: Redis, worker and web server. `make run` calls this. Example: manage.py launch --port 8001"
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=env.integer("PORT", 8000, 1, 65535))

    def handle(self, *args: Any, **options: Any) -> None:
        launcher.run(options["port"])
