"""The generator of CycleGAN (Zhu 2017, arXiv:1703.10593, section 4 and appendix 7.2), after Johnson 2016.

In the paper's words c7s1-64, d128, d256, R256 six or nine times, u128, u64, c7s1-3 at ``width=64``: a 7x7 convolution,
two 3x3 ones of stride 2, residual blocks of two 3x3 ones, two transposed 3x3 ones of stride 2, a 7x7 one to colours.
Instance norm and ReLU; the border is reflected at 7x7 convolutions and in the blocks, zeros elsewhere.
"""

from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.networks.blocks import init_normal
from zoo.networks.patchgan import map_norm
from zoo.networks.resnet import Residual

FIRST_BLOCK = 10  # behind three convolutions, each with its norm and rectifier, and the padding
SMALLEST = 8  # pixels: two are left of them in the blocks, of which one is reflected


class ResNetTranslator(nn.Sequential):
    """(N, Cs, H, W) in [-1, 1] -> (N, C, H, W) in [-1, 1], for H and W that are multiples of ``multiple``.

    A picture gets the same in training, alone and in any batch. Weights begin as N(0, 0.02).

    Args:
        source_channels: Cs.
        channels: C.
        width: channels next to the image, four times as many in the blocks.
        blocks: residual ones.

    Raises:
        UsageError: in ``forward``, for sides that are no multiples or below ``SMALLEST``.
    """

    multiple = 4
    smallest = SMALLEST

    def __init__(self, source_channels: int, channels: int, width: int, blocks: int) -> None:
        # What CUT compares: the picture, both strided convolutions, the first block and the one in the middle.
        self._encoder = [4, 7, FIRST_BLOCK, FIRST_BLOCK + blocks // 2]
        self.encoder_channels = [source_channels, 2 * width, 4 * width, 4 * width, 4 * width]
        super().__init__(
            *downwards(source_channels, width),
            *[reflected_block(4 * width) for _ in range(blocks)],
            *normalised(nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, output_padding=1, bias=False)),
            *normalised(nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1, bias=False)),
            nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh(),
        )
        self.apply(init_normal)

    def forward(self, images: Tensor) -> Tensor:
        check_sides(images, self.multiple)
        return super().forward(images)

    def encoder_maps(self, images: Tensor) -> list[Tensor]:
        """Maps of ``encoder_channels`` on the way: the picture itself, at a half and at a quarter of its size."""
        maps, x = [images], images
        for number, layer in enumerate(self):
            x = layer(x)
            maps += [x] * self._encoder.count(number)
            if number == self._encoder[-1]:
                break
        return maps


def check_sides(images: Tensor, multiple: int) -> None:
    """Raises UsageError for sides that are no multiples, or below ``SMALLEST``."""
    height, width = images.shape[2:]
    if height % multiple or width % multiple or min(height, width) < SMALLEST:
        raise UsageError(f"height and width must be multiples of {multiple} px from {SMALLEST} on, not "
                         f"{height}x{width}: resize, crop or pad the images")


def downwards(source_channels: int, width: int, kernel: int = 3) -> list[nn.Module]:
    """(N, Cs, H, W) -> (N, 4 width, H/4, W/4): c7s1, d and d of the paper's words, the strided ones of 3x3 or 4x4."""
    return [nn.ReflectionPad2d(3), *normalised(nn.Conv2d(source_channels, width, 7, bias=False)),
            *normalised(nn.Conv2d(width, 2 * width, kernel, 2, 1, bias=False)),
            *normalised(nn.Conv2d(2 * width, 4 * width, kernel, 2, 1, bias=False))]


def normalised(convolution: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    """The convolution, instance norm and ReLU."""
    return [convolution, *map_norm("instance", convolution.out_channels), nn.ReLU()]


def reflected_block(channels: int) -> Residual:
    """x + two reflected 3x3 convolutions of it."""

    def layer() -> list[nn.Module]:
        return normalised(nn.Conv2d(channels, channels, 3, bias=False))

    return Residual([nn.ReflectionPad2d(1), *layer(), nn.ReflectionPad2d(1), *layer()[:-1]], [])
