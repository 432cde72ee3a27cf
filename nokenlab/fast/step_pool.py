"""Captured steps kept for the next call."""

from weakref import WeakSet

from nokenlab.fast.captured_step import FixedStep
from nokenlab.models.families import can_be_fixed

LENGTHS = 32  # a cache is a multiple of this long: few different ones, so more calls find theirs kept
FEW = 32  # rows; with more a CPU is busy anyway
KEPT = {"cuda": 1, "cpu": 8}  # steps kept for the next call of their shape; a GPU may not have room for two
_traced = WeakSet()  # models on a CPU whose steps may be traced: it takes two seconds for each shape
_spare: dict[tuple, "FixedStep"] = {}  # the steps that are kept, the last used at the end


def trace(model) -> None:
    """Let a model on a CPU run few rows by steps that are traced, if its architecture was tested so."""
    if can_be_fixed(model):
        _traced.add(model)


def fits(model, rows: int, length: int) -> bool:
    """Whether a step of fixed length is known to be right and faster for this model and batch."""
    window = getattr(model.config, "sliding_window", None) or length
    faster = model.device.type == "cuda" or (model in _traced and rows <= FEW)
    return faster and can_be_fixed(model) and length <= window


def take(model, rows: int, length: int) -> "FixedStep":
    """A step for so many rows, at least `length` positions long.

    Give it back with `put_back`, so that the next call of this shape need not capture again.
    """
    length = -(-length // LENGTHS) * LENGTHS
    step = _spare.pop((id(model), rows, length), None)
    if step is None:
        _make_room(model.device.type)
        step = FixedStep(model, rows, length)
    return step


def put_back(step: "FixedStep") -> None:
    """Keep a step for the next call, unless NaN is in its cache: a masked sum would find it there."""
    if step.last.isnan().any():
        return
    _make_room(step.model.device.type)
    _spare[(id(step.model), step.rows, step.length)] = step


def _make_room(device: str) -> None:
    """Let go of the step used longest ago, if no more may be kept."""
    same = [key for key, step in _spare.items() if step.model.device.type == device]
    if len(same) == KEPT[device]:
        del _spare[same[0]]


def forget() -> None:
    """Let go of what is kept, and of its memory."""
    _spare.clear()
