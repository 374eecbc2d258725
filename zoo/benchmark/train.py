"""A run of the zoo, with its averaged weights, log and watchers, beside the bare loop."""

import tempfile
from argparse import Namespace
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from zoo.benchmark import by_hand, styled_by_hand, translating_by_hand, upscaling_by_hand, writing_by_hand
from zoo.benchmark.measure import WARM_UP, Comparison, Meter, compare
from zoo.core.config import options_of
from zoo.models import variant_class
from zoo.training.options import Training
from zoo.training.run import Run

# Of those that are written by hand too: as what they take the digits, or what in their place.
DATA_OF: dict[str, dict[str, Any]] = {"pix2pix": {"pairs": "edges"}, "cyclegan": {"domains": "0,1"},
                                      "srgan": {"pairs": "quarter"}, "lstm": writing_by_hand.DATA}
OF_MODEL: dict[str, dict[str, Any]] = {"srgan": {  # whose first stage is without a discriminator
    "pretrain_images": 0, "blocks": upscaling_by_hand.BLOCKS, "judge_width": upscaling_by_hand.JUDGE}}

REFERENCES: dict[str, Any] = {"stylegan2": styled_by_hand, "pix2pix": translating_by_hand,
                              "cyclegan": translating_by_hand, "srgan": upscaling_by_hand, "lstm": writing_by_hand}


class Clock(Callback):
    """Starts a meter after the warm-up and stops it after so many batches more."""

    def __init__(self, meter: Meter, batches: int) -> None:
        self.meter, self.batches = meter, batches

    def on_train_batch_end(self, trainer: Trainer, model: LightningModule, outputs: Any, batch: Any,
                           batch_idx: int) -> None:
        if batch_idx + 1 == WARM_UP:
            self.meter.start()
        if batch_idx + 1 == WARM_UP + self.batches:
            self.meter.stop()


def run(options: Namespace, folder: str, meter: Meter, processes: int = 1, more: dict[str, Any] | None = None) -> Run:
    """A run that ends a batch after the meter has, and writes grids and checkpoints only there.

    Args:
        more: options of the model.
    """
    batch_size = options.batch_size * processes
    images = (WARM_UP + options.batches + 1) * batch_size
    has_backbone = "backbone" in options_of(variant_class(options.variant).Config)
    data = {"image_size": options.image_size} | DATA_OF.get(options.variant, {})
    training = Training(images=images, batch_size=batch_size, samples_every=2 * images, checkpoint_every=2 * images,
                        **data)
    backbone = {"backbone": options.backbone} if has_backbone else {}
    config = {"width": options.width} | backbone | OF_MODEL.get(options.variant, {}) | (more or {})
    run = Run(options.variant, config, training, folder)
    run.more_callbacks = [Clock(meter, options.batches)]
    return run


def ours(options: Namespace, meter: Meter, more: dict[str, Any] | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(options, folder, meter, more=more).train()


def measure(options: Namespace) -> Comparison:
    reference = REFERENCES.get(options.variant, by_hand)
    reference.check(options)
    return compare(ours, reference.train, options)
