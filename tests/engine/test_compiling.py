"""Compiled blocks: the first picture as ever, later ones by them, each wholly one way; what goes wrong is said and changes nothing.

torch's own front half compiles here, and a backend that only counts stands for the machine's compiler, which takes minutes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modules.core.options import DeviceOptions, Placement
from modules.core.params import from_dict
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Result
from modules.engine.generate import Engine
from modules.infotext import files
from modules.memory.compiled import Compilations, Compiled
from tests.engine.conftest import pixels
from tests.networks import tiny, tiny_joint

made: list[int] = []


def counting(graph: Any, given: Any) -> Any:
    made.append(1)
    return graph.forward


def broken(graph: Any, given: Any) -> Any:
    raise RuntimeError("no C++ compiler was found\nsecond line")


@torch.inference_mode()
def run(unet: nn.Module, side: int = 8) -> Tensor:
    torch.manual_seed(3)
    x, context = torch.randn(1, 4, side, side), torch.randn(1, 77, tiny.WIDTH)
    answer: Tensor = unet(x, torch.tensor([7]), encoder_hidden_states=context, return_dict=False)[0]
    return answer


def drawn(blocks: Compiled, unet: nn.Module, side: int = 8) -> bool:
    """A picture of two calls. -> whether compiled blocks drew it."""
    blocks.begin()
    for _ in range(2):
        with blocks.within():
            run(unet, side)
    return blocks.on


def test_a_picture_is_drawn_one_way_and_new_sizes_wait_their_turn() -> None:
    torch._dynamo.reset()
    unet = tiny.parts()[0].eval()
    plain, blocks = run(unet), Compilations(counting).of(unet)
    with blocks.standing(unet):
        assert not drawn(blocks, unet)
        blocks.wait()
        assert blocks.trouble == "" and not blocks.on and torch.equal(run(unet), plain)
        ready = len(made)
        assert drawn(blocks, unet) and len(made) == ready > 0
        hook = unet.mid_block.attentions[0].transformer_blocks[0].register_forward_hook(lambda *_: None)
        assert not drawn(blocks, unet), "what stands on a block would be lost in its compiled form"
        hook.remove()
        assert not drawn(blocks, unet, 16)
        blocks.wait()
        assert drawn(blocks, unet, 16) and drawn(blocks, unet)
    assert not blocks.on and all(block._compiled_call_impl is None for block in blocks.blocks)
    assert torch.equal(run(unet), plain)


def test_a_run_says_which_pictures_were_compiled_and_what_went_wrong(engine: Engine) -> None:
    request = from_dict(GenerationRequest, {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler"})

    def draw(one: Engine) -> Result:
        return one.run(request, lambda event: None, lambda: Cancel.NONE, False)

    torch._dynamo.reset()
    compiling = Engine(engine.shelf, engine.outputs, engine.blobs, DeviceOptions(device="cpu", compile=True))
    unet = compiling.models.load(engine.shelf.hashed(engine.shelf.checkpoint("tiny")), "fp32").model.parts["unet"]
    for backend, fact in ((counting, "blocks"), (broken, None)):
        compiling.compilations = Compilations(backend)
        first = draw(compiling)
        compiling.compilations.of(unet).wait()
        second = draw(compiling)
        told = [_facts(result) for result in (first, second)]
        assert [one.get("compiled") for one in told] == [None, fact]
        assert np.array_equal(pixels(first.pictures[0]), pixels(second.pictures[0]))
        notes = " ".join((*first.notes, *second.notes))
        assert ("no C++ compiler was found" in notes) == (fact is None) and ("--compile" in notes) == (fact is None)
        torch._dynamo.reset()


@pytest.mark.parametrize(("placement", "storage", "said"), [("group", "full", "layer by layer"), ("resident", "fp8", "fp8"), ("medvram", "full", "")])
def test_what_cannot_be_compiled_is_said(engine: Engine, placement: Placement, storage: str, said: str) -> None:
    torch._dynamo.reset()
    compiling = Engine(engine.shelf, engine.outputs, engine.blobs, DeviceOptions(device="cpu", compile=True, placement=placement))
    compiling.compilations = Compilations(counting)
    tree = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler", "storage": storage, "count": 2}
    result = compiling.run(from_dict(GenerationRequest, tree), lambda event: None, lambda: Cancel.NONE, False)
    compiling.compilations.of(compiling.models.load(engine.shelf.hashed(engine.shelf.checkpoint("tiny")), "fp32", storage).model.parts["unet"]).wait()  # type: ignore[arg-type]
    notes = [note for note in result.notes if "--compile" in note]
    assert len(notes) == bool(said) and said in "".join(notes)
    torch._dynamo.reset()


def _facts(result: Result) -> dict[str, str]:
    document = files.read(result.pictures[0].data).document
    assert document
    return dict(document["facts"])


@pytest.mark.parametrize("made", [tiny_joint.flux, tiny_joint.sd3], ids=["flux", "sd3"])
def test_transformers_have_blocks_too(made: Any) -> None:
    assert len(Compiled(made()["transformer"]).blocks) >= 2
