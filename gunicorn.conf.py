"""gunicorn reads this file by itself, from the folder it is started in."""

import os
from typing import Any

from gunicorn.glogging import Logger

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aidetect.settings")


class WebLogger(Logger):
    """gunicorn's own lines go where all others go, in the same form (LOG_FORMAT)."""

    def setup(self, cfg: Any) -> None:
        from aidetect import logs

        super().setup(cfg)
        logs.configure()


logger_class = WebLogger
