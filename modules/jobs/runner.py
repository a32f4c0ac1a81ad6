"""The seam between the queue and whatever makes pictures: this process's engine today, another device or machine later. Nothing here runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from PIL import Image

from modules.core.control import ControlUnit
from modules.core.making import Later, Making
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Report


class Runner(Protocol):
    """Made and called by one worker thread only, so it need not be safe for several; but for what `making` leaves to others."""

    def warm(self) -> str:
        """Loads the default model ahead of the next job. -> its name, "" when there is none. Raises EaselError."""

    def unload(self) -> None:
        """Lets go of every model; the next job loads what it needs."""

    def weigh(self, request: GenerationRequest) -> Mapping[str, Any]:
        """What the weights in its prompts do, measured, as plain data. Raises EaselError."""

    def annotate(self, unit: ControlUnit, image: Image.Image) -> Image.Image:
        """The map of a picture by the learned preprocessor of a control unit, RGB and as large as it. Raises EaselError."""

    def making(
        self, request: Any, report: Report, cancel: Callable[[], Cancel], save: bool, saving: Mapping[str, Any] | None, user: str, later: Later
    ) -> Making:
        """Makes the pictures of a request, of any kind of `core.kinds`. saving: what of `core.saving` this job has another value for. user: who submitted it.
        later: has done what needs no networks. Another thread does that, and the rest of the making after it has yielded; the next job is drawn meanwhile.

        report: takes each Progress, and each Picture once it is safely on the disk (`path` set, unless `save` is False).
        cancel: to be asked between steps. It answers `skip` until a Progress of a later picture, or the Picture itself, was reported:
        report a Progress when a picture begins. `stop` stands until the end; return what is finished, with `cancelled` set.
        Raises EaselError for what the user can mend; anything else counts as a fault of ours.
        """
