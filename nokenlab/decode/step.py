"""A step of the decode loop, and the state in which a run can be kept and gone on from."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from nokenlab.decode.kv_cache import PlainDecoder


@dataclass(frozen=True, repr=False)
class State:
    """A run kept at one of its steps: `sample(…, state=)` goes on from there as if it had never stopped.

    batch: rows of the run. rows: (running,) those that were at the step. ids: (running, new) their new tokens
    so far, the step's included. fed: (running, k, width) what is fed next. decoder: the cache of all before.
    """

    batch: int
    rows: Tensor
    ids: Tensor
    fed: Tensor
    decoder: PlainDecoder

    @property
    def tokens(self) -> int:
        """Positions of a row, with its padding and what is fed next."""
        return self.decoder.mask.shape[1] + self.fed.shape[1]


@dataclass
class Step:
    """One new token for each row still running.

    index: 0 for the first new token. rows: (running,) which rows of the batch these are; a row leaves
    after its end-of-sequence token. computed, processed: (running, vocab) the logits as the model computes
    them, and after the logits processors. ids: (running,) the chosen tokens. embeddings: what is fed to the
    model next, which may be set: (running, width), or (running, k, width) for k vectors in turn.
    """

    index: int
    rows: Tensor
    computed: Tensor
    processed: Tensor
    ids: Tensor
    embeddings: Tensor
    last_state: Tensor | None
    keep: Callable[[Tensor], State] | None

    def __setattr__(self, name: str, value) -> None:
        if name != "embeddings" and name in vars(self):
            right = "set its embeddings, as to lab.embed_ids(ids), to feed other tokens"
            raise AttributeError(f"{name} of a step cannot be set; {right}")
        super().__setattr__(name, value)

    @property
    def logits(self) -> Tensor:
        """The logits before any processor, (running, vocab), float32."""
        return self.computed.float()

    @property
    def scores(self) -> Tensor:
        """The logits after the processors, (running, vocab), float32."""
        return self.processed.float()

    @property
    def probabilities(self) -> Tensor:
        """The next-token distribution before any processor, (running, vocab)."""
        return self.logits.softmax(dim=-1)

    @property
    def hidden(self) -> Tensor:
        """The last position's state after the last norm, (running, width), of which the logits are made.

        ValueError unless the run was called with `hidden=True`.
        """
        if self.last_state is None:
            raise ValueError("hidden states are made where sample or generate is called with hidden=True")
        return self.last_state

    def state(self) -> State:
        """All up to here and what is fed next: `sample` and `generate` go on from it, as their `state`.

        ValueError once the run has left this step.
        """
        if self.keep is None:
            raise ValueError(f"the run has left step {self.index}; state() is of the step where it is")
        return self.keep(self.embeddings)

    def leave(self) -> None:
        """Called as the run goes on: its cache then holds more than this step."""
        vars(self)["keep"] = None
