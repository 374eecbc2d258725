"""CycleGAN: its terms, whose gradients go where, the pool of past pictures, and the two sets that it learns from."""

import copy

import pytest
import torch
from conftest import set_up, tiny_run
from PIL import Image
from test_variants import assert_same, checkpoint
from torch import nn

import zoo
from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.core.history import History
from zoo.core.randomness import Draws
from zoo.data.batches import Domains, Labelled, take
from zoo.data.domains import DomainClasses, DomainFolder, split_names
from zoo.data.image_spec import ImageSpec
from zoo.data.module import DataModule
from zoo.data.pair_spec import DomainSpec
from zoo.data.pictures import as_tensor
from zoo.data.sources import open_source
from zoo.data.spec import read_spec
from zoo.data.stored import OnDisk
from zoo.metrics.measures import MEASURES
from zoo.models.cyclegan import CycleGAN, CycleGANConfig
from zoo.networks.translation import ResNetTranslator
from zoo.tasks.unpaired import Judged
from zoo.training.options import Training


def model_of(size: int = 16, channels: int = 3, **config) -> CycleGAN:
    data = DomainSpec(name="unnamed", image_size=size, channels=channels, domains=["A", "B"])
    return CycleGAN(CycleGANConfig(**{"width": 2, "blocks": 1} | config), data).double()


def batch_of(model: CycleGAN, n: int = 4) -> Domains:
    a, b = torch.rand(2, n, *model.data.shape, dtype=torch.float64) * 2 - 1
    return Domains(a, b, torch.zeros(n).long())


class Affine(nn.Module):
    """gain x + bias."""

    def __init__(self, gain: float, bias: float) -> None:
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.tensor(gain)), nn.Parameter(torch.tensor(bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gain * x + self.bias


# ---- the terms ------------------------------------------------------------------------------------------------------

def affine(g: tuple[float, float], f: tuple[float, float], **config) -> CycleGAN:
    model = model_of(**config)
    model.generator, model.inverse = Affine(*g).double(), Affine(*f).double()
    return model


def test_the_cycle_of_inverses_is_nothing():
    model = affine((0.5, 0.25), (2.0, -0.5))
    terms = model.generator_loss(batch_of(model))
    assert terms["cycle_a"] < 1e-14
    assert terms["cycle_b"] < 1e-14


def test_the_cycle_by_hand():
    """G(x) = x/2 + 1/4 and F(x) = x - 1/8: F(G(a)) = a/2 + 1/8, and so is G(F(b)) but for 3/16."""
    model = affine((0.5, 0.25), (1.0, -0.125), cycle=7.0)
    batch = batch_of(model)
    terms = model.generator_loss(batch)
    torch.testing.assert_close(terms["cycle_a"], 7 * (0.125 - batch.a / 2).abs().mean())
    torch.testing.assert_close(terms["cycle_b"], 7 * (0.1875 - batch.b / 2).abs().mean())


def test_adversarial_terms_by_hand():
    """Section 4; D's halved. Each D judges what the other network makes."""
    model = model_of()
    batch, a = batch_of(model), model.discriminator_a
    terms = model.generator_loss(batch)
    torch.testing.assert_close(terms["adversarial_b"],
                               (model.discriminator_b(model.generator(batch.a)) - 1).square().mean())
    torch.testing.assert_close(terms["adversarial_a"], (a(model.inverse(batch.b)) - 1).square().mean())
    made = batch_of(model)
    terms = model.discriminator_loss(Judged(batch.a, batch.b, made.a, made.b))
    torch.testing.assert_close(terms["real_a"], (a(batch.a) - 1).square().mean() / 2)
    torch.testing.assert_close(terms["fake_a"], a(made.a).square().mean() / 2)
    torch.testing.assert_close(terms["real_b"], (model.discriminator_b(batch.b) - 1).square().mean() / 2)
    torch.testing.assert_close(terms["fake_b"], model.discriminator_b(made.b).square().mean() / 2)


def test_identity_is_the_right_way_round():
    """Section 5.2: G, which makes pictures of B, gets those of B; 0.5 is that part of lambda."""
    model = affine((0.5, 0.25), (1.0, -0.125), identity=0.5)
    batch = batch_of(model)
    terms = model.generator_loss(batch)
    torch.testing.assert_close(terms["identity_b"], 5 * (0.25 - batch.b / 2).abs().mean())
    torch.testing.assert_close(terms["identity_a"], terms["identity_a"].new_tensor(5 * 0.125))
    assert not {"identity_a", "identity_b"} & model_of().generator_loss(batch).keys()  # only where asked


WHOSE = {  # term -> networks that it trains
    "adversarial_a": {"inverse"}, "adversarial_b": {"generator"},
    "cycle_a": {"generator", "inverse"}, "cycle_b": {"generator", "inverse"},
    "identity_a": {"inverse"}, "identity_b": {"generator"},
    "real_a": {"discriminator_a"}, "fake_a": {"discriminator_a"},
    "real_b": {"discriminator_b"}, "fake_b": {"discriminator_b"},
}


def test_each_network_learns_by_its_own_terms():
    """Within the group that a term is of; the other group stands still in ``optimize``."""
    model = model_of(identity=0.5)
    batch = batch_of(model)
    judged = model.judged(batch, [model.fake(batch)])
    groups = {"generator": ("generator", "inverse"), "discriminator": ("discriminator_a", "discriminator_b")}
    found = {}
    for group, loss, given in (("generator", model.generator_loss, batch),
                               ("discriminator", model.discriminator_loss, judged)):
        for name, term in loss(given).items():
            moved = set()
            for network in groups[group]:
                gradients = torch.autograd.grad(term, list(getattr(model, network).parameters()), retain_graph=True,
                                                allow_unused=True)
                if any(g is not None and g.abs().max() > 0 for g in gradients):
                    moved.add(network)
            found[name] = moved
    assert found == WHOSE
    assert not judged.made_a.requires_grad
    assert not judged.made_b.requires_grad


# ---- the pool -------------------------------------------------------------------------------------------------------

def by_hand(pool: list[float], new: list[float], chance: list[list[float]], size: int) -> list[float]:
    """What the discriminator gets for new pictures, one after the other; the pool changes."""
    given = []
    for row, (value, (whether, which)) in enumerate(zip(new, chance, strict=True)):
        if len(pool) < size:
            pool.append(value)
        elif whether < 0.5 and row < size:
            slot = int(which * size)
            pool[slot], value = value, pool[slot]
        given.append(value)
    return given


@pytest.mark.parametrize(("size", "batch"), [(5, 1), (5, 3), (5, 5), (4, 16), (1, 2)])
def test_pool_is_as_by_hand(size, batch):
    """After every step, from the same draws; also where a row finds in a slot what another of its batch put there."""
    history, draws, pool = History(size, 1, 2, 2), Draws(), []
    exchanged = 0
    for step in range(1, 13):
        draws.begin(3, step * batch)
        chance = draws(torch.rand, batch, 2, device=torch.device("cpu"), dtype=torch.float32)
        new = [float(100 * step + row) for row in range(batch)]
        given = history.exchange(torch.tensor(new).view(-1, 1, 1, 1).expand(-1, 1, 2, 2), chance)
        expected = by_hand(pool, new, chance.tolist(), size)
        assert given[:, 0, 1, 1].tolist() == expected
        assert history.kept[:len(pool), 0, 0, 1].tolist() == pool
        assert history.count == len(pool)
        exchanged += sum(x != y for x, y in zip(new, expected, strict=True))
    assert exchanged > 2  # else nothing was tried


def test_pool_of_two_processes_is_that_of_one(monkeypatch):
    """Each gets its own rows, and all of them have the same pool."""
    one, both = History(5, 1), [History(5, 1) for _ in range(2)]
    for step in range(6):
        new, chance = torch.rand(6, 1), torch.rand(6, 2)
        expected = one.exchange(new, chance)
        for rank, history in enumerate(both):
            with monkeypatch.context() as patch:
                patch.setattr("zoo.core.parallel.rank", lambda rank=rank: rank)
                patch.setattr("zoo.core.parallel.gather", lambda x, new=new, chance=chance, stop=None: (
                    new if len(x[0]) == 1 else chance)[:stop])
                mine = history.exchange(new[3 * rank:][:3], chance[3 * rank:][:3])
            assert torch.equal(mine, expected[3 * rank:][:3]), step
            assert torch.equal(history.kept, one.kept)


def test_half_of_what_a_full_pool_gives_is_old():
    history = History(50, 1)
    draws = torch.rand(80, 50, 2)
    given = torch.cat([history.exchange(torch.full((50, 1), float(step)), draws[step]) for step in range(80)])
    steps = torch.arange(80.0).repeat_interleave(50)
    share = (given[1000:, 0] != steps[1000:]).float().mean().item()
    assert 0.3 < share < 0.5  # of half, some find a picture of their own batch: 50 of them meet 50 places
    single = History(50, 1)
    given = torch.cat([single.exchange(torch.full((1, 1), float(step)), draws.flatten(0, 1)[step:step + 1])
                       for step in range(4000)])
    assert (given[50:, 0] != torch.arange(50.0, 4000)).float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_pool_of_none_gives_what_is_new():
    new = torch.rand(3, 1, 2, 2)
    assert torch.equal(History(0, 1, 2, 2).exchange(new, torch.zeros(3, 2)), new)
    batch = batch_of(model_of(pool=0))
    assert model_of(pool=0).judged(batch, [model_of().fake(batch)]).made_a.shape == batch.a.shape


def pools(folder, images: int) -> dict:
    return {key: value for key, value in checkpoint(folder, images)["state_dict"].items() if key.startswith("history")}


def test_pool_is_the_same_in_parts_and_after_a_resume(tmp_path):
    """A pool of three, so that it is full from the first batch on. That two processes have the one of one is in
    test_parallel.py."""
    how = {"config": {"width": 2, "blocks": 1, "pool": 3}, "precision": "64-true"}
    tiny_run("cyclegan", tmp_path / "whole", **how).train()
    tiny_run("cyclegan", tmp_path / "parts", accumulate=2, **how).train()
    tiny_run("cyclegan", tmp_path / "half", images=80, **how).train()
    tiny_run("cyclegan", tmp_path / "half", resume=True, **how).train()
    whole = pools(tmp_path / "whole", 160)
    assert whole.keys() == {f"history_{side}.{what}" for side in "ab" for what in ("kept", "count")}
    assert_same(pools(tmp_path / "half", 160), whole)
    for key, value in pools(tmp_path / "parts", 160).items():
        torch.testing.assert_close(value, whole[key], atol=1e-8, rtol=0)
    assert not torch.equal(whole["history_a.kept"], pools(tmp_path / "whole", 80)["history_a.kept"])


def test_pool_in_a_run_is_as_by_hand(tmp_path):
    """What the discriminators are shown over ten steps, from what was made and the draws of the run."""
    run = tiny_run("cyclegan", tmp_path, images=80, config={"width": 2, "blocks": 1, "pool": 12, "jitter": False})
    model, seen = run.model, []
    judged = model.judged

    def watched(batch, parts):
        shown = judged(batch, parts)
        seen.append((torch.cat([part.a for part in parts]).detach(), shown.made_a))
        return shown

    model.judged = watched
    run.train()
    pool, draws = [], Draws()
    for step, (made, shown) in enumerate(seen, 1):
        draws.begin(model.seed, 8 * step)
        chance = draws(torch.rand, 8, 2, device=torch.device("cpu"), dtype=torch.float32)  # the first of the step
        numbers = list(range(8 * step, 8 * step + 8))
        by_number = dict(zip(numbers, made, strict=True)) | dict(pool)
        stored = [n for n, _ in pool]
        expected = by_hand(stored, numbers, chance.tolist(), 12)
        torch.testing.assert_close(shown, torch.stack([by_number[n] for n in expected]), atol=0, rtol=0)
        pool = [(n, by_number[n]) for n in stored]
    assert torch.equal(model.history_a.kept, torch.stack([picture for _, picture in pool]))
    assert len(seen) == 10


# ---- the network ----------------------------------------------------------------------------------------------------

def test_the_network_is_the_papers():
    """c7s1-64, d128, d256, R256 x 9, u128, u64, c7s1-3: 11.4 million parameters, and no running statistics."""
    with torch.device("meta"):
        network = ResNetTranslator(3, 3, width=64, blocks=9)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert [layer.out_channels for layer in layers] == [64, 128, 256, *[256] * 18, 128, 64, 3]
    assert [layer.kernel_size[0] for layer in layers] == [7, *[3] * 22, 7]
    assert [layer.stride[0] for layer in layers] == [1, 2, 2, *[1] * 18, 2, 2, 1]
    weights = 3 * 64 * 49 + 64 * 128 * 9 + 128 * 256 * 9
    assert sum(p.numel() for p in network.parameters()) == 2 * weights + 18 * 256 * 256 * 9 + 3
    assert not list(network.buffers())
    small, large = (zoo.create("cyclegan", image_size=size, width=1).generator for size in (128, 256))
    assert (len(large) - len(small), len(zoo.create("cyclegan", blocks=3, width=1).generator)) == (3, len(small) - 3)


def test_weights_begin_around_nothing():
    network = ResNetTranslator(3, 3, width=16, blocks=2)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.weight.numel() > 1000:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert abs(layer.weight.mean().item()) < 0.002


@pytest.mark.parametrize(("height", "width"), [(7, 8), (8, 10), (4, 4)])
def test_sizes_that_the_network_cannot_take(height, width):
    with pytest.raises(UsageError, match=f"multiples of 4 px from 8 on, not {height}x{width}"):
        ResNetTranslator(1, 1, 1, 1)(torch.rand(1, 1, height, width))


# ---- the answers ----------------------------------------------------------------------------------------------------

def lively(**how) -> CycleGAN:
    model = model_of(**how)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.3)
    return model


@pytest.mark.parametrize("ask", ["translate", "back"])
def test_answers_are_the_same_in_training_mode_alone_and_in_a_batch(ask):
    model = lively()
    pictures = torch.rand(5, 3, 16, 16)
    whole = getattr(model, ask)(pictures)
    assert whole.std(0).mean() > 0.01
    model.train()
    with torch.no_grad():
        name = {"translate": "source", "back": "target"}[ask]
        training = model.answer(**{name: pictures.double()})
    torch.testing.assert_close(training, whole, atol=1e-6, rtol=0, check_dtype=False)
    for row in range(5):
        torch.testing.assert_close(getattr(model, ask)(pictures[row]), whole[row:row + 1], atol=1e-6, rtol=0)


def test_each_way_has_its_own_network():
    """translate is G and back is F, in [0, 1]."""
    model = affine((0.5, 0.25), (1.0, -0.125))
    pictures = 0.25 + torch.rand(2, 3, 16, 16, dtype=torch.float64) / 2
    x = 2 * pictures - 1
    torch.testing.assert_close(model.translate(pictures), ((x / 2 + 0.25 + 1) / 2).float())
    torch.testing.assert_close(model.back(pictures), ((x - 0.125 + 1) / 2).float())


@pytest.mark.parametrize(("height", "width"), [(16, 16), (31, 40), (5, 70)])
def test_any_size_comes_back_as_it_was(height, width):
    model = lively()
    pictures = torch.rand(2, 3, height, width)
    assert model.translate(pictures).shape == model.back(pictures).shape == (2, 3, height, width)


def test_sheet_shows_both_ways():
    """a, G(a), F(G(a)), b, F(b), G(F(b)); without examples the first three."""
    model = affine((0.5, 0.25), (1.0, -0.125))
    columns = []
    model._in_rows = columns.append
    batch = batch_of(model)
    model.sheet(batch)
    unit = model.data.to_unit
    a, b = unit(batch.a[torch.arange(8) % 4]), unit(batch.b[torch.arange(8) % 4])
    there, here = model.respond(source=a), model.respond(target=b)
    for shown, expected in zip(columns[0], [a, there, model.respond(target=there), b, here,
                                            model.respond(source=here)], strict=True):
        torch.testing.assert_close(shown, expected)
    model.sheet()
    assert len(columns[1]) == 3
    del model._in_rows
    assert model.sheet(batch).size == (6 * 18 + 2, 8 * 18 + 2)


def test_what_it_can_be_asked():
    model = model_of()
    assert model.asks == ("translate", "back")
    with pytest.raises(UsageError, match=r"cannot sample: .* translate\(\), back\(\)"):
        model.sample(3)
    with pytest.raises(UsageError, match=r"pix2pix cannot back: .* translate\(\)"):
        zoo.create("pix2pix", image_size=16).back(torch.rand(1, 1, 16, 16))
    with pytest.raises(UsageError, match="cyclegan takes data of the kind domains"):
        CycleGAN(CycleGANConfig(), zoo.create("gan", image_size=16).data)


def test_loaders_of_users_are_understood():
    model = model_of()
    a, b = torch.rand(2, 4, 3, 16, 16)
    given = model.as_batch([a, b])
    assert type(given) is Domains
    assert torch.equal(given.labels, torch.zeros(4).long())
    assert model.as_batch(given) is given


# ---- measured -------------------------------------------------------------------------------------------------------

def test_cycle_measure_sees_what_is_hidden(tmp_path):
    """G that shrinks contrast to 1/100 around grey and F that takes it back: no error, but for rounding, which is
    then a hundredfold; of the identity the noise is all that there is, E|N(0, 1)| / 255 as far as it is not cut off."""
    tiny_run("cyclegan", tmp_path, images=8).train()
    model = zoo.load(tmp_path).double()
    measured = {}
    for name, gain in (("hides", 0.01), ("copies", 1.0)):
        asked = copy.deepcopy(model)
        asked.generator, asked.inverse = Affine(gain, 0.0).double(), Affine(1 / gain, 0.0).double()
        values = zoo.evaluate(asked, data="digits", measures="cycle", samples=60, real=60)
        measured[name] = {key: value["value"] for key, value in values.items()}
        assert measured[name].keys() == {"cycle", "cycle/noise", "cycle/back", "cycle/back/noise"}
        assert measured[name]["cycle"] < 1e-6
    assert measured["hides"]["cycle/noise"] > 0.1
    assert 0.2 / 255 < measured["copies"]["cycle/noise"] < 1.3 / 255


def test_measures_that_fit():
    model = CycleGAN(CycleGANConfig(width=2, blocks=1), digits().spec)
    assert model.measures == ("frechet", "domains", "parts", "cycle")
    assert set(model.measures) <= MEASURES.keys()
    with pytest.raises(UsageError, match="not trained on pairs"):
        zoo.evaluate(model, data="digits", measures="pixels", samples=50, real=50)
    with pytest.raises(UsageError, match="no cycle to measure"):
        zoo.evaluate(zoo.create("gan", image_size=16), data="digits", measures="cycle", samples=50, real=50)


# ---- the data -------------------------------------------------------------------------------------------------------

def digits(domains: str = "3,8") -> DomainClasses:
    return open_source("digits", image_size=16, kind="domains", domains=domains)


def numbered(n_a: int, n_b: int) -> Domains:
    """Pictures of one pixel that say their number, those of B from 100 on."""
    def pictures(count: int, first: int) -> torch.Tensor:
        return torch.arange(first, first + count, dtype=torch.uint8).view(-1, 1, 1, 1)

    return Domains(pictures(n_a, 0), pictures(n_b, 100), torch.zeros(max(n_a, n_b)).long())


class Numbered:
    split, splits = "train", ("train",)
    spec = DomainSpec(name="numbers", image_size=2, channels=1, domains=["A", "B"])

    def __init__(self, n_a: int, n_b: int) -> None:
        self.columns = numbered(n_a, n_b)

    def prepare(self) -> None:
        """Nothing to fetch."""

    def load(self) -> Domains:
        return self.columns


def stream(n_a: int, n_b: int, batches: int, seen: int = 0, seed: int = 0) -> tuple[list[int], list[int]]:
    batch_size = 4
    loader = set_up(DataModule(Numbered(n_a, n_b), batch_size, seed), seen).train_dataloader()
    found = [batch for batch, _ in zip(loader, range(batches), strict=False)]
    assert all(type(batch) is Domains and len(batch.labels) == batch_size for batch in found)
    return [x for batch in found for x in batch.a.flatten().tolist()], \
        [x for batch in found for x in batch.b.flatten().tolist()]


@pytest.mark.parametrize(("n_a", "n_b"), [(8, 12), (12, 8), (8, 8), (4, 20)])
def test_each_set_has_an_order_of_its_own(n_a, n_b):
    """An epoch of either set has each of its pictures once, however many the other has; none is tied to another."""
    a, b = stream(n_a, n_b, 30)
    for numbers, count, first in ((a, n_a, 0), (b, n_b, 100)):
        epochs = [numbers[i:i + count] for i in range(0, 120 - count + 1, count)]
        assert all(sorted(epoch) == list(range(first, first + count)) for epoch in epochs)
        assert epochs[0] != epochs[1]
    assert len({(x, y) for x, y in zip(a, b, strict=True)}) > 2 * max(n_a, n_b)
    assert [x + 100 for x in a] != b
    assert stream(n_a, n_b, 3, seed=1) != (a[:12], b[:12])


def test_orders_go_on_from_the_clock():
    a, b = stream(8, 12, 30)
    assert stream(8, 12, 19, seen=44) == (a[44:], b[44:])


def test_orders_are_shared_by_processes(monkeypatch):
    whole = stream(8, 12, 10)
    monkeypatch.setattr("zoo.core.parallel.world_size", lambda: 2)
    shares = []
    for rank in range(2):
        monkeypatch.setattr("zoo.core.parallel.rank", lambda rank=rank: rank)
        loader = set_up(DataModule(Numbered(8, 12), 4), 0).train_dataloader()
        shares.append([batch for batch, _ in zip(loader, range(10), strict=False)])
    joined = [[x for first, second in zip(*shares, strict=True) for part in (first, second)
               for x in getattr(part, side).flatten().tolist()] for side in "ab"]
    assert (joined[0], joined[1]) == whole


def test_mirrored_sets_have_twice_as_many():
    loader = set_up(DataModule(digits(), 8, mirror=True)).train_dataloader()
    batch = next(iter(loader))
    assert batch.a.shape == batch.b.shape == (8, 1, 16, 16)
    assert len(loader.dataset) == 2 * digits().spec.images


def test_two_classes_of_a_labelled_set():
    source, whole = digits("8,3"), open_source("digits", image_size=16).load()
    columns = source.load()
    assert torch.equal(columns.a, whole.images[whole.labels == 8])
    assert torch.equal(columns.b, whole.images[whole.labels == 3])
    assert (source.spec.images, source.spec.images_b) == (len(columns.a), len(columns.b))
    assert source.spec.domains == ["8", "3"]
    assert source.spec.class_names == []
    assert "8 (174) and 3 (183)" in source.spec.provenance
    assert read_spec(source.spec.to_dict()) == source.spec
    again = open_source("digits", kind="domains", **source.spec.opening)
    assert again.spec == source.spec


class Tagged:
    """Six pictures of four classes in parts."""

    split, splits = "train", ("train",)
    spec = ImageSpec(name="tagged", image_size=2, channels=1, images=6, class_names=[
        "blonde hair, blue eyes", "blonde hair, red eyes", "blue hair, red eyes", "dark blue hair, blue eyes"])
    labels = torch.tensor([0, 1, 2, 3, 0, 2])

    def prepare(self) -> None:
        """Nothing to fetch."""

    def load(self) -> Labelled:
        return Labelled(torch.arange(24, dtype=torch.uint8).view(6, 1, 2, 2), self.labels)


def test_parts_of_classes_are_domains():
    """Whole parts: "blue hair" is not in "dark blue hair". Names with commas are parted by a semicolon."""
    source = DomainClasses(Tagged(), "blonde hair,blue hair")
    assert [rows.tolist() for rows in source.rows] == [[0, 1, 4], [2, 5]]
    source = DomainClasses(Tagged(), "blonde hair, blue eyes; blue hair")
    assert [rows.tolist() for rows in source.rows] == [[0, 4], [2, 5]]
    with pytest.raises(UsageError, match="blonde hair, red eyes of tagged is both blonde hair and red eyes"):
        DomainClasses(Tagged(), "blonde hair,red eyes")
    with pytest.raises(UsageError, match="unknown class of tagged 'green hair'"):
        DomainClasses(Tagged(), "blonde hair,green hair")
    with pytest.raises(UsageError, match="tagged has 4 classes: say with --domains"):
        DomainClasses(Tagged())
    with pytest.raises(UsageError, match="1 picture to learn from"):
        DomainClasses(Tagged(), "blonde hair,dark blue hair")


@pytest.mark.parametrize(("words", "names"), [
    (["blonde hair", "blue hair"], ["blonde hair", "blue hair"]), (["cat,dog"], ["cat", "dog"]),
    (["blonde hair, blue eyes", "blue hair"], ["blonde hair, blue eyes", "blue hair"])])
def test_domains_are_two_words_of_a_command_line(words, names):
    parser = cli.Parser("")
    parser.add_options(Training, "training")
    for rest in ([], ["--images", "8"]):
        options = cli.given(parser.parse_args(["--domains", *words, *rest]), Training)
        assert split_names(Training(**options).domains) == names
    with pytest.raises(UsageError, match="expected at least one argument"):
        parser.parse_args(["--domains"])


@pytest.mark.parametrize("text", ["a", "a,a", "a,b,c", "a,", ","])
def test_names_of_domains_are_two(text):
    with pytest.raises(UsageError, match="takes two names"):
        split_names(text)


def pictures_in(folder, count: int, mode: str = "RGB", shade: int = 0) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        colour = shade + number if mode == "L" else (shade + number, 0, 200)
        Image.new(mode, (20, 16), colour).save(folder / f"{number}.png")


@pytest.fixture
def unpaired(tmp_path):
    """Folders as the authors have them."""
    for name, count, shade in (("trainA", 3, 0), ("trainB", 5, 100), ("testA", 2, 50), ("testB", 4, 150)):
        pictures_in(tmp_path / "season" / name, count, shade=shade)
    return tmp_path / "season"


def test_folders_of_domains(unpaired):
    source = open_source(str(unpaired), image_size=16, kind="domains")
    columns = source.load()
    assert type(source) is DomainFolder
    assert (columns.a.shape, columns.b.shape) == ((3, 3, 16, 16), (5, 3, 16, 16))
    assert columns.a[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert columns.b[:, 0, 0, 0].tolist() == [100, 101, 102, 103, 104]
    assert source.splits == ("train", "test")
    held_out = open_source(str(unpaired), kind="domains", split="test", **source.spec.opening).load()
    assert held_out.a[:, 0, 0, 0].tolist() == [50, 51]
    turned = open_source(str(unpaired), image_size=16, kind="domains", domains="B,A")
    assert torch.equal(turned.load().a, columns.b)
    assert turned.spec.domains == ["B", "A"]
    with pytest.raises(UsageError, match="unknown domain 'C'"):
        open_source(str(unpaired), kind="domains", domains="A,C")


def test_folders_of_domains_that_do_not_fit(unpaired):
    pictures_in(unpaired / "train_a", 2)
    with pytest.raises(UsageError, match="trainA and train_a, which are one"):
        open_source(str(unpaired), kind="domains")
    for path in (unpaired / "train_a").iterdir():
        path.unlink()
    (unpaired / "train_a").rmdir()
    pictures_in(unpaired / "valB", 2)
    with pytest.raises(UsageError, match="has valB alone of the two domains of val"):
        open_source(str(unpaired), kind="domains")


def test_grey_beside_colour_is_colour(tmp_path):
    pictures_in(tmp_path / "trainA", 2, "L")
    pictures_in(tmp_path / "trainB", 2)
    columns = open_source(str(tmp_path), image_size=8, kind="domains").load()
    assert columns.a.shape == columns.b.shape == (2, 3, 8, 8)


def test_two_folders_are_domains(tmp_path):
    pictures_in(tmp_path / "x" / "summer", 3)
    pictures_in(tmp_path / "x" / "winter", 2, shade=100)
    source = open_source(str(tmp_path / "x"), image_size=8, kind="domains")
    assert source.spec.domains == ["summer", "winter"]
    assert source.load().b[:, 0, 0, 0].tolist() == [100, 101]


def test_sets_that_are_streamed(tmp_path, monkeypatch):
    """Rows of a class are read from disk where all do not fit into memory."""
    for name, count in (("p", 4), ("q", 3), ("r", 2)):
        pictures_in(tmp_path / "x" / name, count, shade=10 * ord(name) - 1100)
    inside = open_source(str(tmp_path / "x"), image_size=8, kind="domains", domains="r,p").load()
    monkeypatch.setenv("ZOO_MEMORY", "100")
    streamed = open_source(str(tmp_path / "x"), image_size=8, kind="domains", domains="r,p").load()
    assert type(streamed.a) is OnDisk
    assert (len(streamed.a), len(streamed.b), streamed.a.nbytes) == (2, 4, 2 * 3 * 64)
    rows = torch.tensor([3, 0, 2])
    for a, b in zip(take(streamed, rows), take(inside, rows), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(streamed.b.chosen(rows).chosen(torch.tensor([1]))[torch.tensor([0])], inside.b[:1])


@pytest.mark.parametrize(("variant", "options", "words"), [
    ("gan", {"domains": "0,1"}, "--domains is for models of two sets"),
    ("pix2pix", {"domains": "0,1"}, "--domains is for models of two sets"),
    ("cyclegan", {"domains": "0,1", "pairs": "edges"}, "makes one set of pictures of the other"),
    ("cyclegan", {"domains": "", "data": "digits"}, "digits has 10 classes: say with --domains"),
    ("cyclegan", {"data": "ring", "image_size": 0}, "domains are sets of images"),
])
def test_data_that_do_not_fit(variant, options, words, tmp_path):
    with pytest.raises(UsageError, match=words):
        tiny_run(variant, tmp_path, **options)


@pytest.mark.parametrize("domains", [["a"], ["a", "a"], "ab", ["a", 1]])
def test_specs_that_do_not_fit(domains):
    with pytest.raises(UsageError, match="names of two sets"):
        DomainSpec(name="x", image_size=8, channels=1, domains=domains)


def test_a_run_on_folders(unpaired, tmp_path):
    """Trains, shows what is held out, loads, answers and is measured."""
    for name in ("testA", "testB"):
        for number in range(60):
            Image.new("RGB", (16, 16), (number, 9, 9)).save(unpaired / name / f"more{number}.png")
    run = tiny_run("cyclegan", tmp_path / "run", images=16, data=str(unpaired), domains="", precision="32-true")
    run.train()
    assert len(run.sheets.examples.a) == 8
    model = zoo.load(tmp_path / "run")
    assert model.data.domains == ["A", "B"]
    made = model.translate(unpaired / "testA" / "0.png")
    assert made.shape == (1, 3, 16, 20)
    assert as_tensor(Image.open(tmp_path / "run" / "samples.png"), 3).shape[3] == 6 * 18 + 2
    metrics = zoo.evaluate(tmp_path / "run", measures="cycle", samples=1000, real=1000)
    assert "split=test" in metrics["cycle"]["protocol"]
    assert "samples=62" in metrics["cycle"]["protocol"]
