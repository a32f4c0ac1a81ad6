"""Numbers that are none, wherever in a run: no black picture is saved in silence. What fp32 can make is made and said; else the error names the part to blame and
what to do; a preview stops nothing; and the next job is as if nothing had been."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from modules.core.control import ControlUnit
from modules.core.errors import EaselError
from modules.core.extras import ExtrasRequest
from modules.core.options import Placement
from modules.core.params import from_dict, named, value_of, with_values
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress, Result
from modules.engine.first_passes import FirstPasses
from modules.engine.generate import Engine
from modules.engine.healing import MODEL_FULL, UPSCALER_FULL, VAE_FULL
from modules.memory.device import Machine
from tests.engine import control_studio, faults, shortage
from tests.engine.faults import INF, NAN, Spoilt
from tests.networks import small_faces

HIRES = {"enabled": True, "scale": 1.5, "upscaler": "Lanczos", "strength": 0.5, "steps": 1}


class At(NamedTuple):
    """What requests of the table refer to."""

    picture: str
    mask: str
    faces: str

    def unit(self, model: str, module: str = "none", **values: Any) -> dict[str, Any]:
        return {"control": [ControlUnit(model=model, image=self.picture, module=module, resolution=64, **values)]}


@dataclass(frozen=True)
class Case:
    """values: of the request. healed: (the note, the field that the picture's request has changed). refused: what the error says. same: the picture is as without.
    left: one picture of two is left. half_vae: on a machine whose autoencoders work in fp16. where: how models lie."""

    name: str
    values: Callable[[At], dict[str, Any]] = lambda at: {}
    spoilt: Spoilt | None = None
    healed: tuple[str, str] | None = None
    refused: str = ""
    same: bool = False
    left: bool = False
    half_vae: bool = False
    where: Placement = "auto"


UNET = "UNet2DConditionModel"
MODEL, VAE, UPSCALER = (MODEL_FULL, "precision"), (VAE_FULL, "vae_full"), (UPSCALER_FULL, "enlarging.full")


def half(**values: Any) -> Callable[[At], dict[str, Any]]:
    return lambda at: {"precision": "fp16", **values}


def of(**values: Any) -> Callable[[At], dict[str, Any]]:
    return lambda at: values


def started(**values: Any) -> Callable[[At], dict[str, Any]]:
    return lambda at: {"init": {"image": at.picture, "strength": 0.6}, **values}


CASES = (
    # the UNet
    Case("NaN in the UNet's file", of(model="unet nan"), refused="The UNet of unet nan holds values that are no numbers"),
    Case("Inf in the UNet's file", of(model="unet inf"), refused="The UNet of unet inf holds values that are no numbers"),
    Case("NaN in the UNet's file, fp16", half(model="unet nan"), refused="The UNet of unet nan holds values that are no numbers"),
    Case("the UNet overflows in fp16", half(model="loud unet"), healed=MODEL),
    Case("the UNet overflows in fp16, batch", half(model="loud unet", batch_size=2, batched=True), healed=MODEL),
    Case("the UNet overflows at the first step", half(steps=3), Spoilt(UNET, INF, (0,), half=True), healed=MODEL),
    Case("the UNet overflows at a middle step", half(steps=3), Spoilt(UNET, NAN, (1,), half=True), healed=MODEL),
    Case("the UNet overflows at the last step", half(steps=3), Spoilt(UNET, INF, (2,), half=True), healed=MODEL),
    Case("the UNet overflows at a middle step, bf16", of(steps=3, precision="bf16"), Spoilt(UNET, NAN, (1,), half=True), healed=MODEL),
    Case("NaN in fp32 from numbers", of(steps=3), Spoilt(UNET, NAN, (1,)), refused="tiny drew not-a-number, in fp32 too"),
    Case("NaN under a mask", lambda at: {**started()(at), "mask": {"image": at.mask}}, Spoilt(UNET), refused="tiny drew not-a-number"),
    Case("NaN in the refiner's file", of(refiner={"checkpoint": "unet nan", "switch_at": 0.5}, steps=4), refused="The UNet of unet nan"),
    Case("NaN in a picture that grows", lambda at: {"init": {"image": at.picture}, "outpaint": {"right": 32}}, Spoilt(UNET), refused="tiny drew not-a-number"),
    # texts
    Case("NaN in the text encoder's file", of(model="text nan"), refused="The text encoder of text nan holds values that are no numbers"),
    Case("the text encoder overflows in fp16", half(model="loud text"), healed=MODEL),
    Case("NaN from the text encoder in fp32", of(prompt="another cat"), Spoilt("CLIPEncoderLayer"), refused="The text encoder of tiny made not-a-number"),
    Case("NaN in an embedding", of(prompt="a brokenword cat"), refused="brokenword.safetensors holds values that are no numbers"),
    # autoencoders
    Case("NaN in the decoder's file", of(model="decoder nan"), refused="The VAE of decoder nan made not-a-number"),
    Case("Inf in the decoder's file", of(model="decoder inf"), refused="The VAE of decoder inf made not-a-number"),
    Case("NaN in a VAE file", of(vae="broken"), refused="The VAE broken.safetensors made not-a-number"),
    Case("NaN in the encoder's file", started(model="encoder nan"), refused="The VAE of encoder nan made not-a-number"),
    Case("the decoder overflows in fp16", of(model="loud decoder"), healed=VAE, half_vae=True),
    Case("the encoder overflows in fp16", started(model="loud encoder"), healed=VAE, half_vae=True),
    Case("the decoder overflows in fp16, medvram", of(model="loud decoder"), healed=VAE, half_vae=True, where="medvram"),
    Case("NaN between two passes", of(model="decoder nan", hires=HIRES), refused="The VAE of decoder nan made not-a-number"),
    # LoRAs
    Case("NaN in a LoRA's file", of(prompt="a cat <lora:broken:1>"), refused="broken.safetensors holds values that are no numbers"),
    Case("a LoRA overflows in fp16", half(prompt="a cat <lora:strong:100>"), healed=MODEL),
    Case("a LoRA beyond all numbers", of(prompt="a cat <lora:huge:100>"), refused="larger than any number: huge.safetensors at 100"),
    Case("NaN with a LoRA on", of(prompt="a cat <lora:first:1>"), Spoilt(UNET), refused="Beside it acted: LoRA first"),
    # what guides
    Case("NaN in a ControlNet's file", lambda at: at.unit("broken edges"), refused="broken edges, of control unit 1, holds values that are no numbers"),
    Case("a ControlNet overflows in fp16", lambda at: half(**at.unit("loud edges"))(at), healed=MODEL),
    Case("NaN in a T2I-Adapter's file", lambda at: at.unit("broken sketch"), refused="broken sketch, of control unit 1"),
    Case("NaN in an IP-Adapter's file", lambda at: at.unit("broken face", "ip-adapter-auto"), refused="broken face, of control unit 1"),
    # the second pass and what enlarges
    Case("the second pass overflows in fp16", half(hires=HIRES), Spoilt(UNET, NAN, (2,), half=True), healed=MODEL),
    Case("NaN in the first pass of two", of(hires=HIRES), Spoilt(UNET, NAN, (0,)), refused="tiny drew not-a-number"),
    Case("NaN in an upscaler's file", of(hires={**HIRES, "upscaler": "broken"}), refused="The upscaler broken.safetensors made not-a-number"),
    Case("an upscaler overflows in fp16", half(hires={**HIRES, "upscaler": "loud"}), healed=UPSCALER),
    # several pictures
    Case("one bad picture of two", of(batch_size=2, batched=True, steps=3), Spoilt(UNET, NAN, (1,), row=0), left=True),
    Case("one bad picture of two, enlarged", of(batch_size=2, batched=True, steps=3, hires=HIRES), Spoilt(UNET, NAN, (1,), row=0), left=True),
    # previews
    Case("NaN in a preview by TAESD", spoilt=Spoilt("DecoderTiny"), same=True),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return faults.engine(tmp_path_factory.mktemp("numbers"))


@pytest.fixture(scope="module")
def at(engine: Engine) -> At:
    mask = control_studio.picture(1).convert("L").point(lambda value: 255 * (value > 100))
    return At(*(control_studio.kept(engine, image) for image in (control_studio.picture(0), mask, small_faces.crowd((20, 30)))))


def wish(values: dict[str, Any]) -> GenerationRequest:
    return shortage.wish({"model": "tiny", **values})


def run(engine: Engine, request: Any, saw: Callable[[Progress | Picture], None] = lambda event: None) -> Result:
    engine.first_passes = FirstPasses()
    engine.previews.costs.clear()  # the first call of each run is shown
    return engine.run(request, saw, lambda: Cancel.NONE, save=False)


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB"))


def drawn(engine: Engine, request: Any) -> list[bytes]:
    return [picture.data for picture in run(engine, request).pictures]


def blamed(engine: Engine, request: Any, said: str) -> None:
    """The run ends with an error that says so and what to do, and no picture."""
    seen: list[Any] = []
    with pytest.raises(EaselError) as caught:
        run(engine, request, seen.append)
    assert said in caught.value.what and caught.value.remedy
    assert not any(isinstance(event, Picture) for event in seen)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_no_black_picture_in_silence(engine: Engine, at: At, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = wish({})
    before = drawn(engine, usual)
    if case.half_vae:
        engine.unload()
        monkeypatch.setattr(Machine, "vae_dtype", lambda machine, precision: torch.float16)
        monkeypatch.setattr(engine.models, "options", replace(engine.models.options, placement=case.where))
    request = wish(case.values(at))
    with faults.spoiling(case.spoilt) as told:
        if case.refused:
            blamed(engine, request, case.refused)
        else:
            result = run(engine, request)
    assert case.spoilt is None or told[0], "the fault happened"
    if case.healed:
        note, field = case.healed
        assert note in result.notes
        said = [value_of(picture.request, named(GenerationRequest, field)) for picture in result.pictures]
        assert {*said} == {"fp32" if field == "precision" else True} and all(pixels(picture).std() > 5 for picture in result.pictures)
        texts = result.pictures[0].request.text_precision
        again = run(engine, with_values(result.request, {field: said[0], "text_precision": texts}))
        assert [picture.data for picture in again.pictures] == [picture.data for picture in result.pictures], "what is recorded makes it again"
    if case.same:
        assert [picture.data for picture in result.pictures] == drawn(engine, request)
    if case.left:
        whole = run(engine, request)
        assert [picture.index for picture in result.pictures] == [1] and any("not-a-number" in note for note in result.notes)
        assert np.array_equal(pixels(result.pictures[0]), pixels(whole.pictures[1]))
    if case.half_vae:
        engine.unload()
        monkeypatch.undo()
    assert drawn(engine, usual) == before, "the next job"


@pytest.mark.parametrize("value", [NAN, INF])
def test_a_preview_by_a_linear_map_stops_nothing(engine: Engine, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from modules.engine.features.watch import Watch

    before, shown = drawn(engine, wish({})), Watch._shown
    monkeypatch.setattr(type(engine.previews), "of", lambda previews, model: None)
    monkeypatch.setattr(Watch, "_shown", lambda watch, latents: shown(watch, torch.full_like(latents, value)))
    assert drawn(engine, wish({})) == before


def extras(at: At, **values: Any) -> ExtrasRequest:
    return from_dict(ExtrasRequest, {"images": [at.picture], "upscaler": "loud", "scale": 2.0, **values})


def test_an_upscaler_of_extras_is_redone_in_fp32_or_blamed(engine: Engine, at: At) -> None:
    result = run(engine, extras(at, precision="fp16"))
    (picture,) = result.pictures
    assert UPSCALER_FULL in result.notes and picture.request.enlarging.full and pixels(picture).std() > 5
    assert drawn(engine, picture.request) == [picture.data]
    blamed(engine, extras(at, upscaler="broken"), "The upscaler broken.safetensors made not-a-number")
    second = run(engine, extras(at, images=[at.picture, at.mask], upscaler="Lanczos", second="loud", second_visibility=0.5, precision="fp16"))
    assert [one.request.enlarging.full for one in second.pictures] == [True, True]


def test_face_networks_are_blamed_by_their_names(engine: Engine, at: At) -> None:
    request = extras(at, images=[at.faces], upscaler="None", faces={"codeformer": 1.0})
    before = drawn(engine, request)
    for network, said in (("CodeFormer", "The face network codeformer.safetensors"), ("RetinaFace", "The face detector detection_Resnet50_Final.pth")):
        with faults.spoiling(Spoilt(network)):
            blamed(engine, request, f"{said} made not-a-number")
    assert drawn(engine, request) == before


def test_sd_upscale_enlarges_in_fp32_or_blames_its_upscaler(engine: Engine, at: At) -> None:
    def script(upscaler: str) -> dict[str, Any]:
        return {"script": {"name": "SD upscale", "args": {"upscaler": upscaler, "overlap": 32}}, "init": {"image": at.picture, "strength": 0.3}}

    result = run(engine, wish({**script("loud"), "precision": "fp16"}))
    assert UPSCALER_FULL in result.notes and result.request.enlarging.full
    assert drawn(engine, result.request) == [picture.data for picture in result.pictures]
    blamed(engine, wish(script("broken")), "The upscaler broken.safetensors made not-a-number")


def test_an_interrupted_picture_without_numbers_is_no_picture(engine: Engine) -> None:
    seen: list[Any] = []
    with faults.spoiling(Spoilt(UNET)) as told, pytest.raises(EaselError, match="not-a-number"):
        engine.run(wish({"steps": 9}), seen.append, lambda: Cancel.STOP if told[0] > 1 else Cancel.NONE, save=False)
    assert not any(isinstance(event, Picture) for event in seen)
