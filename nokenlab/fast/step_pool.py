"""The pool of steps: a captured step is kept for the next call of its shape."""

from weakref import WeakSet

from nokenlab.decode.kv_cache import PlainDecoder, PlainDecoders
from nokenlab.fast.captured_step import CapturedStep
from nokenlab.models.families import step_can_be_captured

LENGTHS = 32  # a cache is a multiple of this long: few different ones, so more calls find theirs kept
FEW = 32  # rows; with more a CPU is busy anyway
KEPT = {"cuda": 1, "cpu": 8}  # steps that a model keeps; a GPU may not have room for two
_pools: WeakSet["StepPool"] = WeakSet()  # of all models: where memory ends, all of them let go


class StepPool(PlainDecoders):
    """The decoders of one model: captured steps where they are right and faster, else plain ones.

    On a GPU that is for any number of rows. On a CPU steps are traced, which takes a second for each
    shape: for few rows, and only with `trace`. `of_one` makes decoders of one row (`llama_step.py`).
    """

    def __init__(self, model, trace: bool = False, of_one=None):
        super().__init__(model)
        self.of_one = of_one
        self.most_rows = None if model.device.type == "cuda" else FEW if trace else 0
        self.spare: dict[tuple[int, int], CapturedStep] = {}  # by rows and length, the last used at the end
        _pools.add(self)

    def take(self, rows: int, length: int) -> CapturedStep | PlainDecoder:
        """A decoder for so many rows of at most `length` tokens with their prompt; `release` it after."""
        if rows == 1 and self.of_one and (alone := self.of_one.take(length)):
            return alone
        if not self.fits(rows, length):
            return super().take(rows, length)
        length = -(-length // LENGTHS) * LENGTHS
        step = self.spare.pop((rows, length), None)
        if step is None:
            self._make_room()
            step = CapturedStep(self.model, rows, length)
        step.pool = self
        return step

    def fits(self, rows: int, length: int) -> bool:
        """Whether a captured step is known to be right and faster for such a batch."""
        window = getattr(self.model.config, "sliding_window", None) or length
        few = self.most_rows is None or rows <= self.most_rows
        return few and length <= window and step_can_be_captured(self.model.config)

    def put_back(self, step: CapturedStep) -> None:
        """Keep a step for the next call, unless NaN is in its cache: a masked sum would find it there."""
        if not step.last.isnan().any():
            self._make_room()
            self.spare[step.rows, step.length] = step

    def forget(self) -> None:
        """Let go of all kept steps, of other models too."""
        for pool in _pools:
            pool.spare.clear()

    def _make_room(self) -> None:
        """Let go of the step used longest ago, if no more may be kept."""
        if len(self.spare) == KEPT[self.model.device.type]:
            del self.spare[next(iter(self.spare))]
