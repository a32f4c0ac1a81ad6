"""What of a picture's parameters goes along when it is sent, by A1111's rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.core.settings import Settings
from modules.ui.sends import BY_ID, TARGETS, taken

MADE = with_values(
    GenerationRequest(), {"prompt": "a cat", "steps": 9, "seed": 5, "width": 512, "height": 640, "count": 3, "model": "x", "hires.enabled": True}
)
EDITED = with_values(MADE, {"init.image": "sha256:" + "0" * 64, "init.strength": 0.3, "mask.image": "sha256:" + "1" * 64, "mask.blur_x": 9})


def names(request: GenerationRequest, target: str, settings: Settings | None = None) -> set[str]:
    return set(taken(request, BY_ID[target], settings or Settings(), (1024, 1284))[1])


@pytest.mark.parametrize("target", [target.id for target in TARGETS])
def test_always(target: str) -> None:
    found = names(EDITED, target)
    assert {"prompt", "negative_prompt", "sampler", "schedule", "steps", "cfg_scale", "seed", "variation.strength", "text.clip_skip"} <= found
    assert not {"model", "count", "batch_size", "init.image", "mask.image", "script.name"} & found


def test_what_a_picture_did_not_have_stays_as_the_hand_set_it() -> None:
    assert not any(name.startswith(("init.", "mask.")) for name in names(MADE, "inpaint"))
    assert {"init.strength", "mask.blur_x", "mask.content"} <= names(EDITED, "inpaint")


def test_sizes() -> None:
    assert not {"width", "height"} & names(MADE, "inpaint"), "sending to inpaint never changes the size"
    request, _ = taken(MADE, BY_ID["img2img"], Settings(), (1025, 1284))
    assert (request.width, request.height) == (1024, 1280), "of the picture, which hires fix had enlarged"
    assert taken(MADE, BY_ID["txt2img"], Settings(), (1024, 1284))[0].width == 512, "of the first pass"


def test_the_settings_of_the_hand() -> None:
    assert "seed" not in names(MADE, "img2img", replace(Settings(), send_seed=False))
    assert "width" not in names(MADE, "img2img", replace(Settings(), send_size=False))
