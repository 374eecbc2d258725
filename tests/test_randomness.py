"""What a step draws depends on the seed, the clock and the row of the batch, and costs what its rows cost."""

import pytest
import torch
from conftest import VARIANTS, tiny_run

from zoo.core.module import GenerativeModule
from zoo.core.randomness import BLOCK, Draws

CPU = {"device": torch.device("cpu"), "dtype": torch.float32}


def process(rank: int = 0) -> Draws:
    """The draws of a process of that rank, in a step."""
    draws = Draws(rank=lambda: rank)
    draws.begin(seed=3, images_seen=64)
    return draws


@pytest.mark.parametrize("count", [1, 2, 3, 6, 48])
def test_rows_do_not_depend_on_the_number_of_process(count):
    """The batch of 48 rows, by so many processes: to the bit, over several draws of other shapes."""
    whole = process()
    first, second = whole(torch.randn, 48, 5, **CPU), whole(torch.rand, 48, 2, 3, **CPU)
    for rank in range(count):
        share, draws = 48 // count, process(rank)
        rows = slice(rank * share, (rank + 1) * share)
        assert torch.equal(draws(torch.randn, share, 5, **CPU), first[rows])
        assert torch.equal(draws(torch.rand, share, 2, 3, **CPU), second[rows])


def test_parts_of_a_share_are_the_share():
    """Also where a step of another group has drawn before."""
    whole, parted = process(), process()
    for draws in (whole, parted):
        draws(torch.rand, 12, 1, **CPU)
    first, second = whole(torch.randn, 12, 4, **CPU), whole(torch.randn, 12, 4, **CPU)
    taken = []
    with parted.parts(3) as parts:
        for _ in parts:
            taken.append([parted(torch.randn, 4, 4, **CPU), parted(torch.randn, 4, 4, **CPU)])
    assert torch.equal(torch.cat([one for one, _ in taken]), first)
    assert torch.equal(torch.cat([two for _, two in taken]), second)
    assert torch.equal(parted(torch.rand, 12, 1, **CPU), whole(torch.rand, 12, 1, **CPU))  # counted on as if whole


def test_every_draw_block_step_and_seed_is_another():
    draws = process()
    seen = [draws(torch.rand, 2 * BLOCK, 1, **CPU) for _ in range(2)]
    for seed, images_seen in ((3, 128), (4, 64)):
        draws.begin(seed, images_seen)
        seen.append(draws(torch.rand, 2 * BLOCK, 1, **CPU))
    values = torch.cat(seen).flatten()
    assert len(values.unique()) > len(values) - 3  # of 24 bits each: two may coincide by chance


def test_draws_are_what_they_are_called():
    draws = process()
    normal, uniform = draws(torch.randn, 4096, 16, **CPU), draws(torch.rand, 4096, 16, **CPU)
    error = 5 / normal.numel() ** 0.5
    assert abs(normal.mean()) < error
    assert abs(normal.std() - 1) < error
    assert abs(uniform.mean() - 0.5) < error
    assert 0 <= uniform.min() < uniform.max() < 1
    rows = torch.corrcoef(draws(torch.randn, 64, 4096, **CPU))  # rows of one block and of several
    assert (rows - torch.eye(64)).abs().max() < 6 / 4096**0.5


def test_a_process_draws_no_more_than_its_rows_need():
    """As many values in a run of 512 processes as in one of 1, for the last of them too."""
    drawn = []

    def counting(*shape: int, generator: torch.Generator, out: torch.Tensor) -> torch.Tensor:
        drawn.append(out.numel())
        return torch.rand(*shape, generator=generator, out=out)

    for rank in (0, 511):
        draws = process(rank)
        drawn.clear()
        draws(counting, 8, 3, **CPU)
        assert sum(drawn) == BLOCK * 3


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_is_drawn_elsewhere(variant, tmp_path, monkeypatch):
    """A step does not depend on torch's global generator, which differs between processes."""
    start, ends = GenerativeModule.on_train_batch_start, []
    for number in (0, 1):
        def elsewhere(self, *args, seed=number):
            start(self, *args)
            torch.manual_seed(seed)

        monkeypatch.setattr(GenerativeModule, "on_train_batch_start", elsewhere)
        run = tiny_run(variant, tmp_path / str(number), images=16)
        run.train()
        ends.append(torch.cat([p.flatten() for p in run.model.parameters()]))
    assert torch.equal(*ends)
