"""Copies among pictures: the same once more, almost the same, as when compressed anew, or turned left to right.

Pictures are compared by thumbnails of 16x16 pixels. Coarse features of them, which a picture shares with its mirror
image, are in no pair further apart than the thumbnails are, either way round, so a tree of them finds all candidates
in about N log N; those are then compared by their thumbnails. What is a copy of a copy is in one group with it. Only of
k pictures that are nearly the same, as in a film that stands still, the time grows with k squared.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from zoo.core.files import atomic
from zoo.data.decoded import cache_folder, locked
from zoo.data.looks import CHUNK, Looks, coarse, looks_of, reach_of
from zoo.data.progress import bar_of
from zoo.data.stored import Images

DIMENSIONS = 10  # principal ones that the tree looks at: with more it is slower, with fewer it finds more in vain
ASKED = 256  # of which the tree is asked at once: each may have very many neighbours
PIECE = 2**14  # pairs that are compared at once
VERSION = 1  # of all this, in the names of files that keep what was found
NO_FILE = (OSError, ValueError, KeyError, BadZipFile)  # what numpy raises where it is not there, or cut short


class Copies:
    """The copies among N pictures.

    Args:
        digests, turned: see ``Looks``.
        pairs: rows (P, 2) of near copies, as many as connect each group; of those that are the same, or the same turned
            round, the first is meant.
        mirrored: whether the two of a pair are nearer when one is turned round, (P,) bool.
    """

    def __init__(self, digests: np.ndarray, turned: np.ndarray, pairs: np.ndarray, mirrored: np.ndarray) -> None:
        self.digests, self.turned, self.pairs, self.mirrored = digests, turned, pairs, mirrored

    @cached_property
    def groups(self) -> np.ndarray:
        """Numbers (N,) from 0, equal for copies."""
        _, first, same = np.unique(self.digests[:, 0], return_index=True, return_inverse=True)
        return _components(len(same), np.concatenate([self.pairs, np.stack([np.arange(len(same)), first[same]], 1)]))

    @cached_property
    def draws(self) -> np.ndarray:
        """Numbers (N,) in [0, 1), equal for copies and uniform over groups.

        One is a digest of that picture of its group whose other digest is least, so it depends on the pixels of the
        group alone: not on names, on the order, or on which pictures there are besides.
        """
        order = np.lexsort((self.digests[:, 0], self.groups))
        _, first = np.unique(self.groups[order], return_index=True)
        return (self.digests[order[first], 1][self.groups] >> np.uint64(11)) * 2.0**-53

    def joined(self, names: list[str]) -> "Copies":
        """With all pictures of a name in one group, whatever they look like."""
        first: dict[str, int] = {}
        pairs = np.array([[row, first.setdefault(name, row)] for row, name in enumerate(names)])
        return Copies(self.digests, self.turned, np.concatenate([self.pairs, pairs]),
                      np.concatenate([self.mirrored, np.zeros(len(pairs), bool)]))

    def kinds(self) -> dict[str, np.ndarray]:
        """Which groups have two pictures that are the same, the same turned round, or nearly the same either way."""
        sides, times = np.unique(np.stack([self.digests[:, 0], self.turned], 1), axis=0, return_counts=True)
        both = sides[:-1, 0][sides[1:, 0] == sides[:-1, 0]]  # digests of which both sides are there
        several = sides[times > 1, 0]
        near = self.groups[self.pairs[:, 0]]
        return {"exact": np.unique(self.groups[np.isin(self.digests[:, 0], several)]),
                "mirrored": np.union1d(self.groups[np.isin(self.digests[:, 0], both)], near[self.mirrored]),
                "near": np.unique(near[~self.mirrored])}


def copies_in(name: str, images: Images, decoded: Path | None = None) -> Copies:
    """The copies in a set of images, out of the cache if it has been searched before.

    Args:
        images: uint8 (N, C, H, W), in memory or on disk.
        decoded: the file that they are read from, beside which the copies are noted; without one, under what the
            images are.
    """
    path = decoded or cache_folder() / "copies" / f"{name}-{_content(images)}.npy"
    path = path.with_name(f"{path.stem}.copies-{VERSION}.npz")
    with suppress(*NO_FILE):
        return _read(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock"), f"another process looks for copies in {name}: waiting for it"):
        with suppress(*NO_FILE):  # it is there by now
            return _read(path)
        found = find_copies(name, looks_of(name, images))
        with atomic(path) as partial, open(partial, "wb") as file:
            np.savez(file, **vars(found))
    return found


def _read(path: Path) -> Copies:
    with np.load(path) as arrays:
        return Copies(**arrays)


def _content(images: Images) -> str:
    digest = hashlib.sha256(repr(images.shape).encode())
    for rows in torch.arange(len(images)).split(CHUNK):
        digest.update(images[rows].numpy().data)
    return digest.hexdigest()[:16]


def find_copies(name: str, looks: Looks) -> Copies:
    """Compares every picture with every other, but for those that are known to be in one group."""
    _, first = np.unique(looks.digests[:, 0], return_index=True)
    thumbs = looks.thumbs[torch.from_numpy(first)]
    pairs, mirrored = [np.empty((0, 2), np.int64)], [np.empty(0, bool)]
    group, fresh = torch.arange(len(first)), 0
    for one, other, reach in _candidates(name, thumbs):
        apart = group[one] != group[other]
        one, other, reach = one[apart], other[apart], reach[apart]
        straight = _difference(thumbs[one], thumbs[other])
        across = _difference(thumbs[one], thumbs[other].flip(3))
        near = torch.minimum(straight, across) <= reach
        pairs.append(torch.stack([one, other], 1)[near].numpy())
        mirrored.append((across < straight)[near].numpy())
        fresh += len(pairs[-1])
        if fresh >= PIECE:  # as in a film that stands still, all pairs of which would be far too many
            group, fresh = torch.from_numpy(_components(len(first), np.concatenate(pairs))), 0
    return Copies(looks.digests, looks.turned, first[np.concatenate(pairs)], np.concatenate(mirrored))


def _components(count: int, pairs: np.ndarray) -> np.ndarray:
    """Numbers (count,) from 0, equal for what pairs (P, 2) connect."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _difference(these: Tensor, those: Tensor) -> Tensor:
    """Root mean square differences (n,), in levels of 255."""
    return (these.float() - those.float()).square().flatten(1).mean(1).sqrt()


def _candidates(name: str, thumbs: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Rows of pictures that may be near copies, each pair once, and how far apart the two of each may be; in pieces."""
    from scipy.spatial import KDTree

    reach = torch.cat([reach_of(some) for some in thumbs.split(CHUNK)])
    where = reach.nonzero().view(-1)
    if not len(where):
        return
    features = _principal(torch.cat([coarse(some) for some in thumbs.split(CHUNK)])[where]).numpy()
    tree = KDTree(features, leafsize=32, balanced_tree=False)
    with bar_of(f"comparing {name}", len(where)) as bar:
        for rows in torch.arange(len(where)).split(ASKED):
            asked = features[rows.numpy()]  # a tensor of one number would be taken for that number
            found = tree.query_ball_point(asked, reach[where[rows]].numpy(), workers=-1)  # on all cores
            one = where[rows.repeat_interleave(torch.tensor([len(some) for some in found]))]
            other = where[torch.from_numpy(np.concatenate(found).astype(np.int64))]
            once = one < other
            for these, those in zip(one[once].split(PIECE), other[once].split(PIECE), strict=True):
                yield these, those, torch.minimum(reach[these], reach[those])
            bar.update(len(rows))


def _principal(features: Tensor) -> Tensor:
    """The dimensions in which they differ most: a projection, so no two get further apart."""
    centred = (features - features.mean(0)).double()
    _, axes = torch.linalg.eigh(centred.T @ centred)
    return (centred @ axes[:, -DIMENSIONS:]).float()
