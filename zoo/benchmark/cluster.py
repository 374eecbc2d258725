"""A model, not a measurement, of weak scaling on a cluster of GPUs.

Time of an all-reduce of S bytes over n GPUs on m nodes, as a ring or as a tree of nodes with a chain in each:

    t = base + h * hop_nvlink + g * hop_network + v * S / (share * B)

A ring has g = 2(m-1) hops between nodes, h = 2(n-1) - g within them, and sends v = 2(n-1)/n times its data (Patarasuk
and Yuan 2009, J. Parallel Distrib. Comput. 69, "Bandwidth optimal all-reduce algorithms"); a tree has g = 2 log2 m,
h = 2(n/m - 1), v = 2, so it is the one for small messages and many nodes. Base, hops and shares are those by which NCCL
itself chooses among them (src/graph/tuning.cc), as is the choice of the fastest. Of a tree's bandwidth NCCL takes a
share that hangs on the size, 0.4 to 1 of it: half is taken here for all sizes. B is the slowest link's: a node has one
network link, which all its GPUs' ring crosses once.

Assumed: links reach 80 % of their rate; every GPU does the same work on its own batch in the same time; exchanges
overlap with nothing, so the efficiency is step / (step + sum of t).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

GPUS_A_NODE = 8
NVLINK = 450e9  # bytes a second in each direction: fourth generation, as of an H100
NETWORK = 200e9 / 8  # bytes a second of a node: one link of 200 Gb/s
REACHED = 0.8  # of a link's rate


class Protocol(NamedTuple):
    """One of NCCL's. Seconds, and the share of the bandwidth that carries data."""

    base: float
    hop_nvlink: float
    hop_network: float
    share: float
    beyond: float = 1.0  # what a hop within a node takes where there are others, of what it takes in one alone


RING = (Protocol(8.4e-6, 3.4e-6, 9.6e-6, 1.0),  # Simple, for large messages
        Protocol(3.6e-6, 0.47e-6, 2.7e-6, 0.25, 1.8))  # LL, for small ones
TREE = (Protocol(0.0, 28e-6, 50e-6, 0.45), Protocol(4.4e-6, 0.52e-6, 5e-6, 0.45 / 3.8, 1.8))  # the same two


class Exchange(NamedTuple):
    """What is summed over the processes in a step."""

    bytes: float  # of a message
    messages: float  # a step


def all_reduce_seconds(size: float, gpus: int) -> float:
    """Of one message of ``size`` bytes; nodes are filled one after another."""
    if gpus == 1:
        return 0.0
    nodes = -(-gpus // GPUS_A_NODE)
    bandwidth = REACHED * (NETWORK if nodes > 1 else NVLINK)

    def seconds(protocol: Protocol, within: float, between: float, volume: float) -> float:
        hop = protocol.hop_nvlink * (protocol.beyond if nodes > 1 else 1)
        return (protocol.base + within * hop + between * protocol.hop_network
                + volume * size / (bandwidth * protocol.share))

    around, between = 2 * (gpus - 1), 2 * (nodes - 1)
    rings = [seconds(one, around - between, between, around / gpus) for one in RING]
    trees = [seconds(one, 2 * (gpus / nodes - 1), 2 * math.log2(nodes), 2) for one in TREE]
    return min(rings + trees)


def efficiency(step_seconds: float, exchanges: Sequence[Exchange], gpus: int) -> float:
    """Images a second and GPU, relative to one GPU alone at the same batch a GPU."""
    waits = sum(exchange.messages * all_reduce_seconds(exchange.bytes, gpus) for exchange in exchanges)
    return step_seconds / (step_seconds + waits)


def table(gradients: Sequence[Exchange], others: Sequence[Exchange], steps: Sequence[float]) -> str:
    """Efficiency by GPUs and by seconds of a step; in brackets if the gradients' exchange were hidden altogether."""
    lines = ["| GPUs | nodes | " + " | ".join(f"step of {step * 1e3:g} ms" for step in steps) + " |",
             "|---" * (2 + len(steps)) + "|"]
    for gpus in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512):
        cells = [f"{efficiency(step, [*gradients, *others], gpus):.2f} ({efficiency(step, others, gpus):.2f})"
                 for step in steps]
        lines.append(f"| {gpus} | {-(-gpus // GPUS_A_NODE)} | {' | '.join(cells)} |")
    return "\n".join(lines)
