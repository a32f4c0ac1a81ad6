"""The library: which checkpoints, embeddings, upscalers and face restorers lie in the folders, kept as cards and looked up by every name that people and programs use.

Listing reads headers only (again only for files that changed) and never hashes; a hash is computed when it is asked for, or by `hash_all` in a
background thread. Everything here may be called from any thread.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from modules.catalog import annotators, cards, inversion_png, lookup, old_hashes, titles, upscalers
from modules.catalog.card import GROUPS, LORAS, Card, Kind
from modules.catalog.hashes import HashCache
from modules.catalog.lookup import Listed, Noun
from modules.catalog.old_hashes import OldHash
from modules.catalog.remembered import CardMemory
from modules.catalog.tables import Tables
from modules.catalog.walk import Found, walk
from modules.core.errors import EaselError, NotFound
from modules.core.paths import FURTHER, PROJECT, Paths

STARTER = PROJECT / "models" / "Stable-diffusion" / "easel-starter"
"""The model that comes with Easel; the default as long as there is no other."""

CLIP_VOCABULARY = PROJECT / "modules" / "networks" / "configs" / "clip"
"""The vocabulary of every Stable Diffusion 1.x single file, bundled because such a file holds none."""

CHECKPOINTS = (".safetensors", ".ckpt", ".gguf")
ADDITIONS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".gguf")
EMBEDDINGS = (".safetensors", ".pt", ".bin", ".png")
UPSCALER = Noun("upscaler", "upscaler", "models/ESRGAN")
NO_CHECKPOINT = (".vae.safetensors", ".vae.ckpt", ".vae.pt")
"""A1111's habit: an autoencoder beside the checkpoint it belongs to."""


class Library:
    """paths: where to look. The folders are read at the first question, and again by `refresh`."""

    def __init__(self, paths: Paths, hashes: HashCache, memory: CardMemory | None = None) -> None:
        self.paths, self._hashes = paths, hashes
        self._lock = threading.Lock()
        self._memory = memory or CardMemory(None)
        self._tables = Tables()
        self._lists: dict[str, tuple[int, list[Card]]] = {}
        self._checkpoints: list[Listed] | None = None
        self._embeddings: list[Card] = []
        self._upscalers: list[Listed] = []
        self._faces: list[Card] = []
        self._others: list[Listed] = []
        self._anywhere: list[Listed] = []
        self._reports: tuple[str, ...] = ()

    def move(self, paths: Paths) -> None:
        """Looks in these folders from now on."""
        with self._lock:
            self.paths = paths
            self._read()

    def refresh(self) -> None:
        """Looks through the folders again."""
        with self._lock:
            self._read()

    def checkpoints(self) -> list[Card]:
        """Everything in the checkpoint folders, also what cannot be used (its card says why): the user's own by name, the starter model last."""
        return self._shown("checkpoints", [row.card for row in self._listed()])

    def embeddings(self) -> list[Card]:
        """Everything in the embedding folders by name, also what cannot be used. Of several with one name the first folder's counts."""
        self._listed()
        return self._shown("embeddings", self._embeddings)

    def upscalers(self) -> list[Card]:
        """Everything in the upscaler folders by name, also what cannot be used."""
        self._listed()
        return self._shown("upscalers", [row.card for row in self._upscalers])

    def upscaler(self, name: str, sha256: str = "", field: str = UPSCALER.field) -> Card:
        """The usable upscaler of this name, or of A1111's name for the file; sha256 is binding as in `checkpoint`. field: of the request, for errors.
        Raises NotFound with the nearest names, BadModelFile."""
        self._listed()
        noun = UPSCALER._replace(field=field)
        stems = {card.name.casefold() for card, _ in self._upscalers}
        called = name if name.casefold() in stems else next((stem for stem in upscalers.ALIASES.get(name.strip().casefold(), ()) if stem in stems), name)
        return self._with_hash(lookup.find(called, sha256, self._upscalers, self._hashes, noun))

    def faces(self) -> list[Card]:
        """Face restorers and the networks that find faces for them, by name, also what cannot be used."""
        self._listed()
        return self._shown("faces", self._faces)

    def files(self, *kinds: Kind) -> list[Card]:
        """Every model file of these kinds, of any kind when none is named, in whichever folder it lies: by name. Also what cannot be used."""
        return self._shown(f"files {' '.join(kinds)}", [row.card for row in self._of_kinds(kinds)])

    def named(self, group: str, name: str, sha256: str = "", field: str = "") -> Card:
        """The usable file of one group ("lora", "vae", "controlnet", "ip-adapter", "clip-vision", "text-encoder", ... see `card.GROUPS`) that is called so:
        by file name, stem, title, path within its folder or hash; sha256 is binding as in `checkpoint`. field: of the request, for errors.
        Raises NotFound with the nearest names, BadModelFile."""
        noun = Noun(titles.KINDS[GROUPS[group][0]], field or group.replace("-", "_"), f"models/{titles.PLACES[GROUPS[group][0]]}")
        return self._with_hash(lookup.find(name, sha256, self._of_kinds(GROUPS[group]), self._hashes, noun))

    def default(self) -> Card | None:
        """The model for requests that name none: the user's first usable one by name, else the starter; None when there is none at all."""
        return next((self._with_hash(card) for card, _ in self._listed() if not card.trouble), None)

    def checkpoint(self, name: str, sha256: str = "") -> Card:
        """The usable checkpoint with this file name, stem, title, path within its folder or hash, whatever the case; the default one for ("", "").

        sha256 (at least its first 8 digits) is binding: a file of that name with another hash is not taken, the same file under another name is.
        Hashes that this needs and nobody has asked for yet are computed, a second per GB.
        Raises NotFound with the nearest names, BadModelFile for one that cannot be used."""
        if not name.strip() and not sha256.strip():
            card = self.default()
            if card is None:
                raise NotFound("There is no model to draw with.", "Put a checkpoint into models/Stable-diffusion and refresh the list.", "model")
            return card
        return self._with_hash(lookup.find(name, sha256, self._listed(), self._hashes))

    def preferred(self, name: str) -> Card | None:
        """The checkpoint that a person wants to begin with, by any of its names; a hash in a title counts where it is known already. Nothing is hashed, for the page
        waits for the answer. None where there is no usable one."""
        found = lookup.familiar(name, self._listed(), self._hashes)
        return self._with_hash(found) if found else None

    def hashed(self, card: Card) -> Card:
        """The card with its hash, computed if need be. Raises BadModelFile when the file cannot be read."""
        return replace(card, sha256=self._hashes.sha256(card.path))

    def weights_hash(self, card: Card) -> str:
        """The hash of its weights alone (AutoV3), computed if need be. Raises BadModelFile when the file cannot be read."""
        return self._hashes.data_sha256(card.path)

    def known_weights_hash(self, card: Card) -> str:
        """The same where it was computed before, else ""."""
        return self._hashes.known_data(card.path)

    def known_hash(self, card: Card, name: OldHash) -> str:
        """Another tool's hash of the file, where it was computed before, else ""."""
        return self._hashes.known_other(card.path, name)

    def other_hash(self, card: Card, name: OldHash) -> str:
        """The same, computed if need be: the old one reads 64 kB, blake3 the whole file. Raises BadModelFile when the file cannot be read."""
        return self._hashes.other(card.path, name, old_hashes.COMPUTED[name])

    def hash_all(self, stop: threading.Event) -> None:
        """Computes every missing hash, small files first; for a background thread. Ends after the file in hand once `stop` is set; passes over files that cannot be read."""
        for card in sorted(self.files(), key=lambda card: card.size):
            if stop.is_set():
                return
            if not card.trouble:
                try:
                    self._hashes.sha256(card.path)
                    if card.kind in LORAS:  # pictures name them by the hash of their weights
                        self._hashes.data_sha256(card.path)
                except EaselError as error:
                    self.report_trouble(str(error))

    def vocabulary_folder(self, card: Card | None) -> Path:
        """Where the vocabulary of a checkpoint lies: in its own folder, or the bundled one of CLIP-L."""
        own = card.path / "tokenizer" if card and card.path.is_dir() else CLIP_VOCABULARY
        return own if own.is_dir() else CLIP_VOCABULARY

    def report_trouble(self, text: str) -> None:
        """Notes a sentence that the page should show beside the checkpoint menu: a model that was listed as usable and then failed to load."""
        with self._lock:
            self._reports = (*(known for known in self._reports if known != text), text)[-10:]

    def reports(self) -> tuple[str, ...]:
        """What was reported since the last refresh, oldest first."""
        return self._reports

    def _listed(self) -> list[Listed]:
        with self._lock:
            if self._checkpoints is None:
                self._read()
            return self._checkpoints or []

    def _of_kinds(self, kinds: Sequence[Kind]) -> list[Listed]:
        self._listed()
        own = [Listed(card, card.path.name) for card in (*self._embeddings, *self._faces)]
        rows = [*self._anywhere, *self._others, *self._upscalers, *own]
        return sorted((row for row in rows if not kinds or row.card.kind in kinds), key=lambda row: row.card.name.casefold())

    def _read(self) -> None:
        """Headers are hundreds of thousands of small objects without a circle among them: looking for circles while they are read takes a third of the time."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._read_folders()
        finally:
            if collecting:
                gc.enable()

    def _read_folders(self) -> None:
        used: list[str] = []
        found = list(walk(self.paths.checkpoint_folders(), (*CHECKPOINTS, ".vae.pt"), folders=True))
        rows = [Listed(self._card(one, self._checkpoint, used), one.inside) for one in found if not one.path.name.lower().endswith(NO_CHECKPOINT)]
        beside = [Listed(self._card(one, self._addition, used), one.inside) for one in found if one.path.name.lower().endswith(NO_CHECKPOINT)]
        self._checkpoints = sorted(rows, key=lambda row: (_is_starter(row.card), row.card.name.casefold(), row.inside.casefold()))
        states = {one.path: one for one in found}
        self._anywhere = [self._outside_its_place(row, states, used) for row in self._checkpoints]
        inversions: dict[str, Card] = {}
        for one in walk(self.paths.embedding_folders(), EMBEDDINGS, folders=False):
            if one.path.suffix.lower() != ".png" or inversion_png.holds(one.path):  # others are pictures beside an embedding
                inversions.setdefault(one.path.stem, self._card(one, cards.embedding, used))
        self._embeddings = sorted(inversions.values(), key=lambda card: card.name.casefold())
        found = list(walk(self.paths.upscaler_folders(), upscalers.FILES, folders=False))
        self._upscalers = sorted((Listed(self._card(one, upscalers.upscaler, used), one.inside) for one in found), key=lambda row: row.card.name.casefold())
        faces = (self._card(one, upscalers.face_restorer, used) for one in walk(self.paths.face_folders(), upscalers.FILES, folders=False))
        self._faces = sorted(faces, key=lambda card: card.name.casefold())
        further = [place for kind in FURTHER for place in self.paths.further_folders(kind)]
        self._others = [*beside, *(Listed(self._card(one, self._addition, used), one.inside) for one in walk(further, ADDITIONS, folders=False))]
        places = self.paths.annotator_folders()
        alone = (self._card(one, annotators.network_file, used) for one in walk(places, annotators.FILES, folders=False))
        maps = {card.path: Listed(card, card.path.name) for card in (*annotators.found(places), *alone) if card.kind == "annotator"}
        self._others = [row for row in self._others if row.card.path not in maps] + list(maps.values())
        self._reports = ()
        self._lists = {}
        self._tables = Tables()
        self._memory.save(used)

    def _outside_its_place(self, row: Listed, found: Mapping[Path, Found], used: list[str]) -> Listed:
        """What lies among the checkpoints and is none has that as its trouble there; where it is looked for by its kind, it is as good as anywhere."""
        card = row.card
        if card.kind in (*GROUPS["checkpoint"], "unknown") or not card.trouble or card.path.is_dir():
            return row
        return Listed(self._card(found[card.path], self._addition, used), row.inside)

    def _card(self, found: Found, make: Callable[[Path], Card], used: list[str]) -> Card:
        """From memory while neither the file nor what lies beside it has changed; folders are always read again, for they change within."""
        if not found.states:
            return make(found.path)
        key = f"{make.__name__} {found.states}"
        used.append(key)
        card = self._memory.get(key)
        if card is None:
            card = make(found.path)
            self._memory.put(key, card)
        return card

    def _addition(self, path: Path) -> Card:
        return cards.addition(path, self._tables)

    def _checkpoint(self, path: Path) -> Card:
        return cards.checkpoint(path, self._tables)

    def _with_hash(self, card: Card) -> Card:
        known = "" if card.trouble else self._hashes.known(card.path)
        return replace(card, sha256=known) if known else card

    def _with_hashes(self, found: Sequence[Card]) -> list[Card]:
        known = self._hashes.known_of([card.path for card in found])
        return [replace(card, sha256=sha256) if sha256 and not card.trouble else card for card, sha256 in zip(found, known, strict=True)]

    def _shown(self, what: str, found: Sequence[Card]) -> list[Card]:
        """With the hashes that are known. Looked up again when one was computed since, and when the folders were read again."""
        kept = self._lists.get(what)
        if kept is None or kept[0] != self._hashes.changes:
            kept = self._lists[what] = (self._hashes.changes, self._with_hashes(found))
        return list(kept[1])


def _is_starter(card: Card) -> bool:
    return card.name == STARTER.name and os.path.realpath(card.path) == os.path.realpath(STARTER)
