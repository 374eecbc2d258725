"""Real classes at tiny size: one short run of every registered variant serves several tests."""

from types import SimpleNamespace

import pytest
import torch

import zoo
from zoo.core.config import options_of
from zoo.data.listing import say
from zoo.data.module import DataModule
from zoo.models import variant_class
from zoo.training.options import Training
from zoo.training.run import Run

VARIANTS = [variant.name for variant in zoo.variants()]
SAMPLERS = [variant.name for variant in zoo.variants() if variant.task == "sample"]
OF_KIND = {"images": {}, "pairs": {"pairs": "edges"}, "domains": {"domains": "0,1"}}  # the digits as data of a kind


def digits_for(variant: str) -> dict:
    """Options by which the digits are data that a variant takes."""
    cls = variant_class(variant)
    own = getattr(cls.spec(16, 1, 10), "pairs", "files")  # of pairs that it alone is for
    return OF_KIND[cls.data_kind] | ({} if own == "files" else {"pairs": own})


def tiny_config(variant: str) -> dict:
    """A small network, whose first stage, if it has one, ends soon."""
    stages = {"pretrain_images": 24} if "pretrain_images" in options_of(variant_class(variant).Config) else {}
    return {"width": 2} | stages


HALF, WHOLE = 80, 160  # images: ten batches of 8, which is two generator updates for five critic steps


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)  # faster than two for networks this small


@pytest.fixture(autouse=True)
def _same_randomness():
    torch.manual_seed(0)  # whatever ran before in this process


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def cache(tmp_path_factory, monkeypatch):
    """An empty cache folder, and nothing said yet of what was found."""
    say.__wrapped__.cache_clear()  # which has said it in another test
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ZOO_CACHE", str(folder))
    return folder


def tiny_run(variant: str, folder, resume: bool = False, images: int = WHOLE, config: dict | None = None,
             **training) -> Run:
    """A run on 16 px digits that writes a checkpoint every ten batches."""
    options = {"images": images, "batch_size": 8, "image_size": 16, "log_every": 40, "samples_every": HALF,
               "checkpoint_every": HALF, "accelerator": "cpu"} | digits_for(variant) | training
    return Run(variant, tiny_config(variant) if config is None else config, Training(**options), str(folder), resume)


def answers(model, n: int = 4, seed: int = 0, **how) -> torch.Tensor:
    """What a model answers to questions that follow from a seed."""
    return model.respond(**how, **model.inputs(n, seed))


def set_up(data: DataModule, images_seen: int = 0) -> DataModule:
    """A data module as a Trainer on one CPU process has it, its model's clock at ``images_seen``."""
    data.trainer = SimpleNamespace(world_size=1, strategy=SimpleNamespace(root_device=torch.device("cpu")),
                                   lightning_module=SimpleNamespace(accumulate=1, images_seen=images_seen))
    data.setup("fit")
    return data


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """finished(variant): the folder of a tiny run of it, trained once a session."""
    folders = {}

    def folder_of(variant: str):
        if variant not in folders:
            folders[variant] = tmp_path_factory.mktemp(variant)
            tiny_run(variant, folders[variant]).train()
        return folders[variant]

    return folder_of
