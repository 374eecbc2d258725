"""What can be asked of a model that makes pictures of pictures, in a page."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from zoo.data.pictures import Pictures, as_tensor
from zoo.tasks.asking import Control, Made, Values, View, shown, wanted
from zoo.tasks.task import Task

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 512  # pixels of the longer side
LEARNT, WHOLE = "as it was trained", f"as it is, up to {LARGEST} px"
DERIVE, READY = "made of the picture, as in training", "the picture itself"


def picture_view(model: Task, ask: str, label: str, controls: tuple[Control, ...] = (), *,
                 told: Callable[[Values], Mapping[str, Any]] = lambda values: {},
                 derive: Callable[[Pictures], Tensor] | None = None, fixed: bool = False) -> View:
    """A view of a picture, and of what a method makes of it.

    Args:
        model: that makes pictures of pictures, of which it takes those of ``source_shape``.
        ask: the method.
        controls: of what it is told besides.
        told: values of these -> its further arguments.
        derive: pictures -> what it is given in training, where that is made of pictures.
        fixed: whether it takes pictures of the size of its training alone.
    """
    channels, *size = model.source_shape
    way = (Control("source", "what is given", "choice", READY, choices=(DERIVE, READY)),) if derive else ()
    sizes = () if fixed else (Control("size", "size", "choice", LEARNT, choices=(LEARNT, WHOLE)),)

    def answer(values: Values) -> list[Made]:
        derived = derive is not None and values["source"] == DERIVE
        height, width = model.data.shape[1:] if derived else size
        picture = _brought(wanted(values["picture"]), height, width, values.get("size", LEARNT) == LEARNT)
        given: Pictures = picture
        line = '"picture.png"'
        if derive is not None and derived:
            given, line = derive(picture), f"model.source_of({line})"
        how = told(values)
        words = "".join(f", {name}={_written(name, value)}" for name, value in how.items())
        said = f"image = model.{ask}({line}{words})  # picture.png of {picture.width}x{picture.height} pixels"
        seen = as_tensor(given, 1 if channels == 1 else 3)
        return [Made(picture=shown(seen[0]), caption="given"),
                *(Made(said, shown(image), caption="made") for image in getattr(model, ask)(given, **how))]

    picture = Control("picture", "picture", "picture", blank="#ffffff", sent={"source": DERIVE} if derive else {},
                      drawn={"source": READY} if derive else {})
    return View(ask, label, (picture, *way, *controls, *sizes), answer)


def _brought(picture: "Image.Image", height: int, width: int, learnt: bool) -> "Image.Image":
    """Cut to the height and width of the training, or whole but not larger than LARGEST."""
    from PIL import Image, ImageOps

    if learnt:
        return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    small = max(picture.size) <= LARGEST
    return picture if small else ImageOps.contain(picture, (LARGEST, LARGEST), Image.Resampling.LANCZOS)


def _written(name: str, value: Any) -> str:
    """An argument in Python; a picture as a file."""
    return f'"{name}.png"' if hasattr(value, "convert") else repr(value)
