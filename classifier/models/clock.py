"""The one clock that all machines share, the database's: theirs may differ, and claims compare times."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def now_everywhere() -> datetime:
    """With SQLite everything runs on one machine, whose clock it is."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now
