"""The one tree of errors that a person may see.

    EaselError
    ├── InvalidRequest     a value of the request is wrong                 API 400, CLI 2
    ├── NotFound           a model, embedding, job or picture is missing   API 404, CLI 2
    ├── BadModelFile       a weights file that cannot be read or used      API 400, CLI 2
    │   └── NotNumbers     a network answers with no numbers               API 400, CLI 2
    ├── BadPicture         a picture file that cannot be read              API 400, CLI 2
    ├── Unsupported        the loaded family cannot do what was asked      API 400, CLI 2
    ├── OutputTrouble      a folder that cannot be written, a full disk    API 507, CLI 1
    ├── OutOfMemory        the device has too little memory                API 507, CLI 1
    └── Unavailable        Easel is closing, or its engine did not start   API 503, CLI 1

A message says what is wrong with which value, why if that is known, and what to do.
Faces translate: a toast in the page, a status with `{error, field, remedy}` in the API, one line on stderr.
"""

from __future__ import annotations


class EaselError(Exception):
    """`what` is wrong (with which value), `remedy` says what to do, `field` is the dotted path of the request field, if one is to blame."""

    def __init__(self, what: str, remedy: str = "", field: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy, self.field = what, remedy, field

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()

    def as_dict(self) -> dict[str, str]:
        return {"error": type(self).__name__, "detail": self.what, "field": self.field, "remedy": self.remedy}


class InvalidRequest(EaselError):
    """A value of the request is of the wrong type, out of range or unknown."""


class NotFound(EaselError):
    """Something that was named is not there; `candidates` are the nearest names that are."""

    def __init__(self, what: str, remedy: str = "", field: str = "", candidates: tuple[str, ...] = ()) -> None:
        super().__init__(what, remedy, field)
        self.candidates = candidates


class BadModelFile(EaselError):
    """A weights file that is truncated, foreign, or of another kind than its place says."""


class NotNumbers(BadModelFile):
    """A network that answers with not-a-number: its weights are damaged, or it overflows, which more digits may heal."""


class BadPicture(EaselError):
    """A file that is no picture, or one too large to be opened safely."""


class Unsupported(EaselError):
    """The model's family does not support what the request asks for."""


class OutputTrouble(EaselError):
    """The output folder cannot be written or the disk is full."""


class OutOfMemory(EaselError):
    """The device ran out of memory."""


class Unavailable(EaselError):
    """Nothing is wrong with the request, but it cannot be served now: Easel is closing, or its engine did not start."""
