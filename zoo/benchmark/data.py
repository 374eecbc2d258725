"""Batches of the zoo's data module beside a DataLoader of PIL images with two workers, as in tutorials."""

from argparse import Namespace

from zoo.benchmark import by_hand, stream
from zoo.benchmark.feeding import batches
from zoo.benchmark.measure import Comparison, Meter, compare, take
from zoo.data.sources import open_source


def ours(options: Namespace, meter: Meter) -> None:
    source = open_source("digits", image_size=options.image_size)
    take(batches(source, options.batch_size), options.batches, meter)


def measure(options: Namespace) -> Comparison:
    return stream.measure(options) if options.folder else compare(ours, by_hand.data, options)
