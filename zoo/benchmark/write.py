"""``write`` of so many sentences in one call, by a new lstm, beside the loop that one would write."""

from argparse import Namespace

import zoo
from zoo.benchmark import writing_by_hand
from zoo.benchmark.by_hand import DEVICE
from zoo.benchmark.measure import Comparison, Meter, compare


def ours(options: Namespace, meter: Meter) -> None:
    words, length = map(str, range(1, 1 + writing_by_hand.DATA["vocabulary"])), writing_by_hand.DATA["length"]
    model = zoo.create("lstm", words=list(words), length=length, width=options.width).to(DEVICE)
    meter.start()
    model.write(options.samples, seed=0)
    meter.stop()


def measure(options: Namespace) -> Comparison:
    return compare(ours, writing_by_hand.write, options)
