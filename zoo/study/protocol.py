"""What all runs of a study have in common: the protocol of Lucic 2018 unless told otherwise."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from zoo.core.config import Options, option, options_of
from zoo.core.errors import UsageError
from zoo.data.image_spec import MOST_HELD_OUT
from zoo.data.origin import DataSpec
from zoo.data.source import Source, held_out
from zoo.data.sources import open_source
from zoo.models import variant_class
from zoo.networks import BackboneName
from zoo.training.options import Accelerator, Training

MOST_SAMPLES = 10_000  # generated, and real, for a distance
SCORES = 4  # on the way, evenly, the last at the end
PASSES = 20  # over the training images: the paper's budget for MNIST
BUDGETS = {"mnist": 1_000_000, "fashion-mnist": 1_000_000, "cifar10": 5_000_000}  # images, the paper's


@dataclass(frozen=True, kw_only=True)
class StudyProtocol(Options):
    """What the distances of a study depend on, besides variant, hyperparameters and seed of a run."""

    data: str = option("digits", "a data set, as zoo train takes them", group="protocol")
    image_size: int = option(0, "pixels (0: the data set's own; 64 for a folder)", minimum=0, group="protocol")
    held_out: float = option(0.0, "share of the pictures for the split test of a set that has none, as zoo train takes "
                             "it", minimum=0, maximum=MOST_HELD_OUT, group="protocol")
    search: Literal["wide", "narrow", "none"] = option(
        "wide", "ranges of the hyperparameters, as the paper has them (none: only the authors' defaults)",
        group="protocol")
    images: int = option(0, "budget of a run, real images to see, such as 1M (0: the paper's 1M for mnist and "
                         "fashion-mnist and 5M for cifar10, else 20 passes over the data, 100k at least)", minimum=0,
                         group="protocol")
    batch_size: int = option(64, "images a step of the discriminator", minimum=2, group="protocol")
    backbone: BackboneName = option("infogan", "pair of networks of all models", group="protocol")
    width: int = option(64, "channels of the layer nearest the image", minimum=1, maximum=1024, group="protocol")
    latent_dim: int = option(64, "dimensions of the latent: uniform, but normal for auto-encoders", minimum=1,
                             group="protocol")
    features: str | None = option(None, "feature space of the distance: inception or a bundled classifier (default: "
                                  "the data set's own, else inception)", group="protocol")
    samples: int = option(0, "images to generate for a distance, and to compare with at most (0: as many as there are "
                          "real ones in the split, at most 10k)", minimum=0, group="protocol")
    split: Literal["auto", "train", "val", "test"] = option(
        "auto", "of the real images to compare with (auto: test or val, where there is such a split)", group="protocol")
    study_seed: int = option(0, "of the hyperparameters that the search draws", minimum=0, group="protocol")

    def open(self, data_dir: str | None, split: str = "train") -> Source:
        """A split of the data set."""
        return open_source(self.data, data_dir, self.image_size, split=split, held_out=self.held_out)

    def resolved(self, data_dir: str | None) -> tuple["StudyProtocol", DataSpec]:
        """The protocol with all that was left open decided, and the data set. ``features`` gets its weights' digest.

        Raises:
            UsageError: an unknown data set, split or feature space, points, or a data set that cannot be had.
        """
        from zoo.metrics.features import default_features, feature_space  # torch-fidelity takes seconds to import

        train = self.open(data_dir)
        spec = train.spec
        if spec.kind != "images":
            raise UsageError(f"{spec.name} is a set of {spec.kind}, which has no Frechet distance: the study takes "
                             "images")
        split = self.split if self.split != "auto" else held_out(train)
        real = self.open(data_dir, split)
        for source in (train, real):
            source.prepare()
        space = feature_space((self.features or default_features(spec.name)).split("@")[0])
        images = self.images or BUDGETS.get(spec.name) or max(PASSES * spec.images, 100_000)
        return replace(self, image_size=spec.image_size, images=images, split=split,
                       samples=self.samples or min(MOST_SAMPLES, real.spec.images),
                       features=f"{space.name}@{space.digest}"), spec

    def config(self, variant: str) -> dict[str, Any]:
        """The fields of a variant's Config that the protocol decides. No weights are averaged: the paper has none."""
        cls = variant_class(variant)
        known = options_of(cls.Config)
        config = {"backbone": self.backbone, "width": self.width, "latent_dim": self.latent_dim, "optimizer": "adam",
                  "ema_halflife": 0}
        if "latent" not in cls.defining and "uniform" in known["latent"].choices:
            config["latent"] = "uniform"
        return {name: value for name, value in config.items() if name in known}  # an energy's chains have no latent_dim

    def check(self, variant: str, spec: DataSpec) -> None:
        """Raises UsageError if a variant cannot be built or measured so."""
        self.training(0, None, "cpu")
        cls = variant_class(variant)
        if "backbone" not in options_of(cls.Config):
            raise UsageError(f"{variant} has networks of its own, and the study compares variants on the same ones: "
                             "leave it out")
        with torch.device("meta"):
            cls(cls.Config.from_dict(self.config(variant)), spec)

    def training(self, seed: int, data_dir: str | None, accelerator: Accelerator) -> Training:
        """The options of a run: on one device, scored four times, with nothing kept that the study does not need."""
        assert self.features is not None  # it is resolved
        assert self.split != "auto"
        return Training(
            data=self.data, data_dir=data_dir, image_size=self.image_size, held_out=self.held_out, images=self.images,
            batch_size=self.batch_size, seed=seed, accelerator=accelerator, devices="1",
            log_every=max(1, self.images // 20), samples_every=self.images, checkpoint_every=self.images,
            eval_every=-(-self.images // SCORES), eval_features=self.features.split("@")[0],
            eval_samples=self.samples, eval_split=self.split)
