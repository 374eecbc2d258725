"""The two pairs of StackGAN (Zhang 2016, arXiv:1612.03242, figure 2 and section 4).

Stage I makes a small image of noise and c by doubling with nearest neighbours and 3x3 convolutions. Stage II halves
that image twice, joins c at every place, adds residual blocks, and doubles up to its own size. A discriminator halves
an image to 4 to 7 px, joins what its own encoder has of the caption, 128 numbers at every place, by a 1x1 convolution,
and ends in one number. Departures: what stage II makes is added to the image of stage I, enlarged, where the paper's
makes all of its image, so that a short stage II does not fall behind stage I; sizes of 8 to 128 px where the paper has
64 and 256; channels double inwards up to 4 times those next to the image in the generators (the paper's 16), 8 times
in the discriminators.
"""

from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.data.pyramid import sides, up
from zoo.networks.blocks import init_normal, norm_layers
from zoo.networks.captions import Augmentation, CaptionEncoder
from zoo.networks.resnet import Residual

StackNorm = Literal["batch", "none"]
COARSEST = (4, 5, 6, 7)  # pixels, one of which networks begin or end with
WIDEST = 4  # times the channels next to the image
SAID = 128  # numbers that a discriminator joins of a caption (the paper's N_d)


def _conv(inputs: int, outputs: int, norm: StackNorm, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, stride, 1, bias=norm == "none"), *norm_layers(norm, outputs)]


def _upwards(hidden: list[int], norm: StackNorm) -> list[nn.Module]:
    """Doubles the size from each number of channels to the next."""
    return [layer for inner, outer in pairwise(hidden)
            for layer in (nn.Upsample(scale_factor=2), *_conv(inner, outer, norm), nn.ReLU())]


class FirstStage(nn.Sequential):
    """Noise and c, (N, inputs), to images (N, C, S, S) in [-1, 1]."""

    def __init__(self, inputs: int, channels: int, size: int, width: int, norm: StackNorm) -> None:
        levels = sides(size, COARSEST)
        hidden, base = [width * min(2**level, WIDEST) for level in reversed(range(len(levels)))], levels[0]
        super().__init__(
            nn.Linear(inputs, hidden[0] * base**2, bias=norm == "none"), nn.Unflatten(1, (hidden[0], base, base)),
            *norm_layers(norm, hidden[0]), nn.ReLU(), *_upwards(hidden, norm),
            nn.Conv2d(hidden[-1], channels, 3, padding=1), nn.Tanh())
        self.apply(init_normal)


class SecondStage(nn.Module):
    """Images of half the size (N, C, S/2, S/2) and c (N, told) to images (N, C, S, S), which no bound is known of.

    What is made is added to the images enlarged, so that stage II begins with what stage I can.
    """

    def __init__(self, told: int, channels: int, width: int, blocks: int, norm: StackNorm) -> None:
        super().__init__()
        inside = WIDEST * width
        self.down = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), *_conv(width, 2 * width, norm, 4, 2), nn.ReLU(),
            *_conv(2 * width, inside, norm, 4, 2), nn.ReLU())
        residual = [layer for _ in range(blocks) for layer in (
            Residual([*_conv(inside, inside, norm), nn.ReLU(), *_conv(inside, inside, norm)], []), nn.ReLU())]
        self.up = nn.Sequential(
            *_conv(inside + told, inside, norm), nn.ReLU(), *residual,
            *_upwards([inside, 2 * width, width, width], norm), nn.Conv2d(width, channels, 3, padding=1))
        self.apply(init_normal)

    def forward(self, images: Tensor, c: Tensor) -> Tensor:
        x = self.down(images)
        made = self.up(torch.cat([x, c[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1))
        return up(images) + made


class Stacked(nn.Module):
    """Latents and captions (N, T) to images of the last stage (N, C, S, S).

    A latent is z, then an eps of each stage: (N, latent_dim + 2 condition_dim). Before stage II has begun, images of
    stage I are enlarged.

    Args:
        vocabulary: numbers of words.
        text: of the encoder of captions.

    Attributes:
        stage: 0 or 1; int64, since averages are taken of floats.
        second_begun: the same, so that no device has to be waited for.
    """

    stage: Tensor

    def __init__(self, vocabulary: int, text: int, latent_dim: int, condition_dim: int, channels: int, size: int,
                 width: int, blocks: int, norm: StackNorm) -> None:
        super().__init__()
        self.parts = [latent_dim, condition_dim, condition_dim]
        small = sides(size)[-2]
        self.encoder = CaptionEncoder(vocabulary, text)
        self.first_augmentation, self.second_augmentation = (Augmentation(text, condition_dim) for _ in range(2))
        self.first = FirstStage(latent_dim + condition_dim, channels, small, width, norm)
        self.second = SecondStage(condition_dim, channels, width, blocks, norm)
        self.register_buffer("stage", torch.zeros((), dtype=torch.int64))
        self.second_begun = False
        self.register_load_state_dict_post_hook(_begun_again)

    @property
    def first_parts(self) -> list[nn.Module]:
        """What stage I is made of, and stage II takes as it is."""
        return [self.encoder, self.first_augmentation, self.first]

    def begin_second(self, begun: bool) -> None:
        """Whether stage II has begun."""
        self.stage.fill_(int(begun))
        self.second_begun = begun

    def stages(self, latent: Tensor, captions: Tensor) -> list[Tensor]:
        """The image of stage I and, once it has begun, that of stage II."""
        said = self.encoder(captions)
        image, *_ = self.first_of(latent, said)
        return [image, self.second_of(image, latent, said)[0]] if self.second_begun else [image]

    def forward(self, latent: Tensor, captions: Tensor) -> Tensor:
        images = self.stages(latent, captions)
        return images[-1] if self.second_begun else up(images[0])

    def first_of(self, latent: Tensor, said: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The image of stage I, and mean and log variance of its c."""
        z, eps, _ = latent.split(self.parts, 1)
        mean, log_variance, c = self.first_augmentation(said, eps)
        return self.first(torch.cat([z, c], 1)), mean, log_variance

    def second_of(self, image: Tensor, latent: Tensor, said: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The image of stage II made of that of stage I, and mean and log variance of its c."""
        _, _, eps = latent.split(self.parts, 1)
        mean, log_variance, c = self.second_augmentation(said, eps)
        return self.second(image, c), mean, log_variance


def _begun_again(network: Stacked, keys: Any) -> None:
    network.begin_second(bool(network.stage))


class StackDiscriminator(nn.Module):
    """D of a stage, in two parts: what is seen of images is joined with any number of captions."""

    def __init__(self, vocabulary: int, text: int, channels: int, size: int, width: int, norm: StackNorm) -> None:
        super().__init__()
        levels = sides(size, COARSEST)
        hidden, base = [width * min(2**level, 8) for level in range(len(levels) - 1)], levels[0]
        self.encoder = CaptionEncoder(vocabulary, text)
        self.said = nn.Linear(text, SAID)
        self.trunk = nn.Sequential(nn.Conv2d(channels, hidden[0], 4, 2, 1), nn.LeakyReLU(0.2), *(
            layer for outer, inner in pairwise(hidden)
            for layer in (*_conv(outer, inner, norm, 4, 2), nn.LeakyReLU(0.2))))
        self.join = nn.Sequential(
            nn.Conv2d(hidden[-1] + SAID, hidden[-1], 1, bias=norm == "none"), *norm_layers(norm, hidden[-1]),
            nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(hidden[-1] * base**2, 1))
        for part in (self.trunk, self.join):
            part.apply(init_normal)

    def read(self, captions: Tensor) -> Tensor:
        """What is said, (N, 128), by captions (N, T)."""
        return F.leaky_relu(self.said(self.encoder(captions)), 0.2)

    def judge(self, seen: Tensor, said: Tensor) -> Tensor:
        """Logits (N, 1) of what is seen, as ``trunk`` gives it, with what is said."""
        return self.join(torch.cat([seen, said[:, :, None, None].expand(-1, -1, *seen.shape[2:])], 1))

    def forward(self, images: Tensor, captions: Tensor) -> Tensor:
        return self.judge(self.trunk(images), self.read(captions))
