"""Random requests over all modes, for the tests of reruns: each mode comes up in turn, and within it whatever a person may choose."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from modules.core.blobs import Blobs
from modules.core.extras import ExtrasRequest
from modules.core.params import literal_names, named, with_values
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.core.records.upscalers import HIRES_UPSCALERS
from modules.core.request import GenerationRequest

Wish = dict[str, object]
"""Values of a request by dotted name."""
Draw = random.Random

PROMPTS = (
    "a panda on a teal background",
    "a (rocket:1.4) under a [night sky:red background:0.5]",
    "a [cat face|dog face] on a pink background",
    "a car AND a house :0.6, on a yellow background",
    "a large rose BREAK on a (black:1.2) background # a comment",
    "a frog, " * 30 + "on an orange background",
    "((a star)) [on] a blue background",
    "",
)
SIZES = (64, 96, 128, 136)


def requests(count: int, usual: GenerationRequest, blobs: Blobs, refiner: str, upscaler: str) -> list[GenerationRequest | ExtrasRequest]:
    """usual: what the wishes are laid over. refiner: name of a second checkpoint; upscaler: of a network. Every mode and every sampler comes up; those of
    diffusers, listed levels, and restored faces, always."""
    draw = Draw(20261120)
    samplers = [*SAMPLERS.names()]
    draw.shuffle(samplers)
    pictures = [blobs.put(start_picture(draw)) for _ in range(3)]
    masks = [blobs.put(mask(draw)) for _ in range(3)]

    def start() -> Wish:
        return {"init.image": draw.choice(pictures), "init.strength": draw.choice((0.3, 0.6, 0.75, 1.0)), "init.resize_mode": some(draw, "init.resize_mode")}

    def drawn(wish: Wish) -> GenerationRequest:
        return with_values(usual, wish)

    modes: tuple[Callable[[Wish], GenerationRequest | ExtrasRequest], ...] = (
        lambda wish: drawn(wish | {"batch_size": draw.choice((1, 2)), "count": draw.choice((1, 2))}),
        lambda wish: drawn(wish | start() | touches(draw, upscaler)),
        lambda wish: drawn(wish | start() | painting(draw, masks)),
        lambda wish: drawn(wish | hires(draw, upscaler)),
        lambda wish: drawn(wish | refined(draw, refiner)),
        lambda wish: drawn(wish | start() | painting(draw, masks) | softness(draw)),
        lambda wish: drawn(wish | grid(draw)),
        lambda wish: drawn(wish | start() | larger(draw, upscaler)),
        lambda wish: drawn(wish | hires(draw, upscaler) | refined(draw, refiner) | {"refiner.passes": some(draw, "refiner.passes")}),
        lambda wish: enlarged(draw, pictures, upscaler),
        lambda wish: drawn(wish | start() | grown(draw)),
    )
    found = [modes[index % len(modes)](plain(draw, samplers[index % len(samplers)])) for index in range(count)]
    always: Wish = {"steps": 5, "seed": 77, "width": 64, "height": 64, "batch_size": 2}
    found += [drawn(always | {"sampler": record.name}) for record in SAMPLERS if record.diffusers]
    found.append(drawn(always | hires(draw, upscaler) | {"faces.restore": True, "faces.weight": 0.25}))
    return [*found, drawn(always | {"spacing.sigmas": (14.6, 5.5, 2.1, 0.8, 0.3), "prompt": PROMPTS[1], "text.emphasis": "compel"})]


def some(draw: Draw, name: str) -> str:
    """One of the names that a parameter may have."""
    return draw.choice(literal_names(named(GenerationRequest, name).type))


def plain(draw: Draw, sampler: str) -> Wish:
    """Of every mode: prompts with all of the grammar, schedules, weights, variation, noise sources."""
    wish: Wish = {
        "prompt": draw.choice(PROMPTS), "negative_prompt": draw.choice(("", "white", "blurry, (soft:1.3)")), "sampler": sampler,
        "schedule": draw.choice(SCHEDULES.names()), "steps": draw.randint(1, 8), "seed": draw.randrange(2**32), "cfg_scale": draw.choice((1.0, 4.0, 7.5)),
        "width": draw.choice(SIZES), "height": draw.choice(SIZES), "text.emphasis": some(draw, "text.emphasis"), "text.clip_skip": draw.choice((1, 1, 2)),
        "noise_source": some(draw, "noise_source"), "tiling": draw.random() < 0.15,
    }  # fmt: skip
    if draw.random() < 0.3:
        wish |= {"variation.strength": draw.random(), "variation.seed": draw.randrange(2**31)}
    if draw.random() < 0.2:
        wish |= {"solver.eta": 0.6, "solver.ensd": 31337}
    return wish


def touches(draw: Draw, upscaler: str) -> Wish:
    """What else acts on a start picture."""
    return {
        "init.upscaler": draw.choice(("None", "None", upscaler)),
        "init.color_correction": draw.random() < 0.4, "init.fix_steps": draw.random() < 0.3, "init.extra_noise": draw.choice((0.0, 0.1)),
        "init.noise_multiplier": draw.choice((1.0, 0.9)),
    }  # fmt: skip


def painting(draw: Draw, masks: list[str]) -> Wish:
    return {
        "mask.image": draw.choice(masks), "mask.content": some(draw, "mask.content"), "mask.area": some(draw, "mask.area"), "mask.invert": draw.random() < 0.3,
        "mask.blur_x": draw.choice((0, 4, 9)), "mask.blur_y": draw.choice((0, 4, 9)), "mask.padding": draw.choice((0, 8, 32)), "mask.round": draw.random() < 0.7,
        "mask.overlay": draw.random() < 0.8,
    }  # fmt: skip


def softness(draw: Draw) -> Wish:
    return {"mask.soft.enabled": True, "mask.soft.bias": draw.choice((0.5, 1.0, 2.0)), "mask.soft.influence": draw.choice((0.0, 0.3))}


def hires(draw: Draw, upscaler: str) -> Wish:
    wish: Wish = {
        "hires.enabled": True, "hires.upscaler": draw.choice((*HIRES_UPSCALERS, upscaler)), "hires.strength": draw.choice((0.4, 0.7)), "hires.steps": draw.choice((0, 2)),
        "width": 64, "height": draw.choice((64, 96)),
    }  # fmt: skip
    wish |= {"hires.scale": draw.choice((1.25, 2.0))} if draw.random() < 0.6 else {"hires.width": 96, "hires.height": draw.choice((0, 128))}
    if draw.random() < 0.4:
        wish |= {"hires.sampler": draw.choice(SAMPLERS.names()), "hires.prompt": "a [fox:dog:3], sharp"}
    return wish


def refined(draw: Draw, refiner: str) -> Wish:
    return {"refiner.checkpoint": refiner, "refiner.switch_at": draw.choice((0.0, 0.4, 0.6, 0.8)), "refiner.by_steps": draw.random() < 0.3}


def grid(draw: Draw) -> Wish:
    """Scripts that need no start picture."""
    small: Wish = {"width": 64, "height": 64, "steps": draw.randint(1, 3)}
    chosen = draw.choice(("X/Y/Z plot", "Prompt matrix", "Prompts from file or textbox"))
    if chosen == "Prompt matrix":
        return small | {"prompt": "a cat|on a (mat:1.2)", "script.name": chosen, "script.args": {"different_seeds": draw.random() < 0.5}}
    if chosen != "X/Y/Z plot":
        return small | {"script.name": chosen, "script.args": {"lines": "a cat\n--prompt a dog --steps 2 --seed 5", "iterate_seed": draw.random() < 0.5}}
    axes = (("Steps", "1-2"), ("CFG Scale", "2, 5"), ("Sampler", "Euler a, DDIM"), ("Seed", "-1, 7"), ("Clip skip", "1-2"), ("Size", "64x64, 72x64"))
    (x, xs), (y, ys) = draw.sample(axes, 2)
    args = {"x_type": x, "x_values": xs, "y_type": y, "y_values": ys, "draw_legend": draw.random() < 0.7, "include_pictures": True}
    return small | {"script.name": "X/Y/Z plot", "script.args": args}


def larger(draw: Draw, upscaler: str) -> Wish:
    """Scripts that work on a start picture."""
    small: Wish = {"width": 64, "height": 64, "steps": draw.randint(2, 3), "init.strength": 0.5}
    name, args = draw.choice((
        ("Loopback", {"loops": 2, "final_strength": 0.4}),
        ("SD upscale", {"overlap": 16, "upscaler": draw.choice(("Lanczos", upscaler)), "scale": 1.25}),
        ("Outpainting mk2", {"pixels": 16, "directions": ["left", "down"]}),
        ("Poor man's outpainting", {"pixels": 16, "directions": ["right"]}),
    ))  # fmt: skip
    return small | {"script.name": name, "script.args": args}


def grown(draw: Draw) -> Wish:
    """Outpainting, at one side or several."""
    sides = draw.sample(("left", "right", "up", "down"), draw.randint(1, 3))
    return {f"outpaint.{side}": draw.choice((16, 40)) for side in sides} | {
        "outpaint.fill": some(draw, "outpaint.fill"), "outpaint.feather": draw.choice((0, 8)), "outpaint.strength": draw.choice((0.6, 0.9)),
        "outpaint.continuity": draw.choice((0.0, 0.5)),
    }  # fmt: skip


def enlarged(draw: Draw, pictures: list[str], upscaler: str) -> ExtrasRequest:
    """Extras: one picture or several, through networks and without."""
    size: Wish = {"scale": 1.7} if draw.random() < 0.5 else {"resize": "Scale to", "width": 160, "height": 120, "crop": draw.random() < 0.5}
    second: Wish = {"second": "Nearest", "second_visibility": 0.4} if draw.random() < 0.5 else {}
    wish = {"images": tuple(draw.sample(pictures, draw.randint(1, 2))), "upscaler": draw.choice((upscaler, "Lanczos")), **size, **second}
    return with_values(ExtrasRequest(), wish)


def start_picture(draw: Draw) -> bytes:
    """Colours that run, with grain; some of it transparent now and then."""
    width, height = draw.choice((64, 96, 100)), draw.choice((64, 80))
    grain = np.random.default_rng(draw.randrange(2**32)).integers(0, 60, (height, width, 3), np.uint8)
    image = Image.merge("RGB", [Image.linear_gradient("L").rotate(90 * turn).resize((width, height)) for turn in range(3)])
    image = Image.fromarray(np.asarray(image) // 2 + grain)
    if draw.random() < 0.4:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    return file(image)


def mask(draw: Draw) -> bytes:
    image = Image.new("L", (96, 80))
    ImageDraw.Draw(image).ellipse((draw.randint(5, 40), draw.randint(5, 30), 70, draw.randint(45, 75)), fill=draw.choice((255, 255, 140)))
    return file(image)


def file(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
