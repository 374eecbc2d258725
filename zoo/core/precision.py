"""The arithmetic of what a trained model answers, and of the features in which answers are compared."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal, get_args

from zoo.core.errors import unknown

if TYPE_CHECKING:
    import torch

Precision = Literal["32-true", "bf16-mixed"]


def checked(precision: str) -> str:
    """Raises UsageError for one that there is not."""
    if precision not in get_args(Precision):
        raise unknown("precision", precision, get_args(Precision))
    return precision


def arithmetic(precision: str, device: "torch.device") -> AbstractContextManager:
    """Meanwhile convolutions and matrices are multiplied in bf16, if that is the precision. With ``32-true`` all is as
    it was, a user's own ``torch.autocast`` too."""
    if precision == "32-true":
        return nullcontext()
    import torch  # it takes seconds, and command lines that only name precisions do without

    return torch.autocast(device.type, torch.bfloat16)
