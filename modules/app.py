"""Builds everything once, in order: catalog, settings, history, queue, worker. The faces are handed this and know nothing below it.

Imports no torch: the worker's thread makes the engine, so that the page, `--help` and the API answer at once.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from PIL import Image

from modules.a1111.adoption import Adoption
from modules.catalog.card import Card
from modules.catalog.hashes import HashCache
from modules.catalog.remembered import CardMemory
from modules.catalog.scan import Library
from modules.core import room
from modules.core.blobs import Blobs
from modules.core.control import ControlUnit
from modules.core.errors import EaselError, Unavailable
from modules.core.files import replace as replace_file
from modules.core.files import sweep
from modules.core.form_defaults import FormDefaults
from modules.core.groups.faces import RestoredFaces
from modules.core.options import Looks, Options
from modules.core.params import with_values
from modules.core.records.families import FAMILIES
from modules.core.records.upscalers import HIRES_UPSCALERS, IMAGE_UPSCALERS
from modules.core.request import GenerationRequest
from modules.core.result import Kept
from modules.core.saving import Saving
from modules.core.settings import SettingsStore, saving_of
from modules.core.training import TrainingRequest
from modules.core.wish import Wish
from modules.engine import control_files, face_names
from modules.engine.admission import Admission
from modules.engine.fitting import Fit, Fitting, Room
from modules.engine.inputs import packed
from modules.engine.intake import Intake
from modules.engine.picked import Picked
from modules.engine.prompts import Prompts
from modules.engine.save import Outputs, Saver
from modules.extension.shelf import Entry, Extensions
from modules.imaging.annotators import annotate, at_resolution
from modules.infotext import files
from modules.jobs.queue import Queue
from modules.jobs.store import Store
from modules.jobs.ticket import Ticket
from modules.jobs.tidy import Idle, idle
from modules.jobs.worker import Worker
from modules.memory.budget import free_memory
from modules.prompt import style_file
from modules.prompt.styles import Style
from modules.stock.getting import Getting
from modules.stock.making import Making
from modules.stock.needed import Resolved, needed
from modules.stock.stock import Stock
from modules.stock.tasks import Tasks
from modules.training import trainable
from modules.training.desk import Desk

if TYPE_CHECKING:
    from modules.jobs.runner import Runner

T = TypeVar("T")

LATELY = 500
"""Finished jobs among which those of a discarded training are looked for."""
MEASURING = 60.0
"""Seconds that a question to the worker may take; a model that must be loaded first is in it."""


class App:
    """One running Easel. Everything here may be called from any thread."""

    def __init__(self, options: Options, *, resume: bool = True, outputs: Saver | None = None) -> None:
        """resume: take up the jobs that a dead process left waiting; a server does, a single command does not.
        outputs: where pictures go, if not into the outputs folder."""
        self.options = options
        self.settings = SettingsStore(options.paths.settings)
        self.paths = options.paths.with_more(self.settings.value.extra_model_folders)
        self.form_defaults = FormDefaults(self.paths.form_defaults)
        self.outputs = outputs or Outputs(self.paths.outputs)
        self.picked = Picked(self.paths.log, lambda: self.saving({}))
        self.blobs = Blobs(self.paths.inputs)
        self.library = Library(self.paths, HashCache(self.paths.hash_cache), CardMemory(self.paths.card_cache))
        self.intake = Intake(self.library, self.blobs)
        self.prompts = Prompts(lambda model: self.library.vocabulary_folder(self.card(model)), self.styles)
        self.admission = Admission(self.library, self.blobs, self.card, lambda request, card: trainable.refuse(request, card, self._device))
        self.stock = Stock(self.library, self.paths.favourites)
        self.tasks = Tasks()
        self.making = Making(self.stock, self.library, self.paths, self.tasks)
        self.getting = Getting(self.library, self.tasks, options)
        self.adoption = Adoption(self.paths, self.settings, self.form_defaults, self._look_elsewhere)
        self.extensions = Extensions(self.paths.extensions, self.paths.data, self._switched_off, options.extensions)
        self.store = Store(self.paths.history)
        self.queue = Queue(self.store, resume)
        self.worker = Worker(self.queue, self._make_runner)
        self.trainings = Desk(self.paths, self.queue, lambda request, owner: self.submit(request, owner), self.card, lambda: self.store.recent(LATELY))
        self._warmth = "Getting ready"
        self._gpu: Callable[[], Mapping[str, Mapping[str, int]]] = dict
        self._room: Callable[[], Room] = lambda: Room(free_memory())
        self._device = "" if options.device.device == "auto" else options.device.device
        self.fitting = Fitting(options.device, lambda: self._room(), self.library)
        self._closing = threading.Event()
        self._editing = threading.Lock()

    def start(self) -> None:
        """Loads the extensions, and starts the worker, which loads torch and the default model in its own thread; jobs may be submitted at once."""
        self.extensions.load()
        self.worker.start()
        threading.Thread(target=self.tidy, name="easel-tidy", daemon=True).start()

    def stop(self) -> None:
        """Lets the running job end at its next step; jobs that wait stay in the history for the next start."""
        self._closing.set()
        self.tasks.close()
        self.worker.stop()
        self.queue.close()

    @property
    def warmth(self) -> str:
        """What is being loaded, as a sentence for the page; "" when everything is warm."""
        return self._warmth

    def submit(self, request: Wish, owner: str = "", save: bool = True, saving: Mapping[str, Any] | None = None) -> Ticket:
        """Puts a request of any kind into the queue, checked. saving: settings of `core.saving` that this job has other values for. Raises EaselError."""
        kept = self.saving(saving or {}) if save else Saving(samples_save=False)
        if isinstance(request, GenerationRequest) and not kept.samples_save:
            room.check(request, "memory, for they are not saved")
        return self.queue.submit(self.admission.settled(request), owner=owner, save=save, saving=saving)

    def upscaler_names(self) -> list[str]:
        """Every upscaler of pictures that can be used, those that need no file first."""
        return [*IMAGE_UPSCALERS, *self.upscaler_files()]

    def upscaler_files(self) -> list[str]:
        """Those of them that are files."""
        return list(dict.fromkeys(card.name for card in self.library.upscalers() if not card.trouble and card.name not in HIRES_UPSCALERS))

    def missing_faces(self) -> dict[str, list[str]]:
        """Parameter of `core.extras.Faces` -> the files that it still needs, each with its place; none where it can be used."""
        return face_names.missing(self.library)

    def lacking_faces(self, faces: RestoredFaces) -> str:
        """The files that restoring the faces of a drawn picture as is wished still needs, each with its place; "" for none."""
        return face_names.lacking(faces, self.library)

    def gpu_memory(self) -> Mapping[str, Mapping[str, int]]:
        """Bytes on the GPU, by A1111's names; empty while torch is not loaded yet, or where there is no GPU."""
        return self._gpu()

    def fit(self, request: GenerationRequest) -> Fit:
        """Whether a request will fit into memory, and what will be done about it. Raises NotFound."""
        card = self.library.checkpoint(request.model, request.model_hash) if request.model or request.model_hash else self.card()
        return self.fitting.of(request, card) if card is not None else Fit("unknown")

    def unload(self) -> Future[None]:
        """Frees the memory that models take, between two jobs."""
        return self.worker.ask(lambda runner: runner.unload())

    def reload(self) -> Future[None]:
        """Loads the default model, between two jobs. The future may raise EaselError."""
        return self.worker.ask(lambda runner: None if runner.warm() else None)

    def card(self, model: str = "") -> Card | None:
        """The card of a model by name, title or hash; of the default one for "". None when there is no model at all. Raises NotFound."""
        if model:
            return self.library.checkpoint(model)
        preferred = self.settings.value.sd_model_checkpoint
        return (self.library.preferred(preferred) if preferred else None) or self.library.default()

    def default_request(self, model: str = "") -> GenerationRequest:
        """A request with what suits the model: its family's defaults, then its card's."""
        card = self.card(model)
        request = GenerationRequest(model=card.name if card else "")
        record = FAMILIES.find(card.family) if card else None
        request = with_values(request, record.advice(card.variant) if record and card else {})
        return with_values(request, card.defaults if card else {})

    def example(self, model: str = "") -> str:
        """A prompt that the model draws well; "" when its card names none."""
        card = self.card(model)
        return card.example if card else ""

    def needed(self, source: bytes | Path) -> list[Resolved]:
        """What of the models that a picture names is here. Raises BadPicture."""
        return needed(files.read(files.load(source) if isinstance(source, Path) else source), self.library)

    def with_inputs(self, data: bytes) -> bytes:
        """A saved picture's file with everything in it that it was made from. Raises EaselError."""
        return packed(data, self.blobs)

    def idle_inputs(self) -> Idle:
        """Input pictures that neither the history nor a file among the outputs names. Reads all of them. Raises OutputTrouble."""
        return idle(self.blobs, self.store, [self.paths.outputs, self.paths.log])

    def read_prompt(self, request: GenerationRequest) -> dict[str, Any]:
        """How the prompts of a request are read (`engine.anatomy`) as plain data, at once: nothing is measured, and a textual inversion is read as words.
        Raises NotFound, InvalidRequest."""
        self.admission.check(request)
        return self.prompts.read(request)

    def weigh_prompt(self, request: GenerationRequest) -> Mapping[str, Any]:
        """The same with what the weights do, measured by the worker between two jobs: waits for it. Raises Unavailable while pictures are made or waited for."""
        self.admission.check(request)
        return self._between(lambda runner: runner.weigh(request), "What the weights do can be measured when they are done.")

    def control_map(self, unit: ControlUnit, image: Image.Image, resolution: int) -> Image.Image:
        """What a unit's preprocessor makes of a picture, RGB both. Where a network makes it, the worker does between two jobs, and this waits for it: raises
        Unavailable while pictures are made or waited for. Raises NotFound, InvalidRequest, BadModelFile."""
        record = control_files.module_of(1, unit.module)
        if control_files.annotator_of(1, unit, record, self.library) is None:
            return annotate(record.name, image, resolution, unit.threshold_a, unit.threshold_b)
        seen = at_resolution(image, resolution)
        return self._between(lambda runner: runner.annotate(unit, seen), "The map can be previewed when they are done.")

    def _between(self, task: Callable[[Runner], T], later: str) -> T:
        """What the worker says between two jobs. later: the remedy while pictures are made. Raises Unavailable, and what the task raises."""
        if self.queue.jobs():
            raise Unavailable("The model is busy: pictures are being made.", later)
        asked = self.worker.ask(task)
        try:
            return asked.result(MEASURING)
        except TimeoutError:
            asked.cancel()
            raise Unavailable("The model is not ready yet.", "Ask again in a moment.") from None

    def kept(self, digest: str) -> Kept | None:
        """A picture that an earlier run made from exactly this (`core.result.digest`), if its file lies there unchanged. A lossy file does not count."""
        for record in self.store.drawn(digest):
            path = self.paths.outputs / record.path
            try:
                if path.suffix == ".png" and hashlib.sha256(path.read_bytes()).hexdigest() == record.sha256:
                    return Kept(path, record.width, record.height, record.infotext)
            except OSError:
                continue
        return None

    def tidy(self) -> None:
        """What nobody waits for: leftovers of a killed process swept up, missing hashes computed."""
        for place in self.library.paths.written():
            sweep(place)
        self.library.hash_all(self._closing)

    def styles(self) -> dict[str, Style]:
        """By name, from styles.csv as it is now. Raises InvalidRequest for a file that is none."""
        return style_file.read_all(self.paths.all_styles)

    def change_style(self, before: Style | None, after: Style | None) -> None:
        """Adds, changes, renames or deletes one style, in the file where it stands; see `style_file.change`. Raises InvalidRequest, OutputTrouble."""
        with self._editing:
            holding = (path for path in self.paths.all_styles if before and before.name in style_file.read(path))
            style_file.change(next(holding, self.paths.styles), before, after)

    def saving(self, values: Mapping[str, Any]) -> Saving:
        """How pictures become files: the settings as they are now, with a job's own values laid over. Raises InvalidRequest."""
        return saving_of(self.settings.value, values)

    def _look_elsewhere(self) -> None:
        """The model folders are others now."""
        self.library.move(self.paths.with_more(self.settings.value.extra_model_folders))

    def _note_begun(self, infotext: str) -> None:
        """What is drawn now, for A1111's hand (params.txt), unless no prompt is to be remembered. Raises OutputTrouble."""
        if self.options.prompt_history:
            replace_file(self.paths.last, infotext.encode("utf-8", "replace"))

    def switch_extension(self, name: str, on: bool) -> Entry:
        """Acts at once and stays. -> what became of it; one that fails is `failed`, not raised. Raises NotFound, OutputTrouble."""
        off = [one for one in self._switched_off() if one != name]
        if name in {entry.name for entry in self.extensions.entries()}:
            self.settings.change("disabled_extensions", ", ".join(off if on else [*off, name]))
        return self.extensions.awaken(name)

    def _switched_off(self) -> list[str]:
        return [name.strip() for name in self.settings.value.disabled_extensions.split(",") if name.strip()]

    def _looks(self) -> Looks:
        settings = self.settings.value
        interval = settings.live_preview_interval if settings.live_previews_enable else 0.0
        return Looks(preview_interval=interval, preview_side=settings.live_preview_size)

    def _make_runner(self) -> Runner:
        """In the worker's thread: imports torch and the engine, and loads the default model. A model that fails must not keep the others from drawing."""
        try:
            self._warmth = "Loading torch and diffusers"
            from modules.engine.generate import Engine
            from modules.training.trainer import Trainer

            engine = Engine(
                self.library,
                self.outputs,
                self.blobs,
                self.options.device,
                looks=self._looks,
                styles=self.styles,
                saving=self.saving,
                kept=self.kept,
                note=self._note_begun,
                prepare=self.extensions.prepare,
                converted=self.paths.converted,
            )
            trainer = Trainer(self.library, self.paths, engine.machine, engine.models.load, engine.run, engine.readings.clear, engine.unload, engine.facts)
            engine.others[TrainingRequest] = trainer.run
            self._gpu, self._room, self._device = engine.machine.memory, engine.room, engine.machine.device
            card = self.card()
            if card is not None:
                self._warmth = f"Loading {card.name}"
                try:
                    engine.warm(card.name)
                except Exception as error:
                    self.library.report_trouble(f"{card.name} could not be loaded: {error}")
            return engine
        except EaselError as error:
            self.library.report_trouble(str(error))
            raise
        finally:
            self._warmth = ""
