"""GenerativeModule: the training of any model of the zoo, whatever it makes."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, ClassVar, Literal, Protocol

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from zoo.core import parallel
from zoo.core.config import Options, option
from zoo.core.ema import AveragedNetworks
from zoo.core.errors import NonFiniteLossError, UsageError
from zoo.core.logging import Rows
from zoo.core.optimization import Groups
from zoo.core.randomness import Draws
from zoo.core.schedules import linear_decay, scaled

Terms = dict[str, Tensor]
Batch = Any  # a named tuple of tensors with one first dimension; of which kind, the task says


class Spec(Protocol):
    """What the engine needs to know of a data set."""

    @property
    def name(self) -> str: ...

    def to_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Config(Options):
    """What every model of the zoo can be told."""

    optimizer: Literal["adam", "rmsprop"] = option("adam", "of every group")
    learning_rate: float = option(2e-4, "learning rate of every optimizer (alpha)", minimum=0)
    beta1: float = option(0.5, "Adam's decay of the first moment", minimum=0, maximum=0.9999)
    beta2: float = option(0.999, "Adam's decay of the second moment", minimum=0, maximum=0.999999)
    decay_images: int = option(0, "budget in images in whose second half learning rates fall in a line to 0: as "
                               "many as --images for CycleGAN's schedule (0: they stay)", minimum=0)
    ema_halflife: int = option(10_000, "half-life, in images, of the averaged weights that answer (0: no averaging; "
                               "10k: Karras 2020, arXiv:1912.04958)", minimum=0)


AnyConfig = Config  # for the class below, where Config is a variant's own


class GenerativeModule(LightningModule):
    """A model that is trained by optimizer steps of several groups in turn.

    A subclass names who is trained by which optimizer (``optimizer_groups``), which networks are needed to answer
    (``networks_for_sampling``), and writes ``training_step`` with ``optimize`` or ``alternate``.

    The clock is ``images_seen``: examples of the data shown to the model, over all processes. Everything random in a
    step follows from ``(seed, images_seen)`` and the row of the batch, so no generator state has to survive a
    checkpoint, and what is drawn with ``draw`` does not depend on the number of processes either.

    Attributes:
        config: the variant's options.
        data: shape and origin of the training data.
        images_seen: the clock. A Python int, since reading a device buffer would stall a GPU every step.
        updates: optimizer steps so far, by group.
        rate_left: what ``decay_images`` leaves of the learning rates at this step, by the clock before it.
        accumulate: parts that a process takes its share of the batch in, to need less memory. The step is that of the
            whole share, but for batch-norm, which sees the parts.
        alone: the only group that takes steps for the time being, while the others' losses are but computed; None: each
            in its turn.
        ema: averaged copies of the networks that answer, by name; updated after every step of the live ones.
    """

    Config: ClassVar[type[AnyConfig]] = AnyConfig
    variant: ClassVar[str]  # the name it is registered under
    kind: ClassVar[str]  # what sort of model it is, in a word: of the table of variants
    couples_images: bool = False  # whether a loss compares the examples of a batch with each other
    group_size: int = 1  # examples that a network compares with each other: a part of a batch is a multiple of it
    penalises_gradients: bool = False  # whether a loss has second derivatives of the networks
    channels_last: ClassVar[bool] = True  # whether its convolutions are faster with the channels last
    monitor: ClassVar[str | None] = None  # the tracked quantity, lower is better, that picks the best checkpoint
    dtype: torch.dtype  # by Lightning's type it could be a name

    def __init__(self, config: AnyConfig, data: Spec) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.config, self.data = config, data
        self.seed = torch.initial_seed() % 2**32
        self.images_seen = 0
        self.updates: dict[str, int] = {}
        self.rate_left = 1.0
        self.accumulate = 1
        self.alone: str | None = None
        self.terms: Terms = {}  # the latest value of every loss term, "group/term"
        self.measured: Terms = {}  # the latest value of everything else that is logged
        self._draws = Draws()
        self.whole = True  # whether it has all its networks: a loaded model has those that answer
        self.ema = AveragedNetworks({}, config.ema_halflife)
        self.save_hyperparameters({"variant": self.variant} | config.to_dict())  # for loggers

    @classmethod
    def load_from_checkpoint(cls, *args: Any, **kwargs: Any) -> Any:
        """Not here: a checkpoint holds plain values that the zoo reads."""
        raise UsageError("zoo.load takes a run's folder or one of its checkpoints: zoo.load(path)")

    # ---- what a variant defines -------------------------------------------------------------------------------

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Group name -> the parameters that its optimizer trains."""
        raise NotImplementedError

    def networks_for_sampling(self) -> dict[str, nn.Module]:
        """The live networks that a published model needs, by name."""
        raise NotImplementedError

    def build_optimizer(self, group: str, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        config, rate = self.config, self.learning_rate_of(group)
        if config.optimizer == "rmsprop":
            return torch.optim.RMSprop(parameters, rate)
        return torch.optim.Adam(parameters, rate, (config.beta1, config.beta2), fused=True)

    def learning_rate_of(self, group: str) -> float:
        return self.config.learning_rate

    def discriminator_loss(self, batch: Batch) -> Terms:
        """The terms that the discriminator descends, for ``alternate``."""
        raise NotImplementedError

    def generator_loss(self, batch: Batch) -> Terms:
        """The terms that the generator descends, for ``alternate``."""
        raise NotImplementedError

    # ---- one optimizer step -----------------------------------------------------------------------------------

    @property
    def critic_steps(self) -> int:
        """Discriminator updates per generator update."""
        return 1

    @property
    def turns(self) -> int:
        """Turns that the discriminator has had."""
        return self.updates.get("discriminator", 0)

    def train_discriminator(self, batch: Batch) -> None:
        """The discriminator's turn."""
        self.optimize("discriminator", self.discriminator_loss, batch)

    def alternate(self, batch: Batch) -> None:
        """A turn of the discriminator and, every ``critic_steps``-th time, a step of the generator."""
        self.train_discriminator(batch)
        if self.turns % self.critic_steps == 0 or self.alone == "generator":
            self.optimize("generator", self.generator_loss, batch)

    def optimize(self, group: str, loss: Callable[[Batch], Terms], batch: Batch) -> None:
        """One step of one group on the sum of the terms that ``loss(batch)`` returns.

        The only place in the project that calls backward or steps an optimizer. Networks of other groups are frozen
        meanwhile. Gradients are averaged over the processes, and over the parts of the batch if it is taken in
        ``accumulate`` parts, so a term has to be a mean over the batch.

        Raises:
            NonFiniteLossError: before the step on the CPU; on a GPU at the next logging interval, since looking at a
                value there waits for all work before it.
        """
        optimizers = self.optimizers()
        optimizer = optimizers[self.groups.names.index(group)] if isinstance(optimizers, list) else optimizers
        optimizer.zero_grad()
        with self.groups.alone(group):
            self._backward(group, loss, batch)
        if self.alone not in (None, group):
            return
        parallel.average_gradients(self.groups.own[group])
        with scaled(optimizer.optimizer, self.rate_left):
            optimizer.step()
        self.updates[group] += 1
        if group in self.groups.moved:
            self.ema.move(self.networks_for_sampling(), self.images_seen)

    def _backward(self, group: str, loss: Callable[[Batch], Terms], batch: Batch) -> None:
        """Adds up the gradients of every part of the batch; notes the terms, detached, as means over the parts."""
        parts = [batch] if self.accumulate == 1 else [
            type(batch)(*part) for part in zip(*(x.chunk(self.accumulate) for x in batch), strict=True)]
        means: Terms = {}
        with self._draws.parts(len(parts)) as indices:
            for index in indices:
                terms = loss(parts[index])
                if len(parts) > 1:
                    terms = {name: value / len(parts) for name, value in terms.items()}
                total = reduce(add, terms.values())
                means = {name: means[name] + value.detach() if name in means else value.detach()
                         for name, value in terms.items()}
                if total.device.type == "cpu" and not math.isfinite(total.item()):
                    self.terms |= {f"{group}/{name}": value for name, value in means.items()}
                    self.check_finite()
                self.manual_backward(total)
        self.terms |= {f"{group}/{name}": value for name, value in means.items()}

    def track(self, name: str, value: Tensor | float) -> None:
        """Logs a measured quantity that is not part of a loss."""
        self.measured[name] = torch.as_tensor(value).detach()

    def check_finite(self) -> None:
        """Raises NonFiniteLossError if a term is NaN or infinite."""
        for name, value in self.terms.items():
            if not torch.isfinite(value):
                raise NonFiniteLossError(
                    f"{self.variant}: loss term {name} is {value.item()} after {self.images_seen:,} images; "
                    f"{self.last_good()}. A lower --learning-rate, another --seed or --precision 32-true may help.")

    def last_good(self) -> str:
        """Which checkpoint a run that went wrong can go on from, in words."""
        checkpoint = getattr(self.trainer.checkpoint_callback, "last_model_path", "")
        return f"the last good checkpoint is {checkpoint}" if checkpoint else "there is no checkpoint yet"

    def draw(self, distribution: Callable[..., Tensor], n: int, *shape: int) -> Tensor:
        """(n, *shape) from ``torch.randn`` or ``torch.rand``: a row for each of the n examples that a loss looks at.

        The rows differ between processes, and the run depends neither on their number nor on ``accumulate``.
        """
        return self._draws(distribution, n, *shape, device=self.device, dtype=self.dtype)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Meanwhile losses can be computed to look at them: networks are in evaluation mode, ``draw`` gives the same
        numbers every time, and nothing of the training changes by it."""
        modes, measured = {network: network.training for network in self.modules()}, self.measured
        self.measured = {}
        self.eval()
        try:
            with self._draws.again(self.seed, 0):
                yield
        finally:
            self.measured = measured
            for network, mode in modes.items():
                network.training = mode

    def arrange(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network with the weights of its convolutions in the order that is fastest, in place.

        With the channels last most take an eighth less time on the CPU. A network that answers has that order too,
        however it came about, since another one rounds otherwise. Not on Apple's GPUs.
        """
        last = self.channels_last and device.type != "mps"
        return network.to(memory_format=torch.channels_last) if last else network

    # ---- Lightning's hooks ------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        if stage == "fit" and not self.whole:
            raise UsageError(f"a loaded {self.variant} has the networks that answer and no others, such as a "
                             "discriminator: it cannot be trained on. zoo.train or zoo train trains one from its "
                             "beginning, and --resume RUN goes on with a run")
        if self.trainer.world_size > 1 and not isinstance(self.trainer.strategy, parallel.ZooStrategy):
            raise UsageError("on several processes a model of the zoo needs Trainer(strategy=zoo.ZooStrategy()): "
                             "Lightning's own ddp expects a single backward pass a step")
        # Lightning does so too, but after it has loaded a checkpoint: one in float64 would be rounded on its way.
        self.trainer.precision_plugin.convert_module(self)
        self.arrange(self, self.trainer.strategy.root_device)
        if not torch.cuda.is_available():
            # Lightning has torch look for GPUs through NVML, and Adam looks at every step: where there is none, half a
            # millisecond, and with that a quarter of the step of a small network.
            os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        averaged = [p for network in self.networks_for_sampling().values() for p in network.parameters()]
        self.groups = Groups(self.optimizer_groups(), averaged)
        self.updates = {name: self.updates.get(name, 0) for name in self.groups.names}
        return [self.build_optimizer(name, parameters) for name, parameters in self.groups.own.items()]

    def configure_model(self) -> None:
        if not self.ema:
            self.ema = AveragedNetworks(self.networks_for_sampling(), self.config.ema_halflife)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Brings numbers of 8 bits to floats in [-1, 1] and floats to the model's precision; whole numbers stay."""
        return type(batch)(*map(self._to_floats, batch))

    def _to_floats(self, values: Tensor) -> Tensor:
        if values.dtype == torch.uint8:  # normalised on the device: a quarter of the bytes to move
            return values.to(self.dtype).div_(127.5).sub_(1)
        return values.to(self.dtype) if values.is_floating_point() else values

    def seen_before(self, batch: Batch) -> int:
        """The clock before the step of this batch."""
        return self.images_seen - len(batch[0]) * parallel.world_size()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        self.rate_left = linear_decay(self.images_seen, self.config.decay_images)
        self.images_seen += len(batch[0]) * parallel.world_size()
        self._draws.begin(self.seed, self.images_seen)
        # For a variant's own layers that draw globally. torch.manual_seed would also note, with a stack trace, what to
        # seed on a GPU that is not in use: an eighth of the step of a small network.
        on_gpu = self.device.type != "cpu"
        (torch.manual_seed if on_gpu else torch.default_generator.manual_seed)(
            (self.seed * 1_000_003 + self.images_seen + parallel.rank() + 1) % 2**63)

    def configure_callbacks(self) -> list[Callback]:
        return [Rows()]

    def log_values(self) -> dict[str, Tensor | float]:
        """What goes to the loggers: the latest terms, whatever else was tracked, and the counts of updates."""
        return self.terms | self.measured | {f"{group}/updates": float(n) for group, n in self.updates.items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.check_finite()
        checkpoint["zoo"] = self.description() | {"layout": LAYOUT, "seed": self.seed, "images_seen": self.images_seen,
                                                  "ema_seen": self.ema.seen, "updates": dict(self.updates)}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if "zoo" not in checkpoint:
            raise UsageError("this is not a checkpoint of a model of the zoo")
        state = checkpoint["zoo"]
        if state.get("layout", 1) != LAYOUT:
            raise UsageError(f"the checkpoint is of layout {state.get('layout', 1)} and this zoo goes on with layout "
                             f"{LAYOUT} alone, since going on would make another run of it: start it again, or go on "
                             "with the version of gan-zoo that began it (its config.json says which)")
        # Options that came into the zoo since then have their defaults.
        state = state | {"config": type(self.config).from_dict(state["config"]).to_dict()}
        for key, ours in self.description().items():
            if state[key] != ours:
                raise UsageError(f"the checkpoint was made with another {key}: {_difference(state[key], ours)}")
        self.seed, self.images_seen = state["seed"], state["images_seen"]
        self.ema.seen, self.updates = state["ema_seen"], dict(state["updates"])

    def description(self) -> dict[str, Any]:
        """Variant, config and data set, as plain values: what config.json holds."""
        return {"variant": self.variant, "config": self.config.to_dict(), "data": self.data.to_dict()}


LAYOUT = 4  # of checkpoints: raised when a resumed run would not be the run that it was


def _difference(theirs: Any, ours: Any) -> str:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        keys = [key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key)]
        return ", ".join(f"{key}={theirs.get(key)!r} there, {ours.get(key)!r} here" for key in sorted(keys))
    return f"{theirs!r} there, {ours!r} here"
