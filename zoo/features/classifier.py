"""A network that tells the classes of one kind of image."""

from typing import Any

import torch
from torch import Tensor, nn

from zoo.data.labels import Heads
from zoo.features.encoder import Encoder


class Classifier(Encoder):
    """An encoder with a linear layer on its features.

    Args:
        channels, image_size, width: see ``Encoder``.
        heads: see ``heads_of``.
    """

    def __init__(self, channels: int, image_size: int, heads: Heads, width: int) -> None:
        super().__init__(channels, image_size, width)
        self.heads = heads
        self.head = nn.Linear(self.features, sum(map(len, heads.values())))

    @property
    def shape(self) -> dict[str, Any]:
        return super().shape | {"heads": self.heads}

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 images -> features (N, 4 width), logits of all heads side by side (N, classes)."""
        features = self.encode(self.prepare(images))
        return features, self.head(features)

    def split_heads(self, logits: Tensor) -> tuple[Tensor, ...]:
        """Logits (N, classes) of all heads -> those of each."""
        return logits.split([len(classes) for classes in self.heads.values()], dim=1)

    @property
    def classes(self) -> list[str]:
        """Of all heads, in the order of the logits."""
        return [name for head in self.heads.values() for name in head]

    def log_odds(self, pictures: Tensor) -> Tensor:
        """Pictures (N, 1 or 3, H, W) in [0, 1] -> log p - log (1 - p) of every class in its head, (N, classes)."""
        logits = self.head(self.encode(self.resampled(self.in_its_colours(2 * pictures - 1))))
        odds = []
        for part in self.split_heads(logits):
            own = torch.eye(part.shape[1], dtype=torch.bool, device=part.device)
            odds.append(part - part[:, None].masked_fill(own, -torch.inf).logsumexp(2))
        return torch.cat(odds, 1)

    def classes_seen(self, logits: Tensor) -> Tensor:
        """The likeliest class of each head, (N, heads) int64."""
        return torch.stack([part.argmax(1) for part in self.split_heads(logits)], 1)
