"""In how many bits a model is kept, part by part: what pictures say of it and how far they differ, what memory it takes, and that as much is made free."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.catalog import folder
from modules.catalog.card import Card
from modules.catalog.hashes import HashCache
from modules.catalog.measures import measured
from modules.catalog.scan import STARTER, Library
from modules.core.blobs import Blobs
from modules.core.options import DeviceOptions, Placement
from modules.core.params import from_dict, to_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest, Precision, Storage
from modules.core.result import Cancel, Picture
from modules.engine import sizes
from modules.engine.fitting import Room, fit
from modules.engine.generate import Engine
from modules.engine.models import Models, weight
from modules.engine.save import Outputs
from modules.engine.sizes import Widths
from modules.infotext import a1111
from modules.memory.device import DTYPES, Machine, find
from modules.memory.placement import size_of
from modules.networks import build, packed
from modules.networks.keeping import keeping
from modules.networks.weights import Weights
from tests.engine.conftest import Draw, pixels
from tests.memory.live import Live
from tests.networks import lora_files, tiny, tiny_joint, tiny_xl

MACHINE = find(DeviceOptions(device="cpu"))
STARTER_CARD = Card(path=STARTER, name="starter", family="sd1", sha256="0" * 64)


def noise(one: Picture, other: Picture) -> float:
    """Peak signal to noise in dB; infinite for equal pictures."""
    apart = float(np.square(pixels(one).astype(float) - pixels(other)).mean())
    return 10 * np.log10(255**2 / apart) if apart else np.inf


@pytest.mark.parametrize(("storage", "least"), [("int8", 32), ("nf4", 16)])
def test_weights_in_few_bits_draw_nearly_the_same_and_say_so(
    engine: Engine, draw: Draw, monkeypatch: pytest.MonkeyPatch, storage: Storage, least: float
) -> None:
    first = draw(storage=storage).pictures[0]
    assert least < noise(first, draw().pictures[0]) < 70
    assert first.request.storage == storage and f"Weights kept in: {storage}" in first.infotext
    assert a1111.read(first.infotext).request.storage == storage
    card = engine.shelf.hashed(engine.shelf.checkpoint("tiny"))
    placed = engine.models.load(card, "fp32", storage).placed
    wheres: tuple[Placement, ...] = ("group", "medvram", "resident")
    for where in wheres:
        with monkeypatch.context() as patch:
            patch.setattr(engine.models, "options", DeviceOptions(placement=where))
            assert draw(storage=storage).pictures[0].data == first.data and placed.where == where
    (again,) = engine.run(first.request, lambda event: None, lambda: Cancel.NONE, False).pictures
    assert again.data == first.data


def test_a1111s_mode_is_a_request_field_made_concrete(engine: Engine, draw: Draw) -> None:
    plain = draw().pictures[0]
    assert draw(storage="fp8 for SDXL").pictures[0].data == plain.data, "a tiny SD 1.x is none"
    told = draw(storage="fp8").pictures[0].infotext
    assert "FP8 weight: Enable" in told and a1111.read(told).request.storage == "fp8"
    for words, kept in (("Enable for SDXL", "fp8 for SDXL"), ("Disable", "full")):
        assert a1111.read(told.replace("FP8 weight: Enable", f"FP8 weight: {words}")).request.storage == kept
    assert sizes.concrete("fp8 for SDXL", "sdxl") == "fp8" and sizes.concrete("nf4", "sdxl") == "nf4"


def test_text_encoders_have_a_precision_of_their_own(engine: Engine, draw: Draw) -> None:
    plain, own = draw().pictures[0], draw(text_precision="bf16").pictures[0]
    assert (plain.request.text_precision, own.request.text_precision, own.request.precision) == ("fp32", "bf16", "fp32")
    assert 25 < noise(plain, own) < np.inf
    model = engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("tiny")), "fp32", texts="bf16").model
    assert [next(model.parts[part].parameters()).dtype for part in ("unet", "vae", "text_encoder")] == [torch.float32, torch.float32, torch.bfloat16]
    assert draw(precision="bf16", text_precision="fp32").pictures[0].data != draw(precision="bf16").pictures[0].data
    (again,) = engine.run(own.request, lambda event: None, lambda: Cancel.NONE, False).pictures
    assert again.data == own.data


def test_the_command_line_says_what_auto_means_for_text_encoders() -> None:
    machine = find(DeviceOptions(device="cpu", texts="fp16"))
    assert (machine.text_precision("auto", "fp32"), machine.text_precision("bf16", "fp32")) == ("fp16", "bf16")
    assert Machine("cuda:0", True, True).text_precision("auto", "fp16") == "fp16"


def test_a_lora_acts_on_few_bits_and_leaves_nothing_behind(tmp_path: Path) -> None:
    unet, vae, text_encoder = tiny.parts()
    models = tmp_path / "models"
    tiny.save_single(models / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(unet, vae, text_encoder))
    lora_files.save(models / "Lora" / "one.safetensors", lora_files.kohya({"unet": unet, "text_encoder": text_encoder}))
    engine = Engine(Library(Paths(data=tmp_path, models=models), HashCache(None)), Outputs(tmp_path / "out"), Blobs(tmp_path / "in"))

    def picture(prompt: str, storage: Storage) -> Picture:
        tree = {"prompt": prompt, "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler", "storage": storage}
        return engine.run(from_dict(GenerationRequest, tree), lambda event: None, lambda: Cancel.NONE, False).pictures[0]

    before, worn = picture("a cat", "int8"), picture("a cat <lora:one:1>", "int8")
    assert noise(worn, picture("a cat <lora:one:1>", "full")) > noise(worn, before) + 3, "it does what it does on full weights"
    assert picture("a cat", "int8").data == before.data


STORAGES: tuple[Storage, ...] = ("full", "fp8", "int8", "nf4")


@pytest.mark.parametrize(
    ("storage", "precision", "texts"), [("full", "bf16", "fp32"), ("fp8", "fp32", "fp32"), ("int8", "fp32", "bf16"), ("nf4", "bf16", "bf16")]
)
def test_bytes_by_headers_are_the_bytes_in_memory(storage: Storage, precision: Precision, texts: Precision) -> None:
    models = Models(MACHINE, DeviceOptions(), Path())
    loaded = models.load(STARTER_CARD, precision, storage, texts)
    widths = Widths(DTYPES[precision].itemsize, DTYPES[texts].itemsize, 4, storage)
    told = sizes.sizes(measured(STARTER_CARD), widths)
    networks = {"denoiser" if name == "unet" else name: size_of(part) for name, part in loaded.model.parts.items() if isinstance(part, nn.Module)}
    assert set(networks) == set(told)
    for name, size in networks.items():
        assert told[name] == pytest.approx(size, rel={"fp8": 0.1, "nf4": 0.04}.get(storage, 0.02)), name
    assert models.held == weight(loaded.model) == sum(networks.values())


def test_few_bits_fit_where_full_ones_do_not() -> None:
    measures = replace(measured(STARTER_CARD), width=320, levels=(128, 256))
    needed = [fit(GenerationRequest(storage=storage), STARTER_CARD, measures, DeviceOptions(), Room(2**34)).weights for storage in STORAGES]
    assert needed[0] > needed[2] > needed[3] and needed[1] < needed[0]
    smaller = fit(GenerationRequest(text_precision="fp16"), STARTER_CARD, measures, DeviceOptions(), Room(2**34)).weights
    assert needed[0] - smaller == measures.parts["text_encoder"] * 2


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_as_much_is_made_free_as_a_model_will_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: Precision) -> None:
    """A file of halves takes twice its size as fp32; a cache that went by files would hold more than it may."""
    makers: dict[str, Callable[[Path], Path]] = {
        "sd1": lambda place: tiny.save_single(place / "one.safetensors", tiny.ldm_tensors(*tiny.parts())),
        "sdxl": lambda place: tiny_xl.save_folder(place / "two", tiny_xl.base(), "StableDiffusionXLPipeline"),
    }
    models = Models(MACHINE, DeviceOptions(), tmp_path)
    asked: list[int] = []
    make_room = models._held.make_room

    def asking(size: int) -> None:
        asked.append(size)
        make_room(size)

    monkeypatch.setattr(models._held, "make_room", asking)
    for family, make in makers.items():
        path = make(tmp_path)
        loaded = models.load(Card(path=path, name=path.stem, family=family, size=path.stat().st_size), precision)
        assert asked[-1] == pytest.approx(weight(loaded.model), rel=0.02)


def test_a_model_leaves_before_one_comes_that_has_no_room_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tiny.save_single(tmp_path / f"{name}.safetensors", tiny.ldm_tensors(*tiny.parts(seed))) for seed, name in enumerate(("one", "two"))]
    cards = [Card(path=path, name=path.stem, family="sd1", size=path.stat().st_size) for path in paths]
    models = Models(MACHINE, DeviceOptions(), tmp_path)
    models.load(cards[0], "fp32")
    models._held.limit = int(models.held * 1.7)  # two files would fit, two models do not
    assert 2 * cards[0].size < models._held.limit
    left: list[int] = []
    monkeypatch.setattr(models._held, "_dropped", lambda: left.append(models.held))
    models.load(cards[1], "fp32")
    assert left == [0], "before the second one is read"


def test_the_record_of_a_picture_holds_all_of_it(draw: Draw) -> None:
    request = draw(storage="nf4", text_precision="bf16").pictures[0].request
    tree = json.loads(json.dumps(to_dict(request)))
    assert (tree["storage"], tree["text_precision"], tree["precision"]) == ("nf4", "bf16", "fp32")


def four_bits(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """As bitsandbytes keeps matrices of whole blocks; the others as they are."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.dim() != 2 or tensor.shape[1] % 64 or "final_layer" in name:
            found[name] = tensor
            continue
        made = packed.kept(tensor, "nf4")
        assert made.scales is not None
        state = json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": list(tensor.shape)}).encode()
        found |= {name: made.codes.view(torch.uint8).reshape(-1, 1), f"{name}.absmax": made.scales.reshape(-1), f"{name}.quant_map": torch.tensor(packed.NF4)}
        found[f"{name}.quant_state.bitsandbytes__nf4"] = torch.frombuffer(bytearray(state), dtype=torch.uint8).clone()
    return found


@pytest.mark.parametrize("kind", ["gguf", "nf4", "fp8"])
def test_files_in_few_bits_take_what_their_headers_say(tmp_path: Path, kind: str) -> None:
    parts = tiny_joint.flux(wide=3)
    path = tmp_path / ("one.gguf" if kind == "gguf" else "one.safetensors")
    tensors = tiny_joint.single_file(parts, bundle=False)
    if kind == "gguf":
        tiny_joint.save_gguf(path, tensors, gguf.GGMLQuantizationType.Q4_0)
    else:
        eight = {name: tensor.to(torch.float8_e4m3fn) if tensor.dim() == 2 else tensor for name, tensor in tensors.items()}
        save_file(four_bits(tensors) if kind == "nf4" else eight, path)
    beside = {
        "clip-l": tiny_joint.encoder_tensors(parts["text_encoder"]), "t5": tiny_joint.encoder_tensors(parts["text_encoder_2"]),
        "vae": tiny_joint.vae_tensors(parts["vae"]),
    }  # fmt: skip
    companions = {}
    for role, held in beside.items():
        save_file({name: tensor.half().contiguous() for name, tensor in held.items()}, tmp_path / f"{role}.safetensors")
        companions[role] = Card(path=tmp_path / f"{role}.safetensors", name=role, kind="vae" if role == "vae" else "text-encoder")
    card = Card(path=path, name="one", family="flux", companions=companions)
    loaded = Models(MACHINE, DeviceOptions(), tmp_path).load(card, "fp32")
    few = sum(isinstance(layer, packed.Packed) for layer in loaded.model.parts["transformer"].modules())
    assert few > 20
    assert sizes.loaded(card, Widths(4, 4, 4)) == pytest.approx(weight(loaded.model), rel=0.02)
    told = sizes.sizes(measured(card), Widths(4, 4, 4))["denoiser"]
    assert told == pytest.approx(size_of(loaded.model.parts["transformer"]), rel=0.04)


@pytest.mark.parametrize("storage", ["int8", "nf4"])
def test_packing_never_holds_the_plain_network(storage: Storage) -> None:
    """Beside what stays there is one layer's work at a time."""
    network = build.unet(folder.config(STARTER, "unet"))
    with Live([*network.parameters(), *network.buffers()]) as live, torch.inference_mode(False):
        build.fill(network, Weights(folder.weight_files(STARTER, "unet")), str, torch.float32, "UNet", keeping(storage))
    layers = [math.prod(layer.form) for layer in network.modules() if isinstance(layer, packed.Packed)]
    assert live.peak < size_of(network) + 4 * 4 * max(layers) < 0.6 * 4 * sum(layers)
