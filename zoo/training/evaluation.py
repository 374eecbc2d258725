"""Following a distance and label agreement during training, with torchmetrics."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torchmetrics.aggregation import MeanMetric
from torchmetrics.image.fid import FrechetInceptionDistance

from zoo.core import parallel
from zoo.core.module import Batch
from zoo.data.batches import take
from zoo.data.module import DataModule
from zoo.data.source import Source
from zoo.metrics.classes import label_agreement
from zoo.metrics.features import FeatureSpace, to_uint8
from zoo.metrics.real import real_side
from zoo.tasks.task import Task
from zoo.training.callbacks import crossed

BATCH = 256  # images


class Evaluation(Callback):
    """Measures every so many images, and at the end, the Frechet distance to real images and label agreement.

    To training images by default, since the best checkpoint is chosen by it: test images are for ``zoo.evaluate``
    afterwards. The processes share the samples; torchmetrics adds up their sums.

    Args:
        space: where to compare.
        every: images between measurements.
        samples: images to generate, and real ones to compare them with, at most.
        budget: images seen at the end.
        real: a split to compare with instead of the training images; its features are kept for other runs.

    Attributes:
        name: of the distance, such as ``fd10k[mnist]``.
        measured_at: images seen at the last measurement.
        curve: images seen and distance at every measurement, of a resumed run's earlier parts too.
    """

    def __init__(self, space: FeatureSpace, every: int, samples: int, budget: int, real: Source | None = None) -> None:
        self.space, self.every, self.samples, self.budget, self.real = space, every, samples, budget, real
        self.name = space.distance_name(samples)
        self.measured_at = -1
        self.curve: list[list[float]] = []
        self._distance: FrechetInceptionDistance | None = None

    def on_train_start(self, trainer: Trainer, model: Task) -> None:
        self.space.extractor.to(model.device)
        data: DataModule = trainer.datamodule  # type: ignore[attr-defined]  # set from outside
        for pooled in self._real_features(data, model.device):
            if self._distance is None:
                where = model.device if parallel.world_size() > 1 else torch.device("cpu")  # where sums are exchanged
                self._distance = FrechetInceptionDistance(_Given(pooled.shape[1]), reset_real_features=False).to(where)
            self._distance.update(pooled.to(self._distance.device), real=True)

    def _real_features(self, data: DataModule, device: torch.device) -> Iterator[Tensor]:
        """Features (n, d) of this process's share of the real images, in batches; notes the examples of all."""
        if self.real is not None:
            self.real.prepare()
        columns = data.columns if self.real is None else self.real.load()
        rows = torch.randperm(len(columns.truth), generator=torch.Generator().manual_seed(0))[:self.samples]
        self._examples = take(columns, rows)
        if self.real is not None:
            real = real_side(self.real, self.space, self.samples, BATCH, device)
            yield real.features.pooled[_share(torch.arange(len(real.labels)))]
            return
        for batch in _share(rows).split(BATCH):
            yield self.space.extract(columns.truth[batch].to(device)).pooled

    def on_train_batch_end(self, trainer: Trainer, model: Task, outputs: Any, batch: Batch,
                           batch_idx: int) -> None:
        if model.images_seen >= self.budget or crossed(model, batch, self.every):  # not when a signal stops the run
            self._measure(model)
            self.measured_at = model.images_seen
            self.curve.append([model.images_seen, float(model.measured[self.name])])

    def state_dict(self) -> dict[str, Any]:
        return {"curve": self.curve}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.curve = state["curve"]

    def _measure(self, model: Task) -> None:
        inputs = model.inputs(self.samples, 0, self._examples)
        distance = self._distance
        assert distance is not None  # there are real images
        agreement: dict[str, MeanMetric] = defaultdict(lambda: MeanMetric().to(distance.device))
        for rows in _share(torch.arange(self.samples)).split(BATCH):
            part = {name: x[rows] for name, x in inputs.items()}
            pooled, logits = self.space.extract(to_uint8(model.respond(**part)).to(model.device))
            distance.update(pooled.to(distance.device), real=False)
            if "label" in part and self.space.classifier is not None:
                seen = label_agreement(self.space.classifier, logits, part["label"], model.data.class_names)
                for head, share in seen.items():
                    agreement[head].update(share, len(rows))
        model.track(self.name, distance.compute())
        distance.reset()
        for head, mean in agreement.items():
            model.track(f"label_agreement{self.space.telling}/{head}", mean.compute())


class _Given(nn.Identity):
    """A feature network for features that are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def _share(rows: Tensor) -> Tensor:
    """This process's part of them."""
    return rows[parallel.rank()::parallel.world_size()]
