"""Training with options of the model, such as an augmentation, beside the same without them: what they cost."""

from argparse import Namespace
from functools import partial

from zoo.benchmark.measure import Comparison, compare
from zoo.benchmark.train import ours
from zoo.core.config import Option, count, options_of
from zoo.core.errors import UsageError, unknown
from zoo.models import variant_class


def parsed(word: str, known: dict[str, Option]) -> tuple[str, str | int | float | bool]:
    """A word such as ``augment=diff`` as a field of a Config and its value.

    Raises:
        UsageError: another form, an unknown field, or a value of another type.
    """
    name, is_given, value = word.partition("=")
    name = name.replace("-", "_")
    if not is_given:
        raise UsageError(f"an option is given as name=value, such as augment=diff, not {word!r}")
    if name not in known:
        raise unknown("option", name, known)
    kind = known[name].type
    try:
        return name, value == "true" if kind is bool else count(value) if kind is int else kind(value)
    except ValueError:
        raise UsageError(f"{name} takes a number, not {value!r}") from None


def measure(options: Namespace) -> Comparison:
    known = options_of(variant_class(options.variant).Config)
    config = dict(parsed(word, known) for word in options.options or ())
    if not config:
        raise UsageError("--options says what is to be timed, such as --options augment=diff")
    variant_class(options.variant).Config.from_dict(config)  # raises now what a process would
    return compare(partial(ours, more=config), ours, options)._replace(names=("with", "without"))
