"""The end of an inpaint: the result goes back to its place, and the original pixels over it. Knows no network.

What the overlay mask leaves at 0 is the original, bit for bit. Rules: the project's notes on A1111.
"""

from __future__ import annotations

from PIL import Image, ImageOps

from modules.imaging.resize import ResizeMode, Upscaler, resize_image

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; right and bottom are outside."""


def cutout(image: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture without what the mask hides (L, 255 = hidden), in premultiplied alpha (Pillow's RGBa), so that blurs do not bleed hidden colours."""
    sheet = Image.new("RGBa", image.size)
    sheet.paste(image.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(mask.convert("L")))
    return sheet


def original(image: Image.Image, mask: Image.Image) -> Image.Image:
    """RGBA: the original as it is laid over the result. mask: L, of the picture's size, 255 = the result shows."""
    return cutout(image, mask).convert("RGBA")


def uncrop(image: Image.Image, size: tuple[int, int], box: Box, upscaler: Upscaler | None = None) -> Image.Image:
    """The repainted part at its place in an otherwise empty RGBA picture of `size`; scaled to cover the box, so that no edge is stretched."""
    left, top, right, bottom = box
    sheet = Image.new("RGBA", size)
    sheet.paste(resize_image(ResizeMode.CROP, image, right - left, bottom - top, upscaler), (left, top))
    return sheet


def finish(image: Image.Image, over: Image.Image | None, box: Box | None = None, upscaler: Upscaler | None = None) -> Image.Image:
    """RGB: the network's picture with the original over it. over: from `original`; None: nothing is laid over (and nothing uncropped).
    box: where the picture belongs within `over`; None: they are of one size."""
    if over is None:
        return image
    sheet = image.convert("RGBA") if box is None else uncrop(image, over.size, box, upscaler)
    sheet.alpha_composite(over)
    return sheet.convert("RGB")


def repainted(image: Image.Image, mask: Image.Image) -> Image.Image:
    """RGBA: only what was repainted (A1111's mask composite), for saving beside the picture. mask: L, fitted to the picture if of another size."""
    fitted = resize_image(ResizeMode.FILL, mask, *image.size)
    return Image.composite(image.convert("RGBA").convert("RGBa"), Image.new("RGBa", image.size), fitted).convert("RGBA")
