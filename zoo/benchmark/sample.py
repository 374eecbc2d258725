"""``sample`` of so many images, which come checked, in [0, 1] and on the CPU, beside calls of the network."""

from argparse import Namespace

import zoo
from zoo.benchmark import by_hand
from zoo.benchmark.measure import Comparison, Meter, compare


def ours(options: Namespace, meter: Meter) -> None:
    model = zoo.create(options.variant, image_size=options.image_size, width=options.width, backbone=options.backbone)
    model = model.to(by_hand.DEVICE).eval()
    meter.start()
    model.sample(options.samples, seed=0)
    meter.stop()


def measure(options: Namespace) -> Comparison:
    by_hand.check(options)
    return compare(ours, by_hand.sample, options)
