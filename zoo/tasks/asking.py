"""What a person can ask a model in a page: views, each with controls, and the answers that it shows.

A task says its views (``Task.views``); a page knows none of them by name.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from torch import Tensor

from zoo.core.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image

MOST_SENTENCES = 50  # of an answer
LARGEST_SEED = 2**31
Values = dict[str, Any]  # a checked value a control, by its name


class Control(NamedTuple):
    """One thing that can be said.

    Attributes:
        name: under which its value is.
        label: for people.
        kind: a whole ``number``, a ``slider`` of numbers, a ``choice`` out of ``choices``, a ``picture``, which is also
            drawn on, or a ``text``.
        default: its value where nothing is said; of a picture None.
        minimum, maximum, step: of numbers.
        choices: words.
        blank: the colour of an empty picture to draw on; a picture without one is not drawn on.
        sent, drawn: values that other controls get when a picture is sent, and when it is drawn or an example.
    """

    name: str
    label: str
    kind: Literal["number", "slider", "choice", "picture", "text"]
    default: Any = None
    minimum: float = 0
    maximum: float = 0
    step: float = 1
    choices: tuple[str, ...] = ()
    blank: str = ""
    sent: Mapping[str, Any] = {}
    drawn: Mapping[str, Any] = {}

    def checked(self, value: Any) -> Any:
        """The value. Raises UsageError where it does not fit."""
        if self.kind == "picture":
            if value is not None and not hasattr(value, "convert"):
                raise UsageError(f"{self.label}: a picture is wanted")
            return value
        if self.kind in ("choice", "text"):
            if not isinstance(value, str) or (self.choices and value not in self.choices):
                raise UsageError(f"{self.label}: choose one of {', '.join(self.choices)}" if self.choices else
                                 f"{self.label}: a text is wanted")
            return value
        if type(value) not in (int, float) or not math.isfinite(value) or not self.minimum <= value <= self.maximum:
            raise UsageError(f"{self.label}: a number from {self.minimum:g} to {self.maximum:g} is wanted")
        if self.kind == "number" and value != int(value):
            raise UsageError(f"{self.label}: a whole number is wanted")
        return int(value) if self.kind == "number" else float(value)


SEED = Control("seed", "seed", "number", 0, maximum=LARGEST_SEED)


class Made(NamedTuple):
    """One thing that is shown.

    Attributes:
        line: of Python that makes it, for a ``model``; empty for what was given.
        picture, text: what it is.
        caption: what there is to say of it.
        picks: view -> control -> value, by which it is found again there, where it can be picked.
    """

    line: str = ""
    picture: "Image.Image | None" = None
    text: str = ""
    caption: str = ""
    picks: Mapping[str, Mapping[str, Any]] = {}


def nobody(share: float) -> None:
    """Is told how much of an answer is done, and does nothing about it."""


class View(NamedTuple):
    """A way to ask: what can be said, and what is made of it.

    Attributes:
        answer: the checked values -> what is made; of a slow view also what to tell which share is done, from 0 to 1.
        slow: whether it takes so long that a person asks for it by itself, and wants to see that it goes on.
    """

    name: str
    label: str
    controls: tuple[Control, ...]
    answer: Callable[..., list[Made]]
    slow: bool = False

    def ask(self, values: Mapping[str, Any], told: Callable[[float], None] = nobody) -> list[Made]:
        """The answer to values of some controls; the others have their defaults.

        Args:
            told: is called with the share that is done, where the view is slow.

        Raises:
            UsageError: values that do not fit, or of controls that there are not.
        """
        known = {control.name for control in self.controls}
        for name in values:
            if name not in known:
                raise UsageError(f"there is nothing to say of {name!r} here: there are {', '.join(sorted(known))}")
        checked = {control.name: control.checked(values.get(control.name, control.default))
                   for control in self.controls}
        return self.answer(checked, told) if self.slow else self.answer(checked)


def wanted(picture: Any) -> Any:
    """The picture. Raises UsageError where there is none yet."""
    if picture is None:
        raise UsageError("give a picture first: draw one, take an example, or open a file")
    return picture


def sentences_in(text: str) -> list[str]:
    """Sentences, one a line. Raises UsageError where there are none, or too many to be shown."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MOST_SENTENCES:
        raise UsageError(f"write 1 to {MOST_SENTENCES} sentences, one a line, not {len(lines):,}")
    return lines


def shown(image: Tensor) -> "Image.Image":
    """An image (C, H, W) in [0, 1] of 1 or 3 channels, rounded to 8 bits."""
    from torchvision.transforms.functional import to_pil_image

    return to_pil_image(image.mul(255).round().byte())
