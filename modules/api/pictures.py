"""What a client sends as a picture -> its bytes, the opened picture, or a reference that a request can hold. Base64, a `data:` URL, or a web address where
the settings allow that. Knows no route; `threads.in_few` is where this is called from.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from PIL import Image

from modules.core.blobs import Blobs
from modules.core.errors import BadPicture
from modules.imaging.opening import opened

Fetch = Callable[[str, str], bytes]
"""(address, field) -> what stands there. Raises BadPicture."""


class Pictures:
    """blobs: where they are kept. fetch: gets one from the web. may_fetch: whether the settings allow that, asked each time."""

    def __init__(self, blobs: Blobs, fetch: Fetch, may_fetch: Callable[[], bool]) -> None:
        self._blobs, self._fetch, self._may_fetch = blobs, fetch, may_fetch

    def data(self, text: str, field: str) -> bytes:
        """The bytes as they were sent; what they are is for the reader of pictures to say. Raises BadPicture."""
        if text[:5].lower() == "http:" or text[:6].lower() == "https:":
            if not self._may_fetch():
                what = f"{field} is a web address, and pictures are not fetched from other machines."
                raise BadPicture(what, "Send the picture itself in base64, or switch fetching on in the settings.", field)
            return self._fetch(text.strip(), field)
        return decoded(text, field)

    def opened(self, data: bytes, field: str) -> Image.Image:
        """The picture, upright. Raises BadPicture that names the field."""
        try:
            return opened(data)
        except BadPicture as error:
            raise BadPicture(f"{field}: {error.what}", error.remedy, field) from None

    def kept(self, text: str, field: str) -> str:
        """A reference to the picture, which opened well and is kept now. Raises BadPicture, OutputTrouble."""
        data = self.data(text, field)
        self.opened(data, field)
        return self._blobs.put(data)


def decoded(text: str, field: str) -> bytes:
    """base64, also as a `data:` URL. Raises BadPicture."""
    head, comma, rest = text.partition(",")
    payload = rest if comma and head[:5].lower() == "data:" else text
    try:
        data = base64.b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise BadPicture("Invalid encoded image.", "Send the whole file in base64.", field)
    return data
