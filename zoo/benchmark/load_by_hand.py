"""The reference of ``load``: a generator without the zoo, as the script that trained it would have it."""

import torch
from lightning.pytorch import LightningModule
from safetensors.torch import load_file
from torch import Tensor

from zoo.benchmark.by_hand import LATENT, dcgan_generator


class Generator(LightningModule):
    def __init__(self, size: int, channels: int, width: int) -> None:
        super().__init__()
        self.generator = dcgan_generator(size, channels, width)

    def forward(self, z: Tensor) -> Tensor:
        return self.generator(z)


@torch.inference_mode()
def main(weights: str, size: int, channels: int, width: int) -> Tensor:
    model = Generator(size, channels, width)
    model.load_state_dict(load_file(weights))
    return (model.eval()(torch.rand(16, LATENT) * 2 - 1) + 1) / 2
