"""Line drawings of photographs (Chan et al. 2022, "Learning to generate line drawings that convey geometry and semantics"): sk_model.pth, sk_model2.pth.

The generator of "Perceptual Losses" (Johnson et al. 2016): a wide entrance, two halvings, residual blocks, two doublings, with instance norms that hold no
weights. Names of the tensors are the files'; widths and the number of blocks are read from them. Knows no file.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

Shapes = Mapping[str, tuple[int, ...]]


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            *(nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width), nn.ReLU()),
            *(nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class Drawing(nn.Module):
    """RGB [1, 3, H, W] in 0..1, sides of multiples of 4 -> lines [H, W] in 0..1, bright on dark as a ControlNet reads them."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        width = shapes["model0.1.weight"][0]
        blocks = sum(name.endswith(".conv_block.1.weight") for name in shapes)
        self.model0 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU())
        self.model1 = nn.Sequential(*_halved(width), *_halved(2 * width))
        self.model2 = nn.Sequential(*(_Residual(4 * width) for _ in range(blocks)))
        self.model3 = nn.Sequential(*_doubled(4 * width), *_doubled(2 * width))
        self.model4 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, 1, 7), nn.Sigmoid())

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.model2(self.model1(self.model0(pixels)))
        return 1 - self.model4(self.model3(x))[0, 0]


def _halved(width: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.InstanceNorm2d(2 * width), nn.ReLU()


def _doubled(width: int) -> tuple[nn.Module, ...]:
    return nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1), nn.InstanceNorm2d(width // 2), nn.ReLU()
