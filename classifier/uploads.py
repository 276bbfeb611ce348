"""What a request may write to the disk while it is being read, before any form sees it."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler


class BoundedTemporaryFile(TemporaryFileUploadHandler):
    """Keeps no byte beyond the size limit but goes on counting, so that the form can say how large the file was."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> Any:
        if start <= settings.MAX_UPLOAD_MB * 1_000_000:
            return super().receive_data_chunk(raw_data, start)
        return None
