"""core.room: what does not become a file must fit into memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modules.core import room
from modules.core.errors import InvalidRequest
from modules.core.groups.passes import Hires
from modules.core.request import GenerationRequest


@pytest.mark.parametrize(
    ("request_", "most"),
    [
        (GenerationRequest(width=512, height=512), 1365),
        (GenerationRequest(width=512, height=512, hires=Hires(enabled=True, scale=2)), 341),
        (GenerationRequest(width=512, height=512, hires=Hires(enabled=True, width=1024, height=2048)), 170),
        (GenerationRequest(width=16384, height=16384), 1),
    ],
    ids=str,
)
def test_as_many_as_fit(request_: GenerationRequest, most: int) -> None:
    room.check(replace(request_, count=most), "memory")
    with pytest.raises(InvalidRequest, match="more than memory can hold") as caught:
        room.check(replace(request_, count=most + 1), "memory")
    assert caught.value.field == "count" and f"at most {most} " in caught.value.remedy
