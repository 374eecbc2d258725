"""The backbones against the papers' tables, layer by layer."""

from typing import get_args

import pytest
import torch
from closed_forms import of_points
from safetensors.torch import load_file
from torch import nn

import zoo
from zoo.data.image_spec import ImageSpec
from zoo.models import variant_class
from zoo.networks import BACKBONES, BackboneName
from zoo.networks.blocks import BatchNorm
from zoo.networks.conditioning import LabelledDiscriminator, LabelledGenerator, ProjectionDiscriminator
from zoo.training.machine import processes
from zoo.training.options import Training

OTHERS = [name for name in BACKBONES if name != "mlp"]  # which does any size
PAPER = {32: [512, 256, 128], 64: [1024, 512, 256, 128], 128: [1024, 1024, 512, 256, 128]}  # channels from 4x4 outwards


def shapes(network: nn.Module, x: torch.Tensor, kinds: tuple) -> list[tuple]:
    """The output shapes, batch apart, of the layers of these kinds."""
    found = []
    for layer in network:
        x = layer(x)
        if isinstance(layer, kinds):
            found.append(tuple(x.shape[1:]))
    return found


@pytest.mark.parametrize("size", PAPER)
def test_dcgan_layers_of_the_paper(size):
    """Radford 2015, figure 1 and section 3: shapes, where batch-norm is and is not, activations."""
    with torch.device("meta"):
        model = zoo.create("dcgan", image_size=size, channels=3, width=128)
        generator, trunk = model.generator, model.discriminator.trunk
        widths = PAPER[size]
        maps = [(c, 4 * 2**i, 4 * 2**i) for i, c in enumerate(widths)]
        made = shapes(generator, torch.zeros(2, 100), (nn.ConvTranspose2d,))
        seen = shapes(trunk, torch.zeros(2, 3, size, size), (nn.Conv2d,))
    assert made == [*maps, (3, size, size)]
    assert seen == maps[::-1]
    kinds = [type(layer).__name__ for layer in generator]
    assert kinds == ["Unflatten", *["ConvTranspose2d", "BatchNorm", "ReLU"] * len(widths), "ConvTranspose2d", "Tanh"]
    kinds = [type(layer).__name__ for layer in trunk]
    assert kinds == ["Conv2d", "LeakyReLU", *["Conv2d", "BatchNorm", "LeakyReLU"] * (len(widths) - 1), "Flatten"]
    assert {layer.negative_slope for layer in trunk if isinstance(layer, nn.LeakyReLU)} == {0.2}
    assert all(layer.stride == (2, 2) for layer in trunk if isinstance(layer, nn.Conv2d))
    assert not any(isinstance(m, nn.Linear | nn.MaxPool2d) for m in generator.modules())


@pytest.mark.parametrize("size", PAPER)
def test_dcgan_starts_as_the_paper_says(size):
    """Section 4: weights N(0, 0.02). Batch-norm scales N(1, 0.02), as the authors' code."""
    torch.manual_seed(0)
    model = zoo.create("dcgan", image_size=size, channels=3, width=32)
    for module in [*model.generator.modules(), *model.discriminator.modules()]:
        weight = getattr(module, "weight", None)
        if weight is None:
            continue
        mean, n = (1.0 if isinstance(module, BatchNorm) else 0.0), weight.numel()
        assert abs(weight.mean() - mean) < 5 * 0.02 / n**0.5
        assert abs(weight.std() / 0.02 - 1) < 5 / (2 * n) ** 0.5
        assert module.bias is None or torch.all(module.bias == 0)
    assert model.config.learning_rate == 2e-4
    assert model.config.beta1 == 0.5
    latents = model.prior(torch.randn(1000, 100))
    assert -1 <= latents.min() < -0.99
    assert abs(latents.std() - 3**-0.5) < 0.01  # uniform on [-1, 1]


@pytest.mark.parametrize("size", [28, 32, 64])
def test_infogan_layers_of_the_comparison(size):
    """Lucic 2018 as published: 1024, 128 maps of H/4, 64 of H/2, the image; 64, 128, 1024 back."""
    with torch.device("meta"):
        model = zoo.create("wgan", image_size=size, channels=1, backbone="infogan", width=64, latent_dim=64)
        generator = shapes(model.generator, torch.zeros(2, 64), (nn.Linear, nn.Unflatten, nn.ConvTranspose2d))
        trunk = shapes(model.discriminator.trunk, torch.zeros(2, 1, size, size), (nn.Conv2d, nn.Linear))
    quarter, half = size // 4, size // 2
    assert generator == [(1024,), (128 * quarter**2,), (128, quarter, quarter), (64, half, half), (1, size, size)]
    assert trunk == [(64, half, half), (128, quarter, quarter), (1024,)]
    norms = [m for m in model.modules() if isinstance(m, BatchNorm)]
    assert len(norms) == 5
    assert {norm.eps for norm in norms} == {1e-3}


def test_backbone_names_are_one_list():
    assert set(get_args(BackboneName)) == set(BACKBONES)


@pytest.mark.parametrize("backbone", OTHERS)
def test_backbones_that_do_not_do_points_refuse_them(backbone):
    with pytest.raises(zoo.UsageError, match="--backbone"), torch.device("meta"):
        of_points("nsgan", backbone=backbone)
    with pytest.raises(zoo.UsageError, match="set of points"), torch.device("meta"):
        zoo.create("nsgan", image_size=1, backbone=backbone)


@pytest.mark.parametrize("backbone", OTHERS)
@pytest.mark.parametrize("size", [2, 30, 4095])
def test_sizes_a_backbone_cannot_do_are_refused(backbone, size):
    with pytest.raises(zoo.UsageError, match="--backbone"), torch.device("meta"):
        zoo.create("nsgan", image_size=size, backbone=backbone)


PLAIN, PARTS = ["0", "1", "2"], ["pink hair, blue eyes", "red hair, blue eyes", "red hair, green eyes"]


@pytest.mark.parametrize(("names", "vectors"), [
    (PLAIN, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    (PARTS, [[1, 0, 1, 0], [0, 1, 1, 0], [0, 1, 0, 1]]),  # pink, red; blue, green
])
def test_labels_reach_both_players(names, vectors):
    labels = torch.arange(3)
    generator = LabelledGenerator(nn.Identity(), names)
    assert generator(torch.full((3, 1), 7.0), labels).tolist() == [[7, *vector] for vector in vectors]
    seen = LabelledDiscriminator(nn.Identity(), names)(torch.full((3, 1, 2, 2), 7.0), labels)
    assert seen.flatten(2).tolist() == [[[value] * 4 for value in (7, *vector)] for vector in vectors]


def test_projection_is_an_inner_product_of_features_and_class():
    """f(x, y) = y'V phi(x) + psi(phi(x)), equation 3 of Miyato 2018; a part learns from the images that have it."""
    trunk = nn.Flatten()
    trunk.features = 4
    network = ProjectionDiscriminator(trunk, PARTS)
    images, labels = torch.randn(3, 1, 2, 2), torch.tensor([0, 1, 0])  # the last class is not there
    head = network.discriminator.head
    nn.init.normal_(head.bias)
    y = torch.tensor([[1.0, 0, 1, 0], [0, 1, 1, 0], [1, 0, 1, 0]])
    psi, v = head.weight[0], head.weight[1:]
    expected = images.flatten(1) @ psi + head.bias[0] + torch.einsum("np,pf,nf->n", y, v, images.flatten(1))
    expected += y @ head.bias[1:]
    out = network(images, labels)
    torch.testing.assert_close(out, expected[:, None])

    out.sum().backward()
    assert (head.weight.grad != 0).any(1).tolist() == [True, True, True, True, False]


@pytest.mark.parametrize("variant", [v.name for v in zoo.variants() if "labels" in variant_class(v.name).needs()])
def test_many_classes_cost_little(variant):
    """One plane a class made the first layer of 1,000 classes the whole cost of a step, and 16 MB an image of 64 px."""
    few, many = (zoo.create(variant, image_size=32, width=8, classes=classes) for classes in (32, 1000))
    channels = [max(layer.in_channels for layer in model.modules() if isinstance(layer, nn.Conv2d))
                for model in (few, many)]
    assert channels[0] == channels[1]


def test_many_classes_are_told_apart():
    network = LabelledDiscriminator(nn.Identity(), [str(number) for number in range(1000)])
    planes = network(torch.zeros(1000, 1, 2, 2), torch.arange(1000))[:, 1:]
    assert planes.shape == (1000, 32, 2, 2)
    assert (planes == planes[:, :, :1, :1]).all()
    assert torch.cdist(*[planes[:, :, 0, 0]] * 2).fill_diagonal_(9).min() > 1
    planes.sum().backward()
    assert (network.embedding.weight.grad != 0).all()


@pytest.mark.parametrize("variant", [v.name for v in zoo.variants() if "labels" in variant_class(v.name).needs()])
def test_classes_of_parts_are_built_loaded_and_asked_for(variant, tmp_path):
    """The vectors of the classes are no weights: a folder does not hold them, nor are they shapes without values."""
    data = ImageSpec(name="faces", image_size=16, channels=3, class_names=PARTS)
    cls = variant_class(variant)
    model = cls(cls.Config(width=2), data)
    for weight in (p for p in model.parameters() if p.dim() > 1 and not p.any()):  # that begin as 0
        nn.init.normal_(weight)
    loaded = zoo.load(zoo.save(model, tmp_path))
    assert not [key for key in load_file(tmp_path / "model.safetensors") if "vectors" in key]
    inputs = model.inputs(len(PARTS), seed=0)
    asked = {name: x if name == "label" else x[:1].expand_as(x) for name, x in inputs.items()}  # but for labels alike
    answers = loaded.respond(**asked)
    assert torch.equal(answers, model.respond(**asked))
    assert (answers[1:] != answers[:-1]).flatten(1).any(1).all()


@pytest.mark.parametrize(("variables", "expected"), [
    ({}, (1, 1)),
    ({"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8"}, (8, 2)),
    ({"SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4", "SLURM_NNODES": "2", "SLURM_JOB_NAME": "train"}, (4, 2)),
])
def test_launched_processes_are_recognised(variables, expected, monkeypatch):
    """As torchrun and SLURM describe them to each process."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert processes(Training()) == expected
    assert processes(Training(devices="2", num_nodes=3)) == (2, 3)
