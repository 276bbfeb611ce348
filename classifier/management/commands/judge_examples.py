from typing import Any

from classifier.management.keras_command import KerasCommand
from classifier.registry import detectors


class Command(KerasCommand):
    help = "Judge the landing page's examples again, after a new detector is shipped. Example: manage.py judge_examples"

    def handle(self, *args: Any, **options: Any) -> None:
        from classifier.worker.judging_examples import judge_examples

        for line in judge_examples(detectors.find(None)):
            self.stdout.write(line)
