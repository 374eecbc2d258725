"""What a model needs to know of its data set, what its card says of it, and where it is looked for."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from zoo.errors import UsageError, unknown


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """The shape and origin of a data set.

    Raises:
        UsageError: a field of another type or out of range.
    """

    name: str
    image_size: int  # height and width in pixels; 1 for point sets
    channels: int  # 1 grey, 3 colour; for point sets the number of coordinates
    class_names: list[str] = field(default_factory=list)  # empty: no labels
    images: int = 0  # number of training images
    provenance: str = ""

    def __post_init__(self) -> None:
        for name in ("image_size", "channels", "images"):
            value = getattr(self, name)
            if type(value) is not int or not (0 if name == "images" else 1) <= value:
                raise UsageError(f"{name} must be a positive int, not {value!r}")
        if self.image_size > 4096 or self.channels > 64:
            raise UsageError(f"images of {self.channels}x{self.image_size}x{self.image_size} are not supported")
        if not isinstance(self.class_names, list) or not all(isinstance(c, str) for c in self.class_names):
            raise UsageError(f"class_names must be a list of strings, not {self.class_names!r}")
        if not isinstance(self.name, str) or not isinstance(self.provenance, str):
            raise UsageError("name and provenance of a data set must be strings")

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def is_points(self) -> bool:
        """Whether this is a set of points (C, 1, 1) with unbounded coordinates instead of images."""
        return self.image_size == 1

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.channels, self.image_size, self.image_size)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DataSpec":
        known = {f.name for f in fields(cls)}
        for name in values:
            if name not in known:
                raise unknown("data field", name, known)
        missing = {"name", "image_size", "channels"} - set(values)
        if missing:
            raise UsageError(f"the data set lacks {', '.join(sorted(missing))}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Place(NamedTuple):
    """Where to look for a named data set, and what of it."""

    directory: Path
    image_size: int  # 0: the set's own
    split: str
