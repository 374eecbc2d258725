"""Task: what every model owes to those who save, export, show, measure and publish it, whatever it makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from zoo.core.config import option
from zoo.core.errors import CannotError, UsageError
from zoo.core.module import Batch, Config, GenerativeModule
from zoo.core.precision import Precision, arithmetic
from zoo.tasks.asking import View

if TYPE_CHECKING:
    from PIL import Image

MILESTONES = (100, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)  # updates of a generator
PASS = 256  # answers that are computed at once
OF_PICTURES = """Lower is better for distances (`fid`, `fd`, `kid`, `perceptual`), errors (`cycle`, and what ends in \
`l1`) and `class_kl`, higher for the others; `/floor`, `/held-out` and `/real` are what real images get, `/copy`, \
`/mean` and `/nearest` what trivial answers get (the picture that was given; the mean of the true ones; what belongs \
to the nearest training picture), `/drawn` what an answer in a random style gets, `/accuracy` is how often a judge of \
two domains is right of real images, `/std` a spread. `fd` and `kid` in other features than InceptionV3's say nothing \
about FID, and `perceptual` nothing about LPIPS."""
IN_STEPS = """`/noise` is what pictures of uniform noise get. Of samples `/nearest` is what training pictures get, for \
each sample the nearest in the same features: a distance cannot tell making from copying, which `memorised` does."""
QUESTIONS: set[str] = set()  # what a model of some task can be asked: every class adds what it ``asks``
Inputs = dict[str, Any]  # name -> Tensor (n, ...); Any, since in ``respond(**inputs)`` a name could be an option's


@dataclass(frozen=True, kw_only=True)
class WidthConfig(Config):
    """What a model of images can be told whose networks are as wide as one wants."""

    width: int = option(64, "channels of the layer nearest the image; the others are multiples of it", minimum=1,
                        maximum=1024)


def passes(n: int, batch_size: int) -> tuple[Tensor, ...]:
    """The numbers of n rows, as many at once as a pass through the networks takes. Raises UsageError for none."""
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, not {batch_size}")
    return torch.arange(n, device="cpu").split(batch_size)


class Task(GenerativeModule):
    """A model that answers: inputs in, outputs out, the same every time.

    ``inputs`` makes questions, ``respond`` answers them; the golden file of a model folder, its pictures, its export,
    its evaluation and what watches a run are made of these two. Everything random in an answer is an input.

    A subclass, one a task, says the rest; a variant seldom has to.
    """

    task: ClassVar[str]  # as in ``zoo.pretrained(task=...)`` and config.json
    asks: ClassVar[tuple[str, ...]]  # the methods that a user calls
    hub_tag: ClassVar[str]  # the task's name on the Hugging Face Hub
    data_kind: ClassVar[str]  # of the sources that it trains on, see ``zoo.data.sources``
    spec_kinds: ClassVar[tuple[str, ...]]  # of data specs that its networks can be built for
    output: ClassVar[str]  # what an answer is, in a word: its name in an exported file
    examples: ClassVar[str] = "images"  # what the clock counts, and data are made of
    reading: ClassVar[str] = OF_PICTURES  # how its numbers are to be read, for its card
    samples: ClassVar[str] = "samples.png"  # the file of a model folder that shows answers, see ``write_sheet``
    once: ClassVar[bool] = False  # whether an example of the data is a question that is asked once
    smallest_batch: ClassVar[int] = 2  # examples of a step: batch-norm knows no spread of one
    ways: ClassVar[tuple[str, ...]] = ("grey", "edges")  # to derive pairs that a user is told of, see ``--pairs``
    paired: ClassVar[bool] = False  # whether the data have the right answer to each question
    searched: ClassVar[tuple[str, ...]] = ()  # of ``zoo.study.space.WIDE``: its own fields that a study varies
    defining: ClassVar[tuple[str, ...]] = ()  # fields of its Config that a study leaves alone: they make it what it is
    takes_style: ClassVar[bool] = False  # whether a picture can be shown whose style answers are to have
    spaces: ClassVar[tuple[str, ...]] = ()  # of latents, between which there are ways; none where it takes no latents
    no_graph: ClassVar[str] = ""  # why there is no file that computes ``answer``, in words; empty where there is one
    no_gradient: ClassVar[str] = ""  # why answers have no gradient in their inputs, in words; empty where they have one
    data: Any  # a spec of one of these kinds
    precision: Precision = "32-true"  # of answers, see ``zoo.load``; training has its own

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        QUESTIONS.update(getattr(cls, "asks", ()))  # a base of several tasks may have none yet

    def __init__(self, config: Any, data: Any) -> None:
        super().__init__(config, data)
        self.check_kind(data)

    @classmethod
    def check_kind(cls, data: Any) -> None:
        """Raises UsageError for data that there are no networks for; before what else a variant makes of their size."""
        if data.kind not in cls.spec_kinds:
            raise UsageError(f"{cls.variant} takes data of the kind {' or '.join(cls.spec_kinds)}, and {data.name} "
                             f"are {data.kind}")

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        """What a user has to give, such as labels or images; empty where a number of answers is enough."""
        raise NotImplementedError

    @classmethod
    def spec(cls, *args: Any, **shape: Any) -> Any:
        """Of data without a name, for a model that is made by hand with ``zoo.create``, which takes these options."""
        raise NotImplementedError

    # ---- questions and answers --------------------------------------------------------------------------------

    def inputs(self, n: int, seed: int | None = None, examples: Batch | None = None) -> Inputs:
        """Questions: name -> (n, ...) on the CPU. The first of many are those of few.

        Args:
            seed: of what is random in them.
            examples: of the data, stored or prepared, from which they are taken in turn where they are not all random.
        """
        raise NotImplementedError

    def of_classes(self, classes: Tensor, seed: int | None = None) -> Inputs:
        """Questions for classes of the data (N,), by number. Raises UsageError where it is asked for none alone."""
        raise UsageError(f"{self.variant} on {self.data.name} is asked for no classes alone")

    def answer(self, *args: Any, **inputs: Any) -> Tensor:
        """One pass of the networks that answer, in the unit of ``respond``: what an exported file computes."""
        raise NotImplementedError

    @property
    def factor(self) -> int:
        """How many times as high and wide an answer is as what it is made of."""
        return 1

    def prepare(self, batch: Batch) -> Batch:
        """Examples as a loss takes them, from examples as they are stored."""
        return super().on_after_batch_transfer(batch, 0)

    def truth(self, examples: Batch) -> Tensor:
        """What the data have in place of answers, for prepared examples, in the unit of ``respond``."""
        return self.data.to_unit(examples.truth)

    def trivial(self, examples: Batch) -> dict[str, Tensor]:
        """What takes none of this model's work, by name, in the unit of ``respond``: what its numbers have to be better
        than.

        Args:
            examples: prepared ones, which it is compared with.
        """
        return {}

    @classmethod
    def in_steps(cls) -> bool:
        """Whether pictures come about in steps, whose numbers have to be better than without any: than those of noise,
        and of the nearest training picture."""
        return False

    @torch.no_grad()
    def respond(self, batch_size: int = PASS, ema: bool = True, **inputs: Tensor) -> Tensor:
        """Answers (n, ...) on the CPU, in evaluation mode; they do not depend on how many are asked for at once.

        Args:
            batch_size: answers a pass through the networks.
            ema: averaged weights, if the model has them.
        """
        n = len(next(iter(inputs.values())))
        answers: Tensor | None = None
        with self.answering(ema):
            for rows in passes(n, batch_size):
                answer = self.answer(**{name: self.placed(x[rows]) for name, x in inputs.items()}).cpu()
                if answers is None:  # one tensor is filled: a list of parts would need twice the memory
                    answers = torch.empty(n, *answer.shape[1:], dtype=answer.dtype, device="cpu")
                answers[rows] = answer
        assert answers is not None  # there is a first
        return answers

    def placed(self, x: Tensor) -> Tensor:
        """On the device of the networks that answer and, of floats, in their precision, however they came there."""
        weights = next(p for network in self.networks_for_sampling().values() for p in network.parameters())
        return x.to(weights.device, weights.dtype) if x.is_floating_point() else x.to(weights.device)

    @contextmanager
    def answering(self, ema: bool = True) -> Iterator[None]:
        """Meanwhile the networks that answer are in evaluation mode, and the averaged ones, if there are, in place."""
        live = self.networks_for_sampling()
        modes = {name: network.training for name, network in live.items()}
        self._modules |= dict(self.ema.items()) if ema else {}
        for network in self.networks_for_sampling().values():
            self.arrange(network, self.device).eval()
        try:
            with arithmetic(self.precision, self.device):
                yield
        finally:
            self._modules |= live
            for name, network in live.items():
                network.train(modes[name])

    # ---- shown ------------------------------------------------------------------------------------------------

    def sheet(self, examples: Batch | None = None) -> "Image.Image":
        """Answers that are not picked, in rows."""
        raise NotImplementedError

    def write_sheet(self, path: Path, examples: Batch | None = None) -> None:
        """Writes the file of samples. A task whose answers are no pictures writes another kind of file."""
        self.sheet(examples).save(path, format="png")

    def spread(self, answers: Tensor) -> float:
        """How far apart answers (n, ...) are on average: what falls when a model collapses."""
        return torch.pdist(answers.flatten(1).float().cpu()).mean().item()

    @property
    def sheet_row(self) -> int | None:
        """Pixels from a row of the sheet to the next; None where it has no rows."""
        raise NotImplementedError

    def milestones(self, per_update: int) -> dict[str, int]:
        """What is said of points of the training, in order -> images seen; ``progress.png`` has a row of each.

        Args:
            per_update: images of an update of the generator.
        """
        return {f"{updates:,}": updates * per_update for updates in MILESTONES}

    def pictures(self) -> "dict[str, Image.Image]":
        """More pictures of what it does, by the name of the file."""
        return {}

    def captions(self) -> dict[str, tuple[str, str]]:
        """Name of a picture -> what it is in a word, and how it comes about; in the order of the card."""
        raise NotImplementedError

    def usage(self, name: str) -> str:
        """Lines of Python that ask the model of this name."""
        raise NotImplementedError

    def limits(self) -> str:
        """What it does not know, for its card."""
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """What a program needs to know that runs the exported file."""
        return {}

    def offline(self) -> dict[str, Any]:
        """What a page needs to know to ask the exported file by itself, see ``zoo.web.static``.

        Returns:
            ways: directions (latent_size,) in which latents can be moved.
            latent: whether there is something between two inputs ``normal``.
            truncates: whether these can be kept within a magnitude.
        """
        return {"ways": [], "latent": False, "truncates": False}

    def views(self) -> list[View]:
        """The ways in which a person can ask it in a page."""
        raise NotImplementedError

    # ---- measured ---------------------------------------------------------------------------------------------

    @property
    def measures(self) -> tuple[str, ...]:
        """Names out of ``zoo.metrics.measures`` that tell how good it is."""
        raise NotImplementedError

    @property
    def told_apart(self) -> list[str]:
        """The names of classes or sets of pictures that it knows apart from its training; empty if it knows none."""
        return []

    @property
    def quick_measures(self) -> tuple[str, ...]:
        """Those that a run ends with, of seconds."""
        return ()

    # ---- as a Lightning user calls it -------------------------------------------------------------------------

    def forward(self, *given: Tensor, **inputs: Tensor) -> Tensor:
        """``answer`` of inputs in the order of ``inputs()``, or by name: differentiable in those that are floats.

        With the networks as they are, in training mode while the model is trained; ``respond`` is what users want.
        """
        names = [name for name in self.inputs(1, 0) if name not in inputs]
        given_by_name = {name: self.placed(x) for name, x in zip(names, given, strict=False)}
        return self.answer(**given_by_name, **{name: self.placed(x) for name, x in inputs.items()})

    def predict_step(self, batch: Inputs, batch_idx: int = 0, dataloader_idx: int = 0) -> Tensor:
        """Answers to a batch of inputs by name, for ``Trainer.predict``."""
        return self.respond(**batch)

    # ---- Lightning's hooks and config.json --------------------------------------------------------------------

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        if isinstance(batch, dict):  # questions, of Trainer.predict
            return batch
        batch = self.as_batch(batch)
        if not self._looked:  # once, since looking waits for a GPU
            self._looked = True
            self.data.check_range(batch)
        return self.prepare(batch)

    _looked = False  # at the range of the data

    def as_batch(self, given: Any) -> Batch:
        """A named tuple out of what a user's own loader gives, such as a list of images and labels."""
        return given

    def description(self) -> dict[str, Any]:
        return {"task": self.task} | super().description()

    @classmethod
    def asked_with(cls) -> str:
        """The methods that a user calls, in words: ``sample(), render()``."""
        return ", ".join(f"{ask}()" for ask in cls.asks)

    def __getattr__(self, name: str) -> Any:
        if name in QUESTIONS and name not in type(self).asks:
            raise CannotError(f"{self.variant} cannot {name}: a model of this task can be asked with "
                              + self.asked_with())
        return super().__getattr__(name)
