"""Trouble of the machine, in words for those who meet it. What counts as trouble: `claims.is_trouble`."""

import errno

from django.db import InterfaceError, OperationalError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def in_words(error: BaseException) -> str:
    """A sentence without its full stop, to be gone on with."""
    if isinstance(error, OperationalError | InterfaceError):
        return "The database does not answer"
    number = getattr(error, "errno", None)
    if number in FULL:
        return "The disk is full"
    if number in REFUSED:
        return "The file storage can't be written to"
    return "The file storage does not answer"
