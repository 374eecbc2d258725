"""A model, not a measurement, of weak scaling on a cluster of GPUs.

Time of an all-reduce of S bytes over n GPUs on m nodes, as a ring:

    t = base + (2(n-1) - 2(m-1)) * hop_nvlink + 2(m-1) * hop_network + 2(n-1)/n * S / B

The last term is Patarasuk and Yuan 2009 (J. Parallel Distrib. Comput. 69, "Bandwidth optimal all-reduce algorithms");
base and hops are those by which NCCL itself chooses between its protocols (src/graph/tuning.cc, ring), as is the choice
of the faster one. B is the slowest link's: a node has one network link, which all its GPUs' ring crosses once.

Assumed: links reach 80 % of their rate; every GPU does the same work on its own batch in the same time; exchanges
overlap with nothing, so the efficiency is step / (step + sum of t). For batch-norm's messages of a few kilobytes NCCL
would take a tree, which needs half of the ring's time on 64 GPUs: there the model is too dark.
"""

from collections.abc import Sequence
from typing import NamedTuple

GPUS_A_NODE = 8
NVLINK = 450e9  # bytes a second in each direction: fourth generation, as of an H100
NETWORK = 200e9 / 8  # bytes a second of a node: one link of 200 Gb/s
REACHED = 0.8  # of a link's rate


class Protocol(NamedTuple):
    """One of NCCL's, in a ring. Seconds, and the share of the bandwidth that carries data."""

    base: float
    hop_nvlink: float
    hop_network: float
    payload: float


PROTOCOLS = (Protocol(8.4e-6, 3.4e-6, 9.6e-6, 1.0),  # Simple, for large messages
             Protocol(3.6e-6, 0.47e-6, 2.7e-6, 0.25))  # LL, for small ones


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
    hops, between_nodes = 2 * (gpus - 1), 2 * (nodes - 1)
    return min(protocol.base + (hops - between_nodes) * protocol.hop_nvlink + between_nodes * protocol.hop_network
               + hops / gpus * size / (bandwidth * protocol.payload) for protocol in PROTOCOLS)


def efficiency(step_seconds: float, exchanges: Sequence[Exchange], gpus: int) -> float:
    """Images a second and GPU, relative to one GPU alone at the same batch a GPU."""
    waits = sum(exchange.messages * all_reduce_seconds(exchange.bytes, gpus) for exchange in exchanges)
    return step_seconds / (step_seconds + waits)


def table(gradients: Sequence[Exchange], others: Sequence[Exchange], steps: Sequence[float]) -> str:
    """Efficiency by GPUs and by seconds of a step; in brackets if the gradients' exchange were hidden altogether."""
    lines = ["| GPUs | nodes | " + " | ".join(f"step of {step * 1e3:g} ms" for step in steps) + " |",
             "|---" * (2 + len(steps)) + "|"]
    for gpus in (1, 2, 4, 8, 16, 32, 64):
        cells = [f"{efficiency(step, [*gradients, *others], gpus):.2f} ({efficiency(step, others, gpus):.2f})"
                 for step in steps]
        lines.append(f"| {gpus} | {-(-gpus // GPUS_A_NODE)} | {' | '.join(cells)} |")
    return "\n".join(lines)
