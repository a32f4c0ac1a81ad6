"""What is done when memory is short, rung by rung, and how that is said. Rungs are data; `engine.healing` carries them out. Knows no model.

The order (`docs/decisions/0016`): what costs a later load only, then what costs last bits of the picture, then what costs time.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, TypeVar

from modules.core.errors import OutOfMemory
from modules.memory.device import is_out_of_memory

T = TypeVar("T")

Work = Literal["loading", "reading", "starting", "sampling", "autoencoding", "enlarging", "finishing"]
"""What ran out of memory."""
SHORT: Mapping[Work, str] = {
    "loading": "Memory ran short while the model was loaded.",
    "reading": "Memory ran short while the prompt was read.",
    "starting": "Memory ran short while the start picture was prepared.",
    "sampling": "Memory ran short while sampling.",
    "autoencoding": "Memory ran short in the VAE.",
    "enlarging": "Memory ran short while the picture was enlarged.",
    "finishing": "Memory ran short while the picture was finished.",
}
REMEDY = "Make the picture or the batch smaller, or start with --medvram or --lowvram."
DRAWING: tuple[Work, ...] = ("loading", "reading", "starting", "sampling", "autoencoding", "enlarging")


class Rung(NamedTuple):
    """helps: with which works. did: what it does, for the user. instead: what to choose so that it need not be done. again: what was made of the picture so far
    was made otherwise, so that it begins again."""

    name: str
    helps: tuple[Work, ...]
    did: str
    instead: str = ""
    again: bool = False


RUNGS = (
    Rung("room", tuple(SHORT), "What was not at work was put out of memory."),
    Rung("vae tiles", ("autoencoding",), "The VAE worked in tiles.", '"VAE in tiles" does so from the start.'),
    Rung("tiles", ("enlarging",), "The upscaler worked in smaller tiles.", "A smaller upscaler tile size under Computing does so from the start."),
    Rung(
        "singly",
        ("starting", "sampling"),
        "The pictures of the batch were drawn one by one.",
        'Without "Evaluate a batch at once" they are so from the start.',
        True,
    ),
    Rung(
        "apart",
        ("sampling",),
        "Prompt and negative prompt went through the network one after the other.",
        '"Prompt and negative one by one" under Computing does so from the start.',
        True,
    ),
    Rung("placement", DRAWING, ""),
    Rung("vae tiles again", ("autoencoding",), "The VAE worked in tiles.", '"VAE in tiles" does so from the start.', True),
)
PLACED: Mapping[str, tuple[str, str]] = {
    "encoders": ("The text encoders waited elsewhere once the prompt was read.", "--placement encoders does so from the start."),
    "medvram": ("Networks that were not at work waited elsewhere.", "--medvram does so from the start."),
    "group": ("The model came to work layer by layer.", "--placement group does so from the start."),
    "lowvram": ("The model came to work layer by layer, and little was fetched ahead.", "--lowvram does so from the start."),
}
"""What the last rung says, by where it put the model."""


def fitting(work: Callable[[], T], ease: Callable[[], None]) -> T:
    """What `work` gives. After each time that memory was short, `ease` makes it need less; it raises where it cannot.

    Outside of the `except` block: inside, the traceback would keep the tensors of the failed try alive."""
    while True:
        try:
            return work()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        ease()


def patiently(do: Callable[[], T], short: Callable[[], OutOfMemory]) -> T:
    """What `do` gives, with one more try. short: what is raised after that."""
    tries = [gc.collect]

    def ease() -> None:
        if not tries:
            raise short()
        tries.pop()()

    return fitting(do, ease)


def exhausted(work: Work, device: str, size: tuple[int, int], remedy: str = REMEDY) -> OutOfMemory:
    """No rung is left. size: of the picture."""
    what = f"The {device} ran out of memory at {size[0]} x {size[1]}. {SHORT[work]} What could be done about it was not enough."
    return OutOfMemory(what, remedy)
