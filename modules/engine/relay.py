"""The checkpoints of one run, one at work at a time: loaded when their turn comes, with the run's features on them, and put down before the next one's.

Whoever draws asks for `acting` each time and keeps nothing of it: where memory holds one model, the one before must be able to leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

from PIL import Image
from torch import Tensor

from modules.catalog.card import Card
from modules.core.errors import NotNumbers
from modules.core.options import Placement
from modules.core.records.families import FamilyRecord
from modules.core.request import GenerationRequest, Precision, Storage
from modules.engine import blame
from modules.engine.conditioning import Conditioning, conditioning
from modules.engine.denoise import guided, wrapped
from modules.engine.feature import Feature
from modules.engine.handover import due, handing_over
from modules.engine.healing import Healing
from modules.engine.levels import levels_of
from modules.engine.models import Loaded, Models, known_by
from modules.engine.needs import Need
from modules.engine.plan import Stage
from modules.engine.readings import Readings
from modules.engine.sample import silent_calls
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Model
from modules.memory.device import is_out_of_memory
from modules.memory.placement import Placed, rest
from modules.sampling.parameterization import Table
from modules.sampling.step import Denoise


@dataclass(eq=False)
class Relay:
    """lead: the request's own checkpoint; refiner: the one that takes over, None without. vectors: textual inversions by name.
    features: what stands on a model's weights while it draws; own: what does so in one stage only. bent: gives each checkpoint another autoencoder, where
    the request names one. healing: what is done where memory is short or half precision overflows. readings: what texts became in earlier runs.
    tiled: autoencoders work tile by tile. storage: how weights are kept. texts_in: the text encoders' precision.
    retouch: what a decoded picture becomes before anything is laid over it. need: of a request with a checkpoint. A context: at its end everything is put down."""

    models: Models
    precision: Precision
    lead: Card
    refiner: Card | None
    vectors: Mapping[str, Tensor]
    features: Sequence[Feature]
    own: Callable[[Stage, Model], Sequence[Feature]] = lambda stage, model: ()
    bent: Callable[[Loaded], Loaded] = lambda loaded: loaded
    healing: Healing = field(default_factory=Healing)
    readings: Readings = field(default_factory=Readings)
    tiled: bool = False
    storage: Storage = "full"
    texts_in: Precision = "auto"
    retouch: Callable[[Image.Image], Image.Image] = lambda image: image
    need: Callable[[GenerationRequest, Card], Need | None] = lambda request, card: None
    turn: Card = field(init=False)
    _at_work: Card | None = field(default=None, init=False)
    _loaded: Loaded | None = field(default=None, init=False)
    _standing: ExitStack = field(default_factory=ExitStack, init=False)
    _worn: Sequence[Feature] = field(default=(), init=False)
    _wearing: ExitStack = field(default_factory=ExitStack, init=False)
    _texts: dict[tuple[str, tuple[int, int], str, str, str], Conditioning] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.turn = self.lead

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *trouble: object) -> None:
        self.put_down()

    @property
    def record(self) -> FamilyRecord:
        """Of the request's own checkpoint."""
        return FAMILIES_BY_NAME[self.lead.family].record

    @property
    def acting(self) -> Loaded:
        """The checkpoint whose turn it is, loaded. Raises BadModelFile, Unsupported."""
        if self._loaded is None or self._at_work is not self.turn:
            self.put_down()
            asked = partial(self.need, self.healing.request)
            self._loaded = self.bent(self.models.load(self.turn, self.precision, self.storage, self.texts_in, asked))
            self._at_work = self.turn
            if self.tiled:
                self.tile()
            for feature in self.features:
                self._standing.enter_context(feature.attach(self._loaded.model))
        return self._loaded

    def tile(self) -> None:
        """From now on autoencoders work tile by tile."""
        self.tiled = True
        if self._loaded is not None:
            self._loaded = replace(self._loaded, model=replace(self._loaded.model, tiled=True))

    @property
    def bare(self) -> Model:
        """What a sampler goes by: the acting model without its networks, for frames that outlast its turn."""
        return replace(self.acting.model, parts={})

    def texts(self, stage: Stage) -> Conditioning:
        """The prompts of a stage as the acting checkpoint's own text encoder reads them; encoded once for all pictures. Raises Unsupported, NotNumbers, Again."""
        multiple, (_, height, width) = self.record.multiple, stage.latent
        size = stage.enlarged[:2] if any(stage.enlarged[:2]) else (width * multiple, height * multiple)
        key = stage.name, size, self.turn.sha256, self.precision, self.texts_in
        if key not in self._texts:
            acting = self._dressed(stage)
            worn = tuple(filter(None, (feature.on_texts for feature in (*self.features, *self._worn))))
            encoder = known_by(self.turn, self.precision, self.storage, self.texts_in), worn, tuple(sorted(stage.request.embeddings.items()))
            reader, silent = self.readings.by(acting.family, encoder), silent_calls(stage)
            try:
                self._texts[key] = conditioning(reader, acting.model, stage.request, self.vectors, stage.first_pass, silent, size)
            except NotNumbers as error:
                raise self.guilty(error) from None
        return self._texts[key]

    def denoiser(self, stage: Stage, table: Table, features: Sequence[Feature]) -> Denoise:
        """The guided denoiser of a stage, wrapped by its features; the acting checkpoint begins it. table: that one's."""
        denoise = self._guided(stage, table, features)
        if stage.refined and self.refiner is not None:
            refiner = self.refiner
            denoise = handing_over(denoise, due(stage.request.refiner, table), lambda: self._taken_over(refiner, stage, features))
        return wrapped(denoise, features)

    def guilty(self, found: NotNumbers | None = None, acted: Sequence[str] = ()) -> NotNumbers:
        """Whose fault it is that a model made not-a-number. found: what is known of it; None: it drew so. acted: what else did, for people.
        What the models wear is put down, for their weights are looked at as they come from their files. Raises Again where fp32 may help."""
        acted = (*(name for feature in (*self.features, *self._worn) for name in feature.named), *acted)
        self.put_down()
        for card in (self.lead, self.turn) if self.turn is not self.lead else (self.turn,):
            model = self.models.load(card, self.precision, self.storage, self.texts_in).model
            if broken := blame.weights(model):
                return broken
        self.healing.widened(model)
        return blame.with_others(found or blame.drawing(model), acted)

    def decode(self, latents: Tensor, some: bool = False) -> Tensor:
        """By the autoencoder of whoever drew last, as `Family.decode`. some: see `Healing.through`."""
        return self.healing.through(lambda: self.acting, latents, lambda family, model, given: family.decode(model, given), some)

    def encode_image(self, pixels: Tensor) -> Tensor:
        """By the autoencoder of the acting checkpoint, as `Family.encode_image`."""
        return self.healing.through(lambda: self.acting, pixels, lambda family, model, given: family.encode_image(model, given))

    def become(self, precision: Precision, texts_in: Precision) -> None:
        """From here on all checkpoints work in this precision, and their text encoders in theirs."""
        if (precision, texts_in) != (self.precision, self.texts_in):
            self.put_down()
            self.precision, self.texts_in = precision, texts_in

    def alone(self) -> Placed | None:
        """How the acting model is placed, after what of it need not be on the device left that; None while none is loaded."""
        self.rest()
        return self._loaded.placed if self._loaded else None

    def frugal(self) -> Placement | None:
        """Has the checkpoints of this run hold less where the work is, by one step. -> how they lie now; None where nothing less is left."""
        placed = self._loaded.placed if self._loaded else None
        self.put_down()
        return self.models.frugal(placed)

    def rest(self) -> None:
        """Between two pictures: nothing of the acting model stays on the device that need not."""
        if self._loaded is not None:
            rest(self._loaded.placed)

    def put_down(self) -> None:
        """The run's features come off the acting model, which this object holds no longer. One for which memory is short then is read again next time."""
        loaded, self._loaded, self._at_work = self._loaded, None, None
        try:
            with ExitStack() as last:
                if loaded is not None:
                    last.callback(rest, loaded.placed)
                last.callback(self._standing.close)
                self._undress()
        except (MemoryError, RuntimeError) as error:
            if loaded is None or not is_out_of_memory(error):
                raise
            self.models.drop(loaded.placed)

    def _taken_over(self, refiner: Card, stage: Stage, features: Sequence[Feature]) -> Denoise:
        self.turn = refiner
        table = levels_of(self.acting.model, stage.request.spacing)
        return self._guided(stage, table, features)

    def _guided(self, stage: Stage, table: Table, features: Sequence[Feature]) -> Denoise:
        acting = self._dressed(stage)
        return guided(acting.family, acting.model, table, self.texts(stage), stage.request, features)

    def _dressed(self, stage: Stage) -> Loaded:
        """The acting checkpoint with what it wears in this stage. Raises Unsupported for what does not fit it."""
        acting = self.acting
        wanted = tuple(self.own(stage, acting.model))
        if wanted != self._worn:
            self._undress()
            self.rest()  # what is laid aside should wait where the weights do
            for feature in wanted:
                self._wearing.enter_context(feature.attach(acting.model))
            self._worn = wanted
        return acting

    def _undress(self) -> None:
        self._worn = ()
        self._wearing.close()
