"""How a model reads prompts, asked before anything is drawn: tokens counted, words with their weights. No torch: measuring is the worker's part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from modules.core.request import GenerationRequest
from modules.engine.anatomy import anatomy
from modules.engine.texts import styled
from modules.prompt.styles import Style
from modules.prompt.tokens import Vocabulary, count


@dataclass(frozen=True)
class Prompts:
    """folder: of the vocabulary that the model of this name reads by; may raise NotFound."""

    folder: Callable[[str], Path]
    styles: Callable[[], Mapping[str, Style]]
    _known: dict[Path, Vocabulary] = field(default_factory=dict)

    def count(self, model: str, text: str) -> tuple[int, int]:
        """(used, limit) as A1111's counter shows them, by the model's own vocabulary. Raises NotFound."""
        return count(text, self._vocabulary(model))

    def read(self, request: GenerationRequest) -> dict[str, Any]:
        """How the prompts of a request are read (`engine.anatomy`) as plain data, at once: a textual inversion is read as words. Raises NotFound."""
        return asdict(anatomy(styled(request, self.styles), self._vocabulary(request.model or request.model_hash)))

    def _vocabulary(self, model: str) -> Vocabulary:
        folder = self.folder(model)
        if folder not in self._known:
            self._known[folder] = Vocabulary.from_folder(folder)
        return self._known[folder]
