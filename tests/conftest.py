"""Real classes at tiny size: one short run of every registered variant serves several tests."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock

import zoo
from zoo.core.config import options_of
from zoo.data.listing import say
from zoo.data.module import DataModule
from zoo.models import variant_class
from zoo.tasks.task import Task
from zoo.training.options import Training
from zoo.training.run import Run

WRITERS = [variant.name for variant in zoo.variants() if variant.task == "write"]
REWRITERS = [variant.name for variant in zoo.variants() if variant.task == "rewrite"]
OF_SENTENCES = [*WRITERS, *REWRITERS]
PICTURES = [variant.name for variant in zoo.variants() if variant.name not in OF_SENTENCES]
VARIANTS = [*PICTURES, *OF_SENTENCES]
SAMPLERS = [variant.name for variant in zoo.variants() if variant.task == "sample"]
OF_KIND = {"images": {}, "captions": {}, "pairs": {"pairs": "edges"}, "domains": {"domains": "0,1"},  # the digits so
           "text": {"data": "grammar", "length": 6},  # and short sentences
           "styles": {"data": str(Path(__file__).with_name("styles"))}}
WORDS = ["a", "cat", "dog", "sees", "the"]


def digits_for(variant: str) -> dict:
    """Options by which the digits are data that a variant takes; sentences for those that write."""
    cls = variant_class(variant)
    own = getattr(cls.spec(), "pairs", "files")  # of pairs that it alone is for
    return OF_KIND[cls.data_kind] | ({} if own == "files" else {"pairs": own})


def created(variant: str, image_size: int = 16, channels: int = 1, classes: int = 10, **config) -> Task:
    """A new model of data without a name; of sentences that are short."""
    shape = {"words": WORDS, "length": 6} if variant in OF_SENTENCES else {
        "image_size": image_size, "channels": channels, "classes": classes}
    return zoo.create(variant, **shape, **config)


def options_with(variant: str, **values) -> dict:
    """Those of the values that are options of the variant, and say something where the others have their defaults."""
    options = options_of(variant_class(variant).Config)
    return {name: value for name, value in values.items()
            if name in options and options[name].counts(lambda other: options[other].default)}


SMALL = {"width": 2, "blocks": 1, "judge_width": 2, "code_width": 8, "condition_dim": 4, "text_width": 4,
         "patches": 16, "kernels": 8, "steps": 5, "sampling_steps": 4}  # networks, and what is done with them


def tiny_config(variant: str) -> dict:
    """Of few channels; what learns in stages is soon through with the first ones."""
    small = SMALL | ({"width": 32} if variant in REWRITERS else {})  # with fewer, it does not depend on what is given
    return options_with(variant, **small, embedding_dim=16, style_dim=2, filters=2, pretrain_images=24,
                        stage_one_images=48, likelihood=16, warm_up=16, rollouts=2, adversarial_learning_rate=0.01)


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
    size = {} if variant in OF_SENTENCES else {"image_size": 16}
    options = size | {"images": images, "batch_size": 8, "log_every": 40, "samples_every": HALF,
               "checkpoint_every": HALF, "accelerator": "cpu"} | digits_for(variant) | training
    return Run(variant, tiny_config(variant) if config is None else config, Training(**options), str(folder), resume)


def answers(model, n: int = 4, seed: int = 0, **how) -> torch.Tensor:
    """What a model answers to questions that follow from a seed."""
    return model.respond(**how, **model.inputs(n, seed))


def set_up(data: DataModule, images_seen: int = 0) -> DataModule:
    """A data module as a Trainer on one CPU process has it, its model's clock at ``images_seen``."""
    model = SimpleNamespace(accumulate=1, group_size=1, images_seen=images_seen)
    data.trainer = SimpleNamespace(world_size=1, strategy=SimpleNamespace(root_device=torch.device("cpu")),
                                   lightning_module=model)
    data.setup("fit")
    return data


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """finished(variant): the folder of a tiny run of it, trained once for all of pytest, to be left as it is."""
    alone = tmp_path_factory.getbasetemp()
    shared = (alone.parent if "PYTEST_XDIST_WORKER" in os.environ else alone) / "finished"
    shared.mkdir(exist_ok=True)

    def folder_of(variant: str) -> Path:
        whole = shared / variant
        if not whole.exists():
            with FileLock(shared / f"{variant}.lock"):
                if not whole.exists():  # nor did another process train it meanwhile
                    begun = tmp_path_factory.mktemp(variant)
                    tiny_run(variant, begun).train()
                    shutil.move(begun, whole)
        return whole

    return folder_of
