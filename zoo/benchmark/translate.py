"""``translate`` of so many pictures, which come checked, in [0, 1] and on the CPU, beside calls of the network."""

from argparse import Namespace

import torch

import zoo
from zoo.benchmark import translating_by_hand
from zoo.benchmark.by_hand import DEVICE
from zoo.benchmark.measure import Comparison, Meter, compare


def ours(options: Namespace, meter: Meter) -> None:
    model = zoo.create(options.variant, image_size=options.image_size, channels=1, width=options.width).to(DEVICE)
    pictures = torch.rand(options.samples, 1, options.image_size, options.image_size)
    meter.start()
    model.translate(pictures)
    meter.stop()


def measure(options: Namespace) -> Comparison:
    translating_by_hand.check(options)
    return compare(ours, translating_by_hand.translate, options)
