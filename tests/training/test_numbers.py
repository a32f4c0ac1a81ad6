"""In which numbers it trains: what a device has decides, and fp16 never goes without a scaled loss."""

from __future__ import annotations

from itertools import product

import pytest

from modules.core.errors import Unsupported
from modules.core.request import Precision
from modules.core.training import Mixed, What
from modules.training.numbers import settled

CPU, OLD, NEW, FULL = (False, True, True), (True, False, False), (True, True, False), (False, True, False)
"""A processor; a GPU without bf16; one with it; one that was started with --no-half. (half, bf16, processor)"""


@pytest.mark.parametrize(
    ("what", "precision", "mixed", "device", "found"),
    [
        ("lora", "auto", "no", CPU, ("fp32", "no")),
        ("lora", "auto", "bf16", CPU, ("fp32", "bf16")),
        ("lora", "bf16", "no", CPU, ("bf16", "no")),
        ("lora", "auto", "no", NEW, ("bf16", "no")),
        ("lora", "auto", "bf16", NEW, ("bf16", "bf16")),
        ("lora", "auto", "fp16", NEW, ("fp16", "fp16")),
        ("lora", "fp16", "no", NEW, ("fp16", "fp16")),
        ("lora", "fp16", "bf16", NEW, ("bf16", "bf16")),
        ("lora", "fp32", "fp16", NEW, ("fp32", "fp16")),
        ("inversion", "auto", "no", OLD, ("fp16", "fp16")),
        ("lora", "auto", "no", FULL, ("fp32", "no")),
        ("unet", "auto", "no", OLD, ("fp32", "no")),
        ("unet", "fp16", "no", NEW, ("fp32", "no")),
        ("unet", "auto", "fp16", OLD, ("fp32", "fp16")),
        ("autoencoder", "bf16", "bf16", NEW, ("fp32", "bf16")),
    ],
)
def test_what_is_chosen(what: What, precision: Precision, mixed: Mixed, device: tuple[bool, bool, bool], found: tuple[Precision, Mixed]) -> None:
    assert settled(what, precision, mixed, *device) == found
    assert settled(what, *found, *device) == found, "what is chosen once stays so"


def test_half_the_digits_never_go_without_a_scaled_loss() -> None:
    wishes: product[tuple[What, Precision, Mixed]] = product(("lora", "inversion", "unet", "autoencoder"), ("auto", "fp32", "fp16", "bf16"), ("no", "bf16", "fp16"))  # fmt: skip
    for (what, precision, mixed), device in product(wishes, (OLD, NEW, FULL)):
        weights, passes = settled(what, precision, mixed, *device)
        assert weights != "auto" and (weights != "fp16" or passes == "fp16"), (what, precision, mixed, device)


@pytest.mark.parametrize(("precision", "mixed", "field"), [("fp16", "no", "precision"), ("auto", "fp16", "mixed")])
def test_a_processor_does_not_train_in_fp16(precision: Precision, mixed: Mixed, field: str) -> None:
    with pytest.raises(Unsupported, match="fp16") as refused:
        settled("lora", precision, mixed, *CPU)
    assert refused.value.field == field
