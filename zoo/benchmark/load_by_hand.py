"""The reference of ``load``: a generator without the zoo and without Lightning, by torch and safetensors alone."""

import torch
from safetensors.torch import load_file
from torch import Tensor

from zoo.benchmark.by_hand import LATENT, dcgan_generator


@torch.inference_mode()
def main(weights: str, size: int, channels: int, width: int) -> Tensor:
    generator = dcgan_generator(size, channels, width)
    generator.load_state_dict({key.removeprefix("generator."): value for key, value in load_file(weights).items()})
    return (generator.eval()(torch.rand(16, LATENT) * 2 - 1) + 1) / 2
