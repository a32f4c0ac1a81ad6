"""Which files restore faces: a restorer of each kind, and the network that finds faces for both. No torch: a request is checked before it waits in the queue.

Of several files of a kind the last by name acts, so that GFPGANv1.4 goes before v1.3. A request that ran before names its files by hash, and no other will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

from modules.catalog.card import Card
from modules.core.errors import NotFound
from modules.core.extras import Faces
from modules.core.groups.faces import FACE_RESTORERS, RestoredFaces, Restorer
from modules.core.request import GenerationRequest


class Wanted(NamedTuple):
    """family: in the catalog, and A1111's name. folder, file: where the file that A1111 fetches belongs."""

    family: str
    folder: str
    file: str

    @property
    def remedy(self) -> str:
        return f"Put {self.file} into {self.folder}."


RESTORERS: Mapping[str, Wanted] = {
    "gfpgan": Wanted("GFPGAN", "models/GFPGAN", "GFPGANv1.4.pth"),
    "codeformer": Wanted("CodeFormer", "models/Codeformer", "codeformer.pth"),
}
"""By parameter of `Faces`."""
PARAMETERS = {wanted.family: name for name, wanted in RESTORERS.items()}
"""By A1111's name."""
DETECTOR = Wanted("RetinaFace", "models/GFPGAN", "detection_Resnet50_Final.pth")


class FaceShelf(Protocol):
    """What finding asks of the catalog."""

    def faces(self) -> list[Card]: ...
    def hashed(self, card: Card) -> Card: ...


class Pair(NamedTuple):
    restorer: Card
    detector: Card


def missing(shelf: FaceShelf) -> dict[str, list[str]]:
    """Parameter of `Faces` -> the files that it still needs, each with its place; none where it can act."""
    return {name: [f"{one.folder}/{one.file}" for one in (wanted, DETECTOR) if not _usable(one.family, shelf)] for name, wanted in RESTORERS.items()}


def acting(faces: Faces) -> list[str]:
    """The parameters of `Faces` that are not 0, in the order in which they act."""
    return [name for name in RESTORERS if getattr(faces, name)]


def find(name: str, faces: Faces, shelf: FaceShelf) -> Pair:
    """The files of a parameter of `Faces`. Raises NotFound."""
    return _pair(name, faces.networks, shelf, f"faces.{name}")


def recorded(faces: Faces, shelf: FaceShelf) -> dict[str, str]:
    """What `Faces.networks` says of the files that act. Raises what `find` raises."""
    return {card.name: shelf.hashed(card).sha256 for name in acting(faces) for card in find(name, faces, shelf)}


def pair_of(faces: RestoredFaces, shelf: FaceShelf) -> Pair | None:
    """The files that restore the faces of a drawn picture; None where nobody asks for it. Raises NotFound."""
    return _pair(PARAMETERS[_restorer(faces, shelf)], faces.networks, shelf, "faces.restorer") if faces.restore else None


def settled(request: GenerationRequest, shelf: FaceShelf) -> GenerationRequest:
    """With the restorer's own name and the hash of each file; as nobody touched it where no face is to be restored. Idempotent. Raises what `pair_of` raises."""
    pair = pair_of(request.faces, shelf)
    if pair is None:
        return replace(request, faces=RestoredFaces())
    networks = {card.name: shelf.hashed(card).sha256 for card in pair}
    return replace(request, faces=replace(request.faces, restorer=_restorer(request.faces, shelf), networks=networks))


def lacking(faces: RestoredFaces, shelf: FaceShelf) -> str:
    """The files that restoring faces as is wished still needs, each with its place; "" where nobody asks for it, too, and where a request that ran before names
    its files: no other will do."""
    return "" if not faces.restore or faces.networks else " and ".join(missing(shelf)[PARAMETERS[_restorer(faces, shelf)]])


def _restorer(faces: RestoredFaces, shelf: FaceShelf) -> Restorer:
    """A1111's name of the one that acts."""
    if faces.restorer != "Automatic":
        return faces.restorer
    return next((name for name in FACE_RESTORERS if _usable(name, shelf)), FACE_RESTORERS[0])


def _pair(name: str, networks: Mapping[str, str], shelf: FaceShelf, field: str) -> Pair:
    return Pair(*(_found(wanted, networks, shelf, field) for wanted in (RESTORERS[name], DETECTOR)))


def _usable(family: str, shelf: FaceShelf) -> list[Card]:
    return [card for card in shelf.faces() if card.family == family and not card.trouble]


def _found(wanted: Wanted, networks: Mapping[str, str], shelf: FaceShelf, field: str) -> Card:
    """networks: recorded, where the request ran before. field: to blame."""
    usable = _usable(wanted.family, shelf)
    if not usable:
        broken = "".join(f" {card.path.name} cannot be used: {card.trouble}" for card in shelf.faces() if card.trouble)
        raise NotFound(f"There is no {wanted.family} network here, without which no face is restored.{broken}", wanted.remedy, field)
    if not networks:
        return usable[-1]
    for card in usable:
        if shelf.hashed(card).sha256 in networks.values():
            return card
    told = ", ".join(f"{known} ({sha256[:10]})" for known, sha256 in networks.items())
    raise NotFound(f"The {wanted.family} network that this was made with is not here; it was one of {told}.", wanted.remedy, field)
