"""Relabeller: pictures from pictures, into the class that is asked for, learnt from pictures with labels."""

import json
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.core.module import Config
from zoo.data.batches import Labelled
from zoo.data.image_spec import ImageSpec
from zoo.data.labels import STAYS, Labels, asked_parts, heads_of, in_words, targets_of
from zoo.data.pictures import Pictures
from zoo.tasks.asking import Control, Values
from zoo.tasks.drawing import FONT, MARGIN, table
from zoo.tasks.task import Inputs, Task
from zoo.tasks.translator import SHOWN, Translator

if TYPE_CHECKING:
    from PIL import Image

AS_IT_IS = "as it is"
MOST_COLUMNS = 24  # classes of a sheet


class Relabeller(Translator):
    """A model that makes of a picture what it would be in another class, and keeps the rest of it.

    Of classes in parts, such as "pink hair, blue eyes", each part is a head, of which a class can be asked for alone:
    the other heads stay as the picture has them. So what is asked is a number a head, ``label`` (N, heads) int64, and
    ``zoo.data.labels.STAYS`` where nothing is asked.

    Raises:
        UsageError: on data of fewer than two classes.
    """

    data: ImageSpec
    data_kind = "images"
    spec_kinds = ("images",)
    paired = False
    kind = "conditional"

    def __init__(self, config: Config, data: ImageSpec) -> None:
        super().__init__(config, data)
        if data.classes < 2:
            raise UsageError(f"{self.variant} turns pictures of one class into others, and the data set {data.name!r} "
                             "has no two classes: give a folder of class folders (classes=10 to zoo.create)")
        self.heads = heads_of(data.class_names)

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        return ("images", "labels")

    @classmethod
    def spec(cls, image_size: int = 32, channels: int = 1, classes: int = 0) -> ImageSpec:
        return ImageSpec(name="unnamed", image_size=image_size, channels=channels,
                         class_names=[str(label) for label in range(classes)])

    @property
    def source_shape(self) -> tuple[int, int, int]:
        return self.data.shape

    def parts(self, labels: Tensor) -> Tensor:
        """Classes (N,) as classes of the heads, (N, heads)."""
        known = targets_of(self.heads, self.data.class_names)
        assert known is not None  # the heads are of these classes
        return known.to(labels.device)[labels]

    def relabel(self, images: Tensor, label: Tensor) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] from such pictures and what is asked of them, (N, heads)."""
        raise NotImplementedError

    def told(self, n: int, labels: Labels = None, style: Pictures = None) -> Inputs:
        return super().told(n, style=style) | {"label": asked_parts(labels, self.data.class_names, n)}

    def telling(self) -> tuple[Control, ...]:
        stays = (AS_IT_IS,) if len(self.heads) > 1 else ()
        first = next(iter(self.heads))
        return tuple(Control(f"class_{head}", head, "choice", names[0] if head == first else AS_IT_IS,
                             choices=(*stays, *names)) for head, names in self.heads.items())

    def told_by(self, values: Values) -> dict[str, Any]:
        asked = [part for head in self.heads if (part := values[f"class_{head}"]) != AS_IT_IS]
        if not asked:
            raise UsageError(f"choose what is to be changed: {' or '.join(self.heads)}")
        return super().told_by(values) | {"labels": ", ".join(asked)}

    # ---- the contract of a task -------------------------------------------------------------------------------

    def as_batch(self, given: Any) -> Labelled:
        return given if isinstance(given, Labelled) else Labelled(*given)

    def prepare(self, batch: Labelled) -> Labelled:
        return Task.prepare(self, batch)

    def inputs(self, n: int, seed: int | None = None, examples: Labelled | None = None) -> Inputs:
        """The examples in turn, each with the class of another; without examples blurred pictures, all classes in turn.

        Of classes in parts, in turn all are asked for, and each head alone.
        """
        if examples is None:
            source, labels = self._blurred(n, seed), torch.arange(self.data.classes)
        else:
            source = self.data.to_unit(self.prepare(examples).images).cpu()
            order = torch.Generator().manual_seed(0 if seed is None else seed)
            labels = examples.labels.cpu()[torch.randperm(len(source), generator=order)]
        rows, heads = torch.arange(n), len(self.heads)
        alone = rows % (heads + 1) if heads > 1 else 0 * rows  # the number of a head, or 0: all of them
        others = (alone[:, None] > 0) & (alone[:, None] != torch.arange(1, heads + 1))
        label = self.parts(labels[rows % len(labels)]).masked_fill(others, STAYS)
        return {"source": source[rows % len(source)], "label": label}

    def answer(self, source: Tensor, label: Tensor) -> Tensor:  # type: ignore[override]  # it has no noise
        return self.data.to_unit(self.relabel(self.data.from_unit(source), label))

    def columns(self) -> dict[str, Tensor]:
        """What a sheet asks for by name, (heads,): each class of each head alone, of many some, evenly spaced."""
        names = list(self.data.class_names) if len(self.heads) == 1 else sum(self.heads.values(), [])
        some = [names[i * len(names) // MOST_COLUMNS] for i in range(MOST_COLUMNS)] if len(names) > MOST_COLUMNS \
            else names
        return dict(zip(some, asked_parts(some, self.data.class_names, len(some)), strict=True))

    def sheet(self, examples: Labelled | None = None) -> "Image.Image":
        """A row an example: the picture that is given, then what it is in each class."""
        source, columns = self.inputs(SHOWN, 0, examples)["source"], self.columns()
        made = [source, *(self.respond(source=source, label=asked.expand(SHOWN, -1)) for asked in columns.values())]
        words = [name if len(self.heads) == 1 else name.rpartition(" ")[0] for name in columns]
        return table(list(torch.stack(made, 1)), columns=["given", *words])

    @property
    def sheet_row(self) -> int:
        """Of the first, with the names above it."""
        return FONT + 2 * MARGIN + self.data.image_size * (1 if self.data.image_size >= 64 else 2) + MARGIN

    def captions(self) -> dict[str, tuple[str, str]]:
        every = "in every class" if len(self.heads) == 1 else (
            "with " + ", then with ".join(f"every class of {head}" for head in self.heads) + ", the rest as it was")
        some = "" if len(self.columns()) < MOST_COLUMNS else ", of many classes some"
        return {"samples.png": ("examples", "Examples that were held out of training where the data have such, not "
                                "picked. In each row the picture that is given, and what the model makes of it "
                                f"{every}{some}.")}

    def usage(self, name: str) -> str:
        asked = self.data.class_names[0] if len(self.heads) == 1 else next(iter(self.heads.values()))[0]
        return (f'image = zoo.load("{name}").translate("picture.png", labels="{asked}")  '
                f'# (1, {self.data.channels}, H, W) in [0, 1]')

    def limits(self) -> str:
        data = self.data
        return (f"It was trained on {data.image_size} px pictures of {data.name} and knows nothing else, with the "
                "biases of that set: what it changes with a class is whatever tells its pictures from others there. "
                f"{in_words(data.class_names)}")

    def facts(self) -> dict[str, str]:
        return super().facts() | {"heads": json.dumps(self.heads)}

    @property
    def measures(self) -> tuple[str, ...]:
        return ("agreement", "stays", "frechet")
