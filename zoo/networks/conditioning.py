"""What a network is told besides its input: nothing, or a class. A model is built with one of these objects.

A new way of conditioning is a class here; the models that take it do not change.
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.data.labels import STAYS, Labels, class_indices, class_parts, count_parts, heads_of
from zoo.data.spec import AnySpec
from zoo.networks.blocks import Trunk, TrunkWithHead


class Unconditional:
    """Networks that are told nothing."""

    needs: ClassVar[tuple[str, ...]] = ()  # what whoever samples has to give
    inputs = 0  # numbers that the generator gets beside the latent
    planes = 0  # channels that the discriminator gets beside the image's

    def __init__(self, data: AnySpec) -> None:
        self.data, self.class_names = data, data.class_names

    @property
    def examples(self) -> list[str]:
        """Some of what can be asked, in words, of which there are all where these are few."""
        return []

    def generator(self, network: nn.Module) -> nn.Module:
        """The network that ``call`` takes, around one of ``inputs`` numbers more than the latent has."""
        return network

    def discriminator(self, network: nn.Module) -> nn.Module:
        """The network that ``call`` takes, around one of ``planes`` channels more than the image has."""
        return network

    def call(self, network: nn.Module, x: Tensor, labels: Tensor | None) -> Tensor:
        """The output of a network for inputs (N, ...) and their classes (N,)."""
        return network(x)

    def numbers(self, labels: Labels, n: int) -> dict[str, Tensor]:
        """What n inputs go with, by name. Raises UsageError for labels that do not fit."""
        if labels is not None:
            raise UsageError("this model is unconditional: it takes no labels")
        return {}

    def of_classes(self, numbers: Tensor) -> dict[str, Tensor]:
        """What inputs of these classes (N,) go with, by name. Raises UsageError where none can be asked for."""
        raise UsageError("this model is unconditional: it knows no classes")


class ByLabel(Unconditional):
    """Networks that are told a class: the generator as a vector beside the latent, the discriminator as planes.

    Raises:
        UsageError: there are no classes.
    """

    needs = ("labels",)

    def __init__(self, data: AnySpec) -> None:
        super().__init__(data)
        if not data.class_names:
            raise UsageError("this model is conditional and needs labels, but the data set has no classes: give class "
                             "folders (classes=10 to zoo.create), or choose an unconditional variant")
        self.inputs, self.planes = count_parts(data.class_names), label_planes(data.class_names)

    def generator(self, network: nn.Module) -> nn.Module:
        return LabelledGenerator(network, self.class_names)

    def discriminator(self, network: nn.Module) -> nn.Module:
        return LabelledDiscriminator(network, self.class_names)

    def call(self, network: nn.Module, x: Tensor, labels: Tensor | None) -> Tensor:
        return network(x, labels)

    @property
    def examples(self) -> list[str]:
        return self.class_names

    def numbers(self, labels: Labels, n: int) -> dict[str, Tensor]:
        return {"label": class_indices(labels, self.class_names, n)}

    def of_classes(self, numbers: Tensor) -> dict[str, Tensor]:
        return {"label": numbers}


class ClassVectors(nn.Module):
    """Classes as vectors, (...) -> (..., parts): one-hot, or a 1 for each part of a name like "pink hair, blue eyes".

    So a colour of eyes is learnt from all faces that have it, and not anew for every colour of hair.
    """

    parts: Tensor

    def __init__(self, class_names: list[str]) -> None:
        super().__init__()
        self.size = count_parts(class_names)
        parts = torch.tensor(class_parts(class_names), device="cpu")  # values, even where shapes alone are asked for
        self.register_buffer("parts", parts, persistent=False)  # (classes, heads)

    def forward(self, labels: Tensor) -> Tensor:
        parts = self.parts.to(labels.device)  # the same, unless the labels are shapes alone
        return F.one_hot(parts[labels], self.size).sum(-2)


class AskedVectors:
    """What is asked of each head as vectors, (N, heads) int64 -> (N, parts): one-hot by head, zeros where it STAYS."""

    def __init__(self, class_names: list[str]) -> None:
        self.sizes = [len(known) for known in heads_of(class_names).values()]
        self.size = sum(self.sizes)

    def __call__(self, asked: Tensor) -> Tensor:
        columns = zip(asked.unbind(1), self.sizes, strict=True)
        return torch.cat([F.one_hot(column - STAYS, size + 1)[:, 1:] for column, size in columns], 1)


class LabelledGenerator(nn.Module):
    """A generator that also gets the class, as a vector beside the latent: (N, latent), (N,) -> (N, C, H, W)."""

    def __init__(self, generator: nn.Module, class_names: list[str]) -> None:
        super().__init__()
        self.generator, self.vectors = generator, ClassVectors(class_names)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.generator(torch.cat([z, self.vectors(labels).to(z)], 1))


class LabelledDiscriminator(nn.Module):
    """A discriminator that also gets the class, as constant planes: (N, C, H, W), (N,) -> (N, outputs).

    Its network takes ``label_planes`` channels beside those of the image, one for each number of the class's vector.
    Longer vectors are brought to 32 by a linear layer, or a thousand classes would cost a thousand planes an image.
    """

    def __init__(self, discriminator: nn.Module, class_names: list[str]) -> None:
        super().__init__()
        self.discriminator, self.vectors = discriminator, ClassVectors(class_names)
        planes = label_planes(class_names)
        self.embedding = nn.Linear(self.vectors.size, planes, bias=False) if planes < self.vectors.size else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight)  # else the classes would be almost alike

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        values = self.vectors(labels).to(images)
        if self.embedding is not None:
            values = self.embedding(values)
        planes = values.to(images)[:, :, None, None].expand(-1, -1, *images.shape[2:])  # (N, planes, H, W)
        return self.discriminator(torch.cat([images, planes], 1))


class ProjectionDiscriminator(nn.Module):
    """A discriminator that compares image and class in its last layer (Miyato 2018, arXiv:1802.05637, equation 3).

    (N, C, H, W), (N,) -> (N, 1): a linear head on the trunk's features plus one for each part of the class. Several
    classes for each image, (N, k), cost no more than one and give (N, k).
    """

    def __init__(self, trunk: Trunk, class_names: list[str]) -> None:
        super().__init__()
        self.vectors = ClassVectors(class_names)
        self.discriminator = TrunkWithHead(trunk, outputs=1 + self.vectors.size)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        logits = self.discriminator(images)
        vectors = self.vectors(labels.view(len(labels), -1))  # (N, k, parts)
        return logits[:, :1] + (vectors * logits[:, None, 1:]).sum(2)


def label_planes(class_names: list[str]) -> int:
    """Channels by which a discriminator is told the class."""
    return min(count_parts(class_names), 32)
