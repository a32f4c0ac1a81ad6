"""Input pictures on their way between machines: packed into the picture that was made from them, and kept again where that one is rerun. No torch."""

from __future__ import annotations

from dataclasses import replace

from modules.core.blobs import Blobs
from modules.core.errors import BadPicture, Unsupported
from modules.core.inputs import check, missing, references
from modules.core.wish import Wish
from modules.imaging.opening import opened
from modules.infotext import files
from modules.infotext.packing import pack, unpack
from modules.infotext.read import read
from modules.infotext.reading import Reading


def packed(data: bytes, blobs: Blobs) -> bytes:
    """A saved picture's file with everything in it that it was made from. Raises NotFound that names the inputs that are gone, BadPicture for a picture that
    Easel did not make or a file that holds no inputs, Unsupported for one made from its prompt alone, OutputTrouble for too much."""
    found = files.read(data)
    request = read(found).again
    if not found.document or request is None:
        raise BadPicture("The picture does not say how Easel made it.", "Take the file as Easel saved it, with its parameters in it.")
    wanted = references(request)
    if not wanted:
        raise Unsupported("This picture was made from its prompt alone, so there are no inputs to pack.", "Its file is all that a rerun needs.")
    check(request, blobs)
    return pack(data, {reference: blobs.get(reference, name) for name, reference in wanted.items()})


def told(reading: Reading, data: bytes, blobs: Blobs) -> Reading:
    """The table of a picture with what it says of its inputs: which are not here, and which of those its file carries along."""
    lost = set(missing(reading.again or reading.request, blobs).values())
    inside = unpack(data) if lost else {}
    rows, notes = [], [*reading.notes]
    for row in reading.rows:
        if row.value in inside and row.value in lost:
            row = replace(row, state="restored", note="The file carries it along.")
        elif row.value in lost:
            row = replace(row, state="not restored", note="It is not on this machine.")
            notes.append(f"{row.key} is not on this machine. Give it again, or take a copy of this picture that was saved with its inputs.")
        rows.append(row)
    return replace(reading, rows=rows, notes=notes)


def restore(data: bytes, request: Wish, blobs: Blobs) -> list[str]:
    """Keeps those inputs of a file that its request refers to and that are not here. -> what a person calls them. What is no picture is left out."""
    lost = missing(request, blobs)
    inside = unpack(data) if lost else {}
    back = []
    for name, reference in lost.items():
        try:
            opened(inside.get(reference, b""))
        except BadPicture:
            continue
        blobs.put(inside[reference])
        back.append(name)
    return back
