"""Networks that are told a caption: a recurrent encoder of words, and StackGAN's augmentation of what it says."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from zoo.data.labels import Labels
from zoo.data.text_spec import CaptionSpec
from zoo.data.tokens import END
from zoo.networks.blocks import gaussian_sample
from zoo.networks.conditioning import Unconditional


class ByCaption(Unconditional):
    """Networks that are told a caption, as numbers of words (N, T)."""

    needs = ("captions",)
    data: CaptionSpec

    @property
    def examples(self) -> list[str]:
        return self.data.captions

    def call(self, network: nn.Module, x: Tensor, labels: Tensor | None) -> Tensor:
        return network(x, labels)

    def numbers(self, labels: Labels, n: int) -> dict[str, Tensor]:
        return {"caption": self.data.read_captions(labels, n)}

    def of_classes(self, numbers: Tensor) -> dict[str, Tensor]:
        """The first caption of each."""
        return self.numbers([self.data.captions[number] for number in numbers.tolist()], len(numbers))


class CaptionEncoder(nn.Module):
    """Captions (N, T) int64 -> (N, width): what a GRU (Cho 2014, arXiv:1406.1078) holds after the last word."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.gru = nn.GRU(width, width, batch_first=True)

    def forward(self, captions: Tensor) -> Tensor:
        embedded = self.embedding(captions)
        whole = nullcontext() if captions.is_meta else torch.autocast(captions.device.type, enabled=False)
        with whole:  # the CPU's has no bfloat16 for some widths
            held, _ = self.gru(embedded)
        last = (captions != END).sum(1) - 1
        return held.gather(1, last[:, None, None].expand(-1, 1, held.shape[2]))[:, 0]


class Augmentation(nn.Module):
    """What a caption says (N, inputs), and normals eps (N, size) -> mean, log variance and c = mean + deviation eps.

    Conditioning augmentation (Zhang 2016, arXiv:1612.03242, section 3.2): near sentences become neighbourhoods that
    overlap, which is smoother to learn from than a point each. Each is (N, size).
    """

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, 2 * size)

    def forward(self, said: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.linear(said).chunk(2, 1)
        return mean, log_variance, gaussian_sample(mean, log_variance, eps)
