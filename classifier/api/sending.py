"""Files on their way in through the programming interface: checked by the form's own rules."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from classifier.api.problems import Problem, Wrong
from classifier.api.shapes import RefusedShape
from classifier.forms.uploading import check_file
from classifier.intake import quotas
from classifier.intake.checks import clean_name
from classifier.intake.submitting import CheckedFile, Refused

STATUSES = {"bytes": 413, "format": 415, "quota": 429}
"""What a refusal is answered with when all files broke the same rule; 422 otherwise."""
YES, NO = ("true", "on", "yes", "1"), ("false", "off", "no", "0", "")


@dataclass
class Checked:
    good: list[CheckedFile] = field(default_factory=list)
    refused: list[RefusedShape] = field(default_factory=list)


def files_of(request: HttpRequest, name: str, most: int) -> list["UploadedFile[Any]"]:
    """The files of one field. Raises Problem where the call has none, or too many."""
    if request.content_type != "multipart/form-data":
        detail = f"Send multipart/form-data with files named “{name}”; received {request.content_type or 'nothing'}."
        raise Problem(415, detail, "not-multipart")
    files = request.FILES.getlist(name)
    if not files:
        raise _invalid(name, "Send at least one file with this name.")
    if len(files) > most:
        raise _invalid(name, f"At most {most} in one call; received {len(files)}.")
    return files


def check(files: Sequence["UploadedFile[Any]"]) -> Checked:
    """The good ones, and a sentence for each other one. Raises Problem when none is good."""
    checked = Checked()
    for file in files:
        name = clean_name(file.name or "")
        try:
            checked.good.append(check_file(file, name))
        except ValidationError as error:
            code = str(error.code or "invalid")
            checked.refused.append(RefusedShape(name=name, code=code, detail=" ".join(error.messages)))
    if not checked.good:
        raise none_good(checked.refused)
    return checked


def require_room(owner: User) -> None:
    """Before the files are read; exactly counted is when they are stored. Raises Problem."""
    if sentence := quotas.room_of(owner).objection(0):
        raise Problem(403, sentence, "quota")


def over_quota(over: Sequence[Refused], none_stored: bool) -> list[RefusedShape]:
    """Files that the person's quota has no room for. Raises Problem where that is so for all of them."""
    refused = [RefusedShape(name=one.name, code="quota", detail=one.reason) for one in over]
    if refused and none_stored:
        raise Problem(403, refused[0].detail, "quota", [Wrong(where=one.name, detail=one.detail) for one in refused])
    return refused


def ticked(request: HttpRequest, name: str) -> bool:
    """A yes or no of the form. Raises Problem for anything else."""
    value = request.POST.get(name, "")
    if value.lower() not in (*YES, *NO):
        raise _invalid(name, "It must be true or false.")
    return value.lower() in YES


def digest_of(checked: CheckedFile) -> str:
    """SHA-256 of the file."""
    digest = hashlib.sha256()
    for chunk in checked.file.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def none_good(refused: Sequence[RefusedShape]) -> Problem:
    codes = {one.code for one in refused}
    status = STATUSES.get(codes.pop(), 422) if len(codes) == 1 else 422
    wrong = [Wrong(where=one.name, detail=one.detail) for one in refused]
    return Problem(status, " ".join(one.detail for one in refused), "refused", wrong)


def _invalid(where: str, detail: str) -> Problem:
    return Problem(422, f"{where}: {detail}", "invalid", [Wrong(where=where, detail=detail)])
