"""What a model needs to know of any data, and what its card says of them."""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from zoo.core.errors import UsageError


def as_text(name: str) -> str:
    """A file's name as text: bytes that the locale does not know are read as UTF-8, others become a sign for that."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """The origin of a data set; a subclass adds its shape.

    Raises:
        UsageError: a field of another type or out of range.
    """

    kind: ClassVar[str]  # under which config.json has it
    has_mirror_images: ClassVar[bool]
    are_pictures: ClassVar[bool] = False  # whether what a model makes of them is, so that features can be taken of it

    name: str
    class_names: list[str] = field(default_factory=list)  # empty: no labels
    images: int = 0  # number of training examples
    provenance: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.class_names, list) or not all(isinstance(c, str) for c in self.class_names):
            raise UsageError(f"class_names must be a list of strings, not {self.class_names!r}")
        if not isinstance(self.name, str) or not isinstance(self.provenance, str):
            raise UsageError("name and provenance of a data set must be strings")
        for name, value in (("name", as_text(self.name)), ("provenance", as_text(self.provenance)),
                            ("class_names", [as_text(c) for c in self.class_names])):
            object.__setattr__(self, name, value)
        self.check_whole("images", 0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an example."""
        raise NotImplementedError

    def is_like(self, other: "DataSpec") -> bool:
        """Whether what is made like these data can be compared with others."""
        return self.shape == other.shape

    def asks_like(self, other: Any) -> bool:
        """Whether what other data of this kind ask of a model means the same here."""
        return self.class_names == other.class_names

    @property
    def brought(self) -> str:
        """What becomes of other data that are compared with what is made like these."""
        return f"brought to {self.shape[-1]} px"

    def check_range(self, batch: Any) -> None:
        """Raises UsageError where the values of a batch are not as networks take them."""

    def check_whole(self, name: str, least: int, most: int | None = None) -> None:
        """Raises UsageError if a field is no whole number in a range."""
        value = getattr(self, name)
        if type(value) is not int or value < least:
            raise UsageError(f"{name} must be a whole number from {least}, not {value!r}")
        if most is not None and value > most:
            raise UsageError(f"{name} of {value} is not supported: at most {most}")

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def targets(self) -> int:
        """How many there are of what a model of these data is to make."""
        return self.images

    @property
    def sets(self) -> list[str]:
        """The names of the sets that there are in place of one, of which no two examples need belong together."""
        return []

    @property
    def opening(self) -> dict[str, Any]:
        """The options by which ``zoo.data.sources.open_source`` opens data of this kind and shape."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind} | asdict(self)
