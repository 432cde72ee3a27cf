"""A KV cache of a fixed length."""

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer


def closed(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to scores so that no position sees a later one, or padding: (batch, 1, tokens, tokens).

    transformers would make it from `mask` (batch, tokens), but in a way that cannot be captured.
    """
    before = torch.ones(mask.shape[1], mask.shape[1], dtype=torch.bool, device=mask.device).tril()
    unseen = ~(mask[:, None, None].bool() & before)
    return torch.zeros_like(unseen, dtype=dtype).masked_fill_(unseen, torch.finfo(dtype).min)


class FixedLayer(DynamicLayer):
    """One layer's keys and values, their room made beforehand.

    A prompt fills it from the left as it fills any cache. In a step the next go to `end`, a place that all
    layers share. `room` is (rows, heads, length, size).
    """

    def __init__(self, room: tuple[int, int, int, int], end: Tensor, **at):
        super().__init__()
        self.keys, self.values = torch.zeros(room, **at), torch.zeros(room, **at)
        self.end, self.is_initialized = end, True
        self.seen: int | None = 0  # tokens of the prompt, none in a step

    def update(self, key_states: Tensor, value_states: Tensor, *others, **more) -> tuple[Tensor, Tensor]:
        """Put new keys and values (rows, heads, new, size) in; all of these rows."""
        if self.seen is None:
            self.keys.index_copy_(2, self.end, key_states)
            self.values.index_copy_(2, self.end, value_states)
            return self.keys, self.values
        rows, before, self.seen = len(key_states), self.seen, self.seen + key_states.shape[2]
        self.keys[:rows, :, before : self.seen] = key_states
        self.values[:rows, :, before : self.seen] = value_states
        if not before:
            return key_states, value_states
        return self.keys[:rows, :, : self.seen], self.values[:rows, :, : self.seen]

    def get_seq_length(self) -> int | Tensor:
        """How many tokens are there."""
        return self.end if self.seen is None else self.seen

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Let all rows begin as the first does."""
        for x in (self.keys, self.values):
            x[1:, :, : self.seen] = x[:1, :, : self.seen]
