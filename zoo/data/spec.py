"""Every kind of data that a model can be made for, as config.json has it."""

from dataclasses import MISSING, fields
from typing import Any

from zoo.core.errors import UsageError, unknown
from zoo.data.image_spec import ImageSpec, PointSpec
from zoo.data.pair_spec import DomainSpec, PairSpec
from zoo.data.text_spec import CaptionSpec, TextSpec

AnySpec = ImageSpec | PointSpec  # CaptionSpec, PairSpec and DomainSpec are the former
KINDS: dict[str, type[AnySpec | TextSpec]] = {
    cls.kind: cls for cls in (ImageSpec, PointSpec, CaptionSpec, PairSpec, DomainSpec, TextSpec)}


def read_spec(values: dict[str, Any]) -> AnySpec | TextSpec:
    """A spec out of config.json. Format 1 has no kinds: images, of one pixel where they are points.

    Raises:
        UsageError: an unknown kind or field, a missing one, or a value out of range.
    """
    values = dict(values)
    if "kind" not in values:
        points = type(values.get("image_size")) is int and values["image_size"] == 1
        values |= {"kind": "points" if points else "images"}
        if points:
            del values["image_size"]
    kind = values.pop("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise unknown("kind of data", kind, KINDS)
    cls = KINDS[kind]
    known = {f.name for f in fields(cls)}
    for name in values:
        if name not in known:
            raise unknown("data field", name, known)
    missing = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING} - set(values)
    if missing:
        raise UsageError(f"the data set lacks {', '.join(sorted(missing))}")
    return cls(**values)
