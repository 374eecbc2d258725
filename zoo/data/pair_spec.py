"""What a model needs to know of pictures that belong together, or of two sets of pictures, besides their origin."""

from dataclasses import dataclass
from typing import Any

from zoo.core.errors import UsageError, unknown
from zoo.data.derived import AS_FILES, DERIVED, Way
from zoo.data.image_spec import ImageSpec
from zoo.data.origin import as_text

BETWEEN = ";"  # names of domains, of which a comma may be a part
FILES = "files"  # in place of a way to derive pairs: they are there
FRONTAL = "frontal"  # and so are these, in classes that are persons: see ``zoo.data.frontal``


def _check_pairs(given: Any, *there: str) -> None:
    """Raises UsageError unless it is a way to derive pictures, or a word for what is there."""
    if not isinstance(given, str) or given not in (*there, *DERIVED):
        raise unknown("way to make pairs", given, [*there, *DERIVED])


@dataclass(frozen=True, kw_only=True)
class PairSpec(ImageSpec):
    """Square source pictures and the target pictures that belong to them; size and channels are the targets'."""

    kind = "pairs"

    source_size: int
    source_channels: int
    pairs: str  # "files", "frontal", or how the sources are derived from the targets: see ``zoo.data.derived``
    reverse: bool = False  # of files: whether source and target have changed places

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole("source_size", 1, most=4096)
        self.check_whole("source_channels", 1, most=64)
        _check_pairs(self.pairs, FILES, FRONTAL)
        if not isinstance(self.reverse, bool):
            raise UsageError(f"reverse must be true or false, not {self.reverse!r}")

    @property
    def opening(self) -> dict[str, Any]:
        return super().opening | {"pairs": self.pairs, "reverse": self.reverse}

    @property
    def way(self) -> Way:
        """How the pairs come out of images."""
        return DERIVED.get(self.pairs, AS_FILES)

    @property
    def target_channels(self) -> int:
        """Of what a network makes, which need not be red, green and blue."""
        return self.way.target_channels or self.channels


@dataclass(frozen=True, kw_only=True)
class DomainSpec(ImageSpec):
    """Square pictures of two sets that are not paired; ``images`` are those of the first."""

    kind = "domains"

    domains: list[str]  # names of the first set and of the second
    images_b: int = 0  # of the second set
    pairs: str = FILES  # how the first set is derived of such pictures, see ``zoo.data.derived``; "files": it is not

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole("images_b", 0)
        _check_pairs(self.pairs, FILES)
        names = self.domains
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len({*names}) != 2:
            raise UsageError(f"domains must be the names of two sets of pictures, not {names!r}")
        object.__setattr__(self, "domains", [as_text(name) for name in names])

    @property
    def targets(self) -> int:
        return self.images_b

    @property
    def sets(self) -> list[str]:
        return self.domains

    @property
    def source_size(self) -> int:
        """Height and width of the pictures that a model is given."""
        return self.image_size

    @property
    def source_channels(self) -> int:
        return self.channels

    @property
    def opening(self) -> dict[str, Any]:
        given = {"domains": BETWEEN.join(self.domains)} if self.pairs == FILES else {"pairs": self.pairs}
        return super().opening | given

    @property
    def way(self) -> Way:
        """How the first set is derived."""
        return DERIVED.get(self.pairs, AS_FILES)
