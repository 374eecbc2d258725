"""What MUNIT takes a domain's pictures apart with, and puts them together (Huang 2018, arXiv:1804.04732, appendix).

At ``width=64``, in the paper's words: content c7s1-64, d128, d256, R256 times ``blocks``; style c7s1-64, d128, d256,
d256, d256, the mean over the map, fc; and AdaIN's gains and biases from the style by a perceptron. Departures: it ends
in transposed convolutions of 4x4 with AdaIN, where the paper has nearest neighbours, 5x5 and layer norm; the style's
strided layers end at 4 px.
"""

from torch import Tensor, nn

from zoo.networks.blocks import init_normal
from zoo.networks.modulated import ModulatedDecoder
from zoo.networks.translation import check_sides, downwards, reflected_block

SMALLEST_MAP = 4  # pixels at which the style's strided layers end


class StyledCoder(nn.Module):
    """A domain's pictures as content and style, and back.

    Args:
        channels: C of its pictures (N, C, H, W) in [-1, 1].
        image_size: pixels of the pictures that it is trained on.
        width: channels next to the image.
        blocks: residual ones of the content, and as many of the decoder.
        style: numbers of a style.
    """

    multiple = 4

    def __init__(self, channels: int, image_size: int, width: int, blocks: int, style: int) -> None:
        super().__init__()
        self.content_encoder = nn.Sequential(*downwards(channels, width, kernel=4),
                                             *(reflected_block(4 * width) for _ in range(blocks)))
        strided = max(min((image_size // SMALLEST_MAP).bit_length() - 1, 4), 1)
        hidden = [width * min(2**layer, 4) for layer in range(strided + 1)]
        self.style_encoder = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7), nn.ReLU(),
            *(layer for outer, inner in zip(hidden, hidden[1:], strict=False)
              for layer in (nn.Conv2d(outer, inner, 4, 2, 1), nn.ReLU())),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(hidden[-1], style))
        self.perceptron = nn.Sequential(nn.Linear(style, 4 * width), nn.ReLU(), nn.Linear(4 * width, 4 * width),
                                        nn.ReLU())
        self.decoder = ModulatedDecoder(channels, width, blocks, 4 * width)
        for network in (self.content_encoder, self.decoder):
            network.apply(lambda layer: None if isinstance(layer, nn.Linear) else init_normal(layer))

    def content(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 4 width, H/4, W/4)."""
        check_sides(images, self.multiple)
        return self.content_encoder(images)

    def style(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, style)."""
        return self.style_encoder(images)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """Pictures (N, C, H, W) of this content in this style."""
        return self.decoder(content, self.perceptron(style))
