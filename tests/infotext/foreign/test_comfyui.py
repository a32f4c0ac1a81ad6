"""ComfyUI's graphs, made here as its nodes write them: which sampler counts, where texts and models come from, what is only said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.core.groups.passes import Hires
from modules.infotext import keys
from modules.infotext.files import Found
from modules.infotext.foreign import comfyui
from modules.infotext.foreign.graph import WIDGETS
from modules.infotext.read import read, read_text
from modules.infotext.reading import Reading


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def graph(**changes: Any) -> dict[str, Any]:
    """The first graph that ComfyUI shows: one sampler, two texts."""
    return {
        "3": node(
            "KSampler",
            seed=5,
            steps=20,
            cfg=8,
            sampler_name="euler",
            scheduler="normal",
            denoise=1,
            model=["4", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name="sub\\model.v1.safetensors"),
        "5": node("EmptyLatentImage", width=640, height=448, batch_size=1),
        "6": node("CLIPTextEncode", text="a cat", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="a dog", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="/etc/x", images=["8", 0]),
    } | changes


def left(reading: Reading) -> dict[str, str]:
    return {row.key: row.note for row in reading.rows if row.state == "not restored"}


def test_the_plain_graph() -> None:
    reading = comfyui.read(graph())
    request = reading.request
    assert (request.prompt, request.negative_prompt, request.model) == ("a cat", "a dog", "model.v1")
    assert (request.seed, request.steps, request.cfg_scale, request.width, request.height) == (5, 20, 8.0, 640, 448)
    assert (request.sampler, request.schedule, request.noise_source, request.text.emphasis) == ("Euler", "Normal", "CPU", "Original")
    assert left(reading) == {}
    assert "/etc" not in str(reading)


def test_loras_clip_skip_and_control() -> None:
    changed = graph(
        **{
            "3": node(
                "KSampler",
                seed=5,
                steps=20,
                cfg=8,
                sampler_name="dpmpp_2m",
                scheduler="karras",
                model=["10", 0],
                positive=["12", 0],
                negative=["7", 0],
                latent_image=["5", 0],
            ),
            "6": node("CLIPTextEncode", text="(a cat:1.2) [b]", clip=["11", 0]),
            "10": node("LoraLoader", lora_name="x/style.safetensors", strength_model=0.8, strength_clip=1, model=["4", 0], clip=["4", 1]),
            "11": node("CLIPSetLastLayer", stop_at_clip_layer=-2, clip=["10", 1]),
            "12": node("ControlNetApply", strength=1, conditioning=["6", 0], control_net=["13", 0], image=["14", 0]),
            "13": node("ControlNetLoader", control_net_name="canny.pth"),
            "14": node("LoadImage", image="x.png"),
        }
    )
    reading = comfyui.read(changed)
    assert (reading.request.prompt, reading.request.text.emphasis, reading.request.text.clip_skip) == (r"(a cat:1.2) \[b\] <lora:style:1:0.8>", "compel", 2)
    assert (reading.request.sampler, reading.request.schedule, reading.request.model) == ("DPM++ 2M", "Karras", "model.v1")
    assert "ControlNetApply" in left(reading) and "LoraLoader" not in left(reading)


def second(latent: str = "10", **changes: Any) -> dict[str, Any]:
    """A sampler behind the first one."""
    inputs = {"seed": 5, "steps": 8, "cfg": 8, "sampler_name": "dpmpp_sde", "scheduler": "karras", "denoise": 0.5, "model": ["4", 0]}
    return node("KSampler", **inputs | {"positive": ["6", 0], "negative": ["7", 0], "latent_image": [latent, 0]} | changes)


def two_passes(*between: dict[str, Any], decode: str = "11", **changes: Any) -> dict[str, Any]:
    """The plain graph, then nodes in a row ("21", "22", ...), the first fed by the first sampler and the last feeding "11"."""
    row = {str(21 + place): made for place, made in enumerate(between)}
    return graph(**row, **{"8": node("VAEDecode", samples=[decode, 0], vae=["4", 2]), "11": second(str(20 + len(between)), **changes)})


LATENT = node("LatentUpscale", upscale_method="nearest-exact", width=1280, height=896, crop="disabled", samples=["3", 0])
PIXELS = (
    node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    node("ImageScaleBy", upscale_method="lanczos", scale_by=1.5, image=["21", 0]),
    node("VAEEncode", pixels=["22", 0], vae=["4", 2]),
)
ESRGAN = (
    node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    node("ImageUpscaleWithModel", upscale_model=["30", 0], image=["21", 0]),
    node("VAEEncode", pixels=["22", 0], vae=["4", 2]),
)
LOADER = {"30": node("UpscaleModelLoader", model_name="sub/4x_foo.pth")}


@pytest.mark.parametrize(
    "made, expected, near",
    [
        (
            two_passes(LATENT),
            {"width": 1280, "height": 896, "scale": 2.0, "strength": 0.5, "steps": 8, "sampler": "DPM++ SDE", "schedule": "Karras", "upscaler": "Latent (nearest-exact)"},
            {"second pass: denoise"},
        ),
        (
            two_passes(node("LatentUpscaleBy", upscale_method="bislerp", scale_by=1.5, samples=["3", 0])),
            {"width": 0, "scale": 1.5, "upscaler": "Latent"},
            {"second pass: denoise", "second pass: upscale_method"},
        ),
        (two_passes(*PIXELS), {"scale": 1.5, "upscaler": "Lanczos"}, {"second pass: denoise"}),
        (
            two_passes(*ESRGAN) | LOADER,
            {"width": 1280, "height": 896, "upscaler": "Lanczos"},
            {"second pass: denoise", "second pass: model_name", "second pass: width x height"},
        ),
        (two_passes(decode="11") | {"11": second("3")}, {"width": 0, "scale": 1.0, "upscaler": "Latent"}, {"second pass: denoise"}),
        (two_passes(LATENT, steps=20, denoise=None, start_at_step=12), {"strength": 0.4, "steps": 8}, {"second pass: denoise"}),
        (two_passes(LATENT, positive=["40", 0]) | {"40": node("CLIPTextEncode", text="a (blue) cat", clip=["4", 1])}, {"prompt": "a (blue) cat", "negative_prompt": ""}, {"second pass: denoise", "emphasis"}),
    ],
)  # fmt: skip
def test_a_second_pass(made: dict[str, Any], expected: dict[str, Any], near: set[str]) -> None:
    reading = comfyui.read(made, size=(1280, 896))
    request = reading.request
    assert (request.seed, request.width, request.height, request.steps, request.prompt, request.hires.enabled) == (5, 640, 448, 20, "a cat", True)
    assert {name: getattr(request.hires, name) for name in expected} == expected
    assert left(reading) == {}
    assert {row.key for row in reading.rows if row.state == "approximated"} - {"RNG"} == near


def test_what_a_second_pass_cannot_keep() -> None:
    assert left(comfyui.read(two_passes(LATENT, cfg=9, seed=7))) == {"second pass: cfg": keys.GUIDED, "second pass: seed": keys.SEEDED}


@pytest.mark.parametrize(
    "made",
    [
        two_passes(LATENT, model=["31", 0]) | {"31": node("CheckpointLoaderSimple", ckpt_name="refiner.safetensors")},
        two_passes(LATENT, denoise=None),
        two_passes(LATENT, denoise=0),
        two_passes(LATENT, add_noise="disable"),
        two_passes(node("EmptyLatentImage", width=640, height=448, batch_size=1), positive=["3", 0]),
    ],
)
def test_later_samplers_that_are_no_hires_fix(made: dict[str, Any]) -> None:
    reading = comfyui.read(made)
    assert reading.request.hires == Hires()
    assert left(reading)["KSampler"] == keys.LATER


def test_of_three_passes_the_second_is_taken() -> None:
    made = two_passes(LATENT, decode="12") | {"12": second("11", denoise=0.2, steps=3)}
    reading = comfyui.read(made, size=(1280, 896))
    assert (reading.request.hires.strength, reading.request.hires.steps, left(reading)["KSampler"]) == (0.5, 8, keys.LATER)
    unknown = two_passes(*ESRGAN, decode="12") | LOADER | {"12": second("11", denoise=0.2, steps=3)}
    assert comfyui.read(unknown, size=(1280, 896)).request.hires.width == 0


def test_of_two_results_the_one_of_the_pictures_size() -> None:
    changed = graph(
        **{
            "10": node("EmptyLatentImage", width=256, height=256, batch_size=1),
            "11": node(
                "KSampler",
                seed=9,
                steps=8,
                cfg=9,
                sampler_name="heun",
                scheduler="karras",
                denoise=1,
                model=["4", 0],
                positive=["6", 0],
                negative=["7", 0],
                latent_image=["10", 0],
            ),
            "12": node("PreviewImage", images=["11", 0]),
        }
    )
    assert comfyui.read(changed, size=(256, 256)).request.seed == 9
    assert comfyui.read(changed, size=(640, 448)).request.seed == 5


def test_from_another_picture() -> None:
    changed = graph(**{"5": node("VAEEncode", pixels=["14", 0], vae=["4", 2]), "14": node("LoadImage", image="x.png")})
    changed["3"]["inputs"]["denoise"] = 0.6
    reading = comfyui.read(changed, size=(320, 256))
    assert (reading.request.width, reading.request.height) == (320, 256)
    assert (reading.request.init.strength, reading.request.init.fix_steps, reading.request.init.image) == (0.6, True, "")
    assert left(reading) == {"VAEEncode": keys.INIT}
    assert reading.notes == [keys.BEGUN]


def test_from_another_picture_and_a_mask() -> None:
    changed = two_passes(LATENT) | {
        "5": node("VAEEncodeForInpaint", pixels=["14", 0], mask=["14", 1], vae=["4", 2], grow_mask_by=6),
        "14": node("LoadImage", image="x.png"),
    }
    reading = comfyui.read(changed, size=(320, 256))
    assert (reading.request.init.strength, reading.request.hires.enabled, reading.request.mask.image) == (1.0, False, "")
    assert left(reading) == {"VAEEncodeForInpaint": keys.MASK, "KSampler": keys.ALONE}
    assert reading.notes == [keys.PAINTED]


def test_less_than_all_noise_on_an_empty_picture() -> None:
    changed = graph()
    changed["3"]["inputs"]["denoise"] = 0.9
    reading = comfyui.read(changed)
    assert left(reading) == {"denoise": keys.INIT_ONLY}
    assert reading.notes == []


def test_custom_sampling() -> None:
    changed = {
        "1": node("SamplerCustomAdvanced", noise=["2", 0], guider=["3", 0], sampler=["4", 0], sigmas=["5", 0], latent_image=["6", 0]),
        "2": node("RandomNoise", noise_seed=77),
        "3": node("CFGGuider", cfg=3.5, model=["7", 0], positive=["8", 0], negative=["9", 0]),
        "4": node("KSamplerSelect", sampler_name="dpmpp_2m_sde_gpu"),
        "5": node("BasicScheduler", scheduler="sgm_uniform", steps=14, denoise=1, model=["7", 0]),
        "6": node("EmptySD3LatentImage", width=1024, height=768, batch_size=2),
        "7": node("UNETLoader", unet_name="big.gguf"),
        "8": node("CLIPTextEncode", text=["10", 0], clip=["7", 0]),
        "9": node("ConditioningZeroOut", conditioning=["8", 0]),
        "10": node("StringConcatenate", string_a="a cat", string_b="in a hat", delimiter=" "),
    }
    request = comfyui.read(changed).request
    assert (request.seed, request.steps, request.cfg_scale, request.model) == (77, 14, 3.5, "big")
    assert (request.sampler, request.schedule, request.prompt, request.negative_prompt) == ("DPM++ 2M SDE", "SGM Uniform", "a cat in a hat", "")
    assert "batch_size" in left(comfyui.read(changed))


def test_values_from_other_nodes_and_joined_texts() -> None:
    changed = graph(
        **{
            "10": node("PrimitiveInt", value=123),
            "6": node("ConditioningCombine", conditioning_1=["7", 0], conditioning_2=["12", 0]),
            "12": node("CLIPTextEncode", text="third", clip=["4", 1]),
        }
    )
    changed["3"]["inputs"]["seed"] = ["10", 0]
    reading = comfyui.read(changed)
    assert reading.request.seed == 123
    assert reading.request.prompt == "a dog :0.5 AND third :0.5"


def test_loaders_that_hold_everything() -> None:
    changed = {
        "1": node("Efficient Loader", ckpt_name="m.ckpt", positive="good", negative="bad", empty_latent_width=512, empty_latent_height=640, lora_name="None"),
        "2": node(
            "KSampler (Efficient)",
            seed=3,
            steps=9,
            cfg=5,
            sampler_name="euler_ancestral",
            scheduler="karras",
            denoise=1,
            model=["1", 0],
            positive=["1", 1],
            negative=["1", 2],
            latent_image=["1", 3],
        ),
    }
    request = comfyui.read(changed).request
    assert (request.prompt, request.negative_prompt, request.model, request.width, request.height) == ("good", "bad", "m", 512, 640)


def test_the_editors_form() -> None:
    """The same graph as the editor saves it: nodes with lists of values, and wires by number."""
    ran = graph()
    wires: list[list[Any]] = []
    nodes = []
    for name, made in ran.items():
        inputs = []
        for key, value in made["inputs"].items():
            if isinstance(value, list):
                wires.append([len(wires), int(value[0]), value[1], int(name), 0, "X"])
                inputs.append({"name": key, "link": wires[-1][0]})
        values = [made["inputs"].get(key, "randomize") if key else "randomize" for key in WIDGETS.get(made["class_type"], ())]
        nodes.append({"id": int(name), "type": made["class_type"], "inputs": inputs, "widgets_values": values, "mode": 0})
    workflow = {"nodes": nodes, "links": wires, "version": 0.4}
    assert comfyui.read(None, workflow).request == comfyui.read(ran).request
    assert read_text(json.dumps(workflow)).request == comfyui.read(ran).request


@pytest.mark.parametrize(
    "chunks",
    [
        {"prompt": json.dumps(graph()), "workflow": "{}"},
        {"Make": "workflow:{}", "Model": "prompt:" + json.dumps(graph())},
        {"Make": "other:{}", "ImageDescription": "prompt:" + json.dumps(graph())},
        {"prompt": json.dumps(graph()).replace('"denoise": 1', '"denoise": NaN')},
        {"UserComment": json.dumps({"prompt": graph(), "workflow": {"nodes": []}})},
    ],
)
def test_wherever_the_graph_stands(chunks: dict[str, str]) -> None:
    reading = read(Found(chunks.get("UserComment", ""), None, chunks, (640, 448), "webp"))
    assert (reading.source, reading.request.seed, reading.request.prompt) == ("ComfyUI", 5, "a cat")


def test_a_save_node_that_also_writes_a1111s_text() -> None:
    chunks = {"prompt": json.dumps(graph()), "parameters": "x\nSteps: 7, Sampler: euler, Seed: 4"}
    reading = read(Found(chunks["parameters"], None, chunks, (64, 64), "png"))
    assert (reading.source, reading.request.steps, reading.request.noise_source) == ("ComfyUI", 7, "CPU")


def test_graphs_without_a_sampler() -> None:
    reading = comfyui.read({"1": node("LoadImage", image="x")})
    assert reading.notes and reading.request.prompt == ""


def test_circles_and_deep_graphs_end() -> None:
    circle = {str(n): node("ConditioningCombine", conditioning_1=[str((n + 1) % 50), 0], conditioning_2=[str((n + 7) % 50), 0]) for n in range(50)}
    chain = {str(n): node("CLIPTextEncode", text=[str(n + 1), 0], text2=[str(n + 1), 0], prompt=[str(n + 1), 0]) for n in range(2900)}
    sampler = node("KSampler", seed=1, steps=2, positive=["0", 0], negative=["0", 0], latent_image=["0", 0], model=["0", 0])
    for made in (circle, chain):
        assert comfyui.read(made | {"s": sampler}).request.seed == 1


KEYS = st.sampled_from(
    [
        "class_type",
        "inputs",
        "nodes",
        "links",
        "seed",
        "steps",
        "sampler_name",
        "positive",
        "negative",
        "text",
        "model",
        "latent_image",
        "0",
        "1",
        "2",
        "width",
        "height",
        "type",
        "id",
    ]
)
LEAVES = (
    st.none()
    | st.integers()
    | st.floats()
    | st.sampled_from(["KSampler", "CLIPTextEncode", "euler", "x"])
    | st.tuples(st.sampled_from(["0", "1", "2"]), st.just(0)).map(list)
)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=30))
def test_any_json_is_read(value: Any) -> None:
    comfyui.read(value, value)
    comfyui.read({"0": node("KSampler", seed=value, steps=value, positive=["1", 0], model=value), "1": {"class_type": "CLIPTextEncode", "inputs": value}})
    comfyui.read(two_passes(LATENT, denoise=value, steps=value, cfg=value, sampler_name=value), size=(64, 64))
    comfyui.read(two_passes(node("LatentUpscale", upscale_method=value, width=value, height=value, scale_by=value, samples=["3", 0])), size=(64, 64))
    comfyui.read(None, {"nodes": value, "links": value})
    comfyui.read(None, {"nodes": [{"id": 1, "type": "KSampler", "inputs": value, "widgets_values": value}], "links": value})


def test_the_guidance_that_flux_learnt() -> None:
    alone = {
        "1": node("UNETLoader", unet_name="flux1-dev.safetensors"),
        "2": node("CLIPTextEncode", text="a pear"),
        "3": node("FluxGuidance", guidance=2.5, conditioning=["2", 0]),
        "4": node("BasicGuider", model=["1", 0], conditioning=["3", 0]),
        "5": node("SamplerCustomAdvanced", noise=["6", 0], guider=["4", 0], sampler=["7", 0], sigmas=["8", 0], latent_image=["9", 0]),
        "6": node("RandomNoise", noise_seed=7),
        "7": node("KSamplerSelect", sampler_name="euler"),
        "8": node("BasicScheduler", scheduler="simple", steps=20, denoise=1, model=["1", 0]),
        "9": node("EmptySD3LatentImage", width=1024, height=1024, batch_size=1),
    }
    reading = comfyui.read(alone)
    request = reading.request
    assert (request.prompt, request.guidance.distilled, request.cfg_scale) == ("a pear", 2.5, 1.0) and not left(reading)
    encoded = node("CLIPTextEncodeFlux", clip_l="a pear", t5xxl="a pear", guidance=4.5)
    assert comfyui.read(graph(**{"6": encoded})).request.guidance.distilled == 4.5
    other = comfyui.read(graph(**{"6": node("SomeGuidance", guidance=4.5, conditioning=["10", 0]), "10": node("CLIPTextEncode", text="a cat")}))
    assert other.request.guidance.distilled == 3.5 and "SomeGuidance" in left(other)
