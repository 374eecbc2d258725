"""Density, coverage and the densest neighbourhood."""

import math

import pytest
import torch

from zoo.metrics import distances, neighbours
from zoo.metrics.distances import precision_and_recall
from zoo.metrics.neighbours import densest, density_and_coverage, nearest_rows, usual_reach


def normal(n: int, seed: int, d: int = 8) -> torch.Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_density_and_coverage_by_hand():
    """On a line: with k = 1 the balls around 0, 1, 3, 7 reach 1, 1, 2, 4."""
    real = torch.tensor([[0.0], [1.0], [3.0], [7.0]], dtype=torch.float64)
    fake = torch.tensor([[0.5], [2.0], [100.0]], dtype=torch.float64)
    # 0.5 lies in the balls of 0 and 1, 2 in that of 3 but on the edge of that of 1, 100 in none
    assert density_and_coverage(fake, real, k=1) == (pytest.approx(3 / 3), 3 / 4)
    assert density_and_coverage(fake[2:], real, k=1) == (0, 0)
    assert density_and_coverage(fake[:1].repeat(10, 1), real, k=1) == (2, 2 / 4)


def test_halves_of_the_truth_have_the_density_and_coverage_of_the_paper():
    """Whose coverage leaves the images themselves out of their neighbours: with them it were 0.94 in place of 0.97."""
    found = [density_and_coverage(normal(500, seed), normal(500, 1000 + seed)) for seed in range(20)]
    expected = 1 - math.prod((500 - i) / (1000 - i) for i in range(1, 6))
    assert expected == pytest.approx(0.969, abs=5e-4)
    coverage = torch.tensor([one.coverage for one in found], dtype=torch.float64)
    density = torch.tensor([one.density for one in found], dtype=torch.float64)
    assert coverage.mean().item() == pytest.approx(expected, abs=4 * coverage.std().item() / 20**0.5)
    assert density.mean().item() == pytest.approx(1, abs=4 * density.std().item() / 20**0.5)


def test_what_collapse_moves():
    """Of images that are mostly copies of one, a Gaussian that is fitted to them may tell little."""
    real, fake = normal(1000, 0), normal(1000, 1)
    reach = usual_reach(real)
    most = densest(real, reach)
    assert 0.01 < most < 0.2
    assert densest(fake, reach) == pytest.approx(most, rel=0.5)
    fake[:300] = fake[0] + 0.01 * normal(300, 2)
    assert densest(fake, reach) >= 0.3
    assert density_and_coverage(fake[:300], real).coverage < 0.2
    assert densest(fake[:1].expand(50, -1), reach) == 1


@pytest.mark.parametrize(("fakes", "reals"), [(40, 900), (900, 40), (900, 900)])
def test_no_more_pairs_than_those_of_a_block_are_held(fakes, reals, monkeypatch):
    """Whichever side is large: of 50,000 beside 50,000 all pairs are 10 GB."""
    fake, real, block = normal(fakes, 0), normal(reals, 1), 100
    whole = precision_and_recall(fake, real), density_and_coverage(fake, real)
    monkeypatch.setattr(distances, "WHOLE", block)
    monkeypatch.setattr(neighbours, "BLOCK", block)
    held = []

    def noted(original):
        def call(*given, **named):
            result = original(*given, **named)
            held.append(result.numel())
            return result

        return call

    for name in ("cdist", "cat"):
        monkeypatch.setattr(torch, name, noted(getattr(torch, name)))
    assert (precision_and_recall(fake, real), density_and_coverage(fake, real)) == whole
    assert max(held) < 2 * block**2  # all pairs are 36,000 or 810,000


def test_blocks_change_nothing(monkeypatch):
    real, fake = normal(60, 0), normal(50, 1)
    whole = (density_and_coverage(fake, real), usual_reach(real), densest(fake, 3.0), nearest_rows(fake, real, 3))
    monkeypatch.setattr(neighbours, "BLOCK", 17)
    parts = (density_and_coverage(fake, real), usual_reach(real), densest(fake, 3.0), nearest_rows(fake, real, 3))
    assert parts[0] == whole[0]
    assert parts[1:3] == pytest.approx(whole[1:3], rel=1e-9)
    assert torch.equal(parts[3][1], whole[3][1])
