"""The discriminator of pix2pix, which judges patches (Isola 2016, arXiv:1611.07004, sections 3.2.2 and 6.1.2).

4x4 convolutions: strided ones with ``width`` channels, doubling up to 8 times that, one more of stride 1, then one to a
logit. Leaky ReLU 0.2, no normalisation of the first. The paper's discriminators of 16, 70 and 286 px have 1, 3 and 5
strided layers at ``width=64``; the one of single pixels has 1x1 convolutions alone.
"""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.networks.blocks import init_normal, norm_layers, normalise_spectrally

MapNorm = Literal["batch", "instance", "spectral", "none"]
MOST_LAYERS = 5


def map_norm(norm: MapNorm, channels: int) -> list[nn.Module]:
    """``norm_layers`` with one more choice, instance norm (Ulyanov 2016, arXiv:1607.08022).

    It has neither running statistics nor gains, so an image gets the same in training, alone and in any batch.
    """
    return [nn.InstanceNorm2d(channels)] if norm == "instance" else norm_layers(norm, channels)


def has_own_bias(norm: MapNorm) -> bool:
    """Whether the bias of a layer outlives the normalisation behind it, which takes the mean away."""
    return norm not in ("batch", "instance")


def receptive_field(layers: int) -> int:
    """Height and width in pixels of what one logit sees: 1, 16, 34, 70, 142, 286 for 0 to 5 strided layers."""
    return 9 * 2**layers - 2 if layers else 1


def default_layers(image_size: int) -> int:
    """Strided layers of a discriminator whose patches are about half as high as the image, at most the paper's 3."""
    return min(max(image_size.bit_length() - 5, 1), 3)


class PatchGAN(nn.Sequential):
    """(N, C, H, W) -> logits (N, 1, h, w), with h = H / 2^layers - 2; h = H without strided layers.

    Each logit is of a patch of ``receptive_field(layers)`` pixels; at the border patches reach into the zero padding.
    ``smallest`` is the height and width from which there is a logit, as the last two convolutions take a pixel each.

    Args:
        layers: strided layers, 0 to 5.

    Raises:
        UsageError: another number of layers, or, in ``forward``, images below ``smallest``.
    """

    def __init__(self, channels: int, width: int, layers: int, norm: MapNorm) -> None:
        if layers not in range(MOST_LAYERS + 1):
            raise UsageError(f"a PatchGAN has 0 to {MOST_LAYERS} strided layers (patches of "
                             f"{', '.join(str(receptive_field(n)) for n in range(MOST_LAYERS + 1))} px), not {layers}")
        self.smallest = 3 * 2**layers
        kernel, stride, padding = (4, 2, 1) if layers else (1, 1, 0)
        hidden = [width * min(2**layer, 8) for layer in range(max(layers, 1) + 1)]
        blocks: list[nn.Module] = [nn.Conv2d(channels, hidden[0], kernel, stride, padding), nn.LeakyReLU(0.2)]
        for layer, (outer, inner) in enumerate(pairwise(hidden), 1):
            blocks += [nn.Conv2d(outer, inner, kernel, stride if layer < layers else 1, padding,
                                 bias=has_own_bias(norm)),
                       *map_norm(norm, inner), nn.LeakyReLU(0.2)]
        super().__init__(*blocks, nn.Conv2d(hidden[-1], 1, kernel, 1, padding))
        self.apply(init_normal)
        if norm == "spectral":
            normalise_spectrally(self)

    def forward(self, images: Tensor) -> Tensor:
        if min(images.shape[2:]) < self.smallest:
            raise UsageError(f"this PatchGAN needs images of {self.smallest} px or more, not of "
                             f"{images.shape[2]}x{images.shape[3]}: choose fewer layers, or larger images")
        return super().forward(images)
