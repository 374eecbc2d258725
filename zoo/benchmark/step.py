"""A step of each variant that is written by hand, data in memory: beside the loop of tutorials, and an engineer's."""

from argparse import Namespace
from typing import Any

from zoo.benchmark import by_hand
from zoo.benchmark.measure import Comparison, compare
from zoo.benchmark.train import REFERENCES, ours
from zoo.core.errors import unknown

# Sizes at which a step is long enough to be timed and ten take seconds.
SIZES: dict[str, dict[str, Any]] = {
    "gan": {"backbone": "mlp", "image_size": 32, "width": 64, "batch_size": 64},
    "dcgan": {"backbone": "dcgan", "image_size": 32, "width": 32, "batch_size": 64},
    "cgan": {"backbone": "dcgan", "image_size": 32, "width": 32, "batch_size": 64},
    "wgan-gp": {"backbone": "dcgan", "image_size": 32, "width": 32, "batch_size": 64},
    "stylegan2": {"image_size": 32, "width": 8, "batch_size": 16},
    "pix2pix": {"image_size": 64, "width": 16, "batch_size": 4},
    "cyclegan": {"image_size": 64, "width": 16, "batch_size": 2},
    "srgan": {"image_size": 32, "width": 16, "batch_size": 8},
    "lstm": {"image_size": 0, "width": 32, "batch_size": 64},
}


def measure(options: Namespace) -> dict[str, Comparison]:
    """Both comparisons of each variant, or of the one that is asked for, by what is compared.

    Raises:
        UsageError: there is no loop of the variant that is asked for.
    """
    if options.variant not in (None, *SIZES):
        raise unknown("variant that is written by hand", options.variant, SIZES)
    found = {}
    for variant, sizes in SIZES.items():
        if options.variant not in (None, variant):
            continue
        for name, engineered in (("as tutorials do", False), ("as a good engineer would", True)):
            asked = Namespace(**vars(options) | sizes | {
                "variant": variant, "data_loading": "memory", "engineered": engineered})
            found[f"{variant}, {name}"] = compare(ours, REFERENCES.get(variant, by_hand).train, asked)
    return found
