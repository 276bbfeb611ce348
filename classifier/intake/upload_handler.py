"""What a request may write to the disk while it is being read, before any form sees it."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.urls import reverse


class BoundedTemporaryFile(TemporaryFileUploadHandler):
    """Keeps no byte beyond the size limit but goes on counting, so that the form can say how large the file was."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> Any:
        if start <= self._megabytes() * 1_000_000:
            return super().receive_data_chunk(raw_data, start)
        return None

    def _megabytes(self) -> float:
        """More for a zip of somebody who is signed in, and for staff who may import one."""
        request = self.request
        user = getattr(request, "user", None)  # known by now: the session is read before any body
        if request is None or user is None or not user.is_authenticated:
            return float(settings.MAX_UPLOAD_MB)
        if user.is_staff and user.has_perm("classifier.add_importbatch"):
            return float(settings.MAX_IMPORT_MB)
        is_batch = request.path in (reverse("home"), reverse("batch_zip"))
        is_zip = str(self.file_name or "").lower().endswith(".zip")
        return float(settings.MAX_BATCH_MB if is_batch and is_zip else settings.MAX_UPLOAD_MB)
