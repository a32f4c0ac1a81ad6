"""Tables of tensors that were read lately: files of one trainer have the same table and differ in their metadata alone, so a folder of LoRAs is read
and recognised a few times and not a thousand. Used while folders are listed, and dropped then. Knows no format beyond where metadata stand.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from modules.catalog.header import Header

MOST = 32
"""Tables that are kept; the largest real ones take some megabytes."""

START = re.compile(r'\s*\{\s*"__metadata__"\s*:\s*')
Result = TypeVar("Result")


class Tables:
    def __init__(self) -> None:
        self._headers: dict[bytes, Header] = {}
        self._results: dict[int, dict[Any, Any]] = {}

    def header(self, text: bytes, data: int, read: Callable[[], Header]) -> Header:
        """The header that this text says, read by `read` or known from another file of the same table and as many bytes of data; such a one has no offsets."""
        split = _split(text)
        if split is None:
            return read()
        metadata, rest = split
        key = hashlib.blake2b(rest, digest_size=16).digest() + data.to_bytes(8, "little")
        if key in self._headers:
            kept = self._headers[key]
            return Header(kept.tensors, metadata, cut=kept.cut)
        found = read()
        if len(self._headers) >= MOST:
            oldest = self._headers.pop(next(iter(self._headers)))
            self._results.pop(id(oldest.tensors), None)
        self._headers[key] = Header(found.tensors, cut=found.cut)
        self._results[id(found.tensors)] = {}
        return found

    def once(self, found: Header, what: object, make: Callable[[], Result]) -> Result:
        """What `make` makes of this table, made once as long as the table is kept."""
        results = self._results.get(id(found.tensors))
        if results is None:
            return make()
        if what not in results:
            results[what] = make()
        return results[what]


def _split(text: bytes) -> tuple[dict[str, str], bytes] | None:
    """-> (metadata, the rest); None where they do not stand in front or are not in order."""
    if b'"__metadata__"' not in text[:200]:
        return ({}, text) if b'"__metadata__"' not in text else None
    try:
        whole = text.decode()
        begin = START.match(whole)
        if begin is None:
            return None
        metadata, end = json.JSONDecoder().raw_decode(whole, begin.end())
    except (ValueError, RecursionError):
        return None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()) or '"__metadata__"' in whole[end:]:
        return None
    return metadata, whole[end:].encode()
