"""A step of MusicGen's decoder as a CUDA graph, inside of transformers' `generate`.

With few clips most of a step is Python, which asks for some hundred small operations. Recorded once per
batch, they run without it. Recording takes as long as a few steps, and a clip of 3 seconds has 153. The cache
then has a fixed length.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache, StaticCache


@contextmanager
def captured(network, length: int) -> Iterator[None]:
    """Capture the steps of one `generate` of a MusicGen, of at most `length` codes with the start token."""
    decoder = network.decoder
    positions = decoder.model.decoder.embed_positions
    with (
        _in_place_of(decoder, CapturedForward(decoder.forward, partial(_cache, decoder.config, length))),
        _in_place_of(positions, partial(_positions, positions.weights)),
    ):
        yield


class CapturedForward:
    """Replaces a decoder's `forward` for the steps of one batch.

    The first step fills the prompt's cache and the second chooses kernels, both uncaptured; the third is
    captured, and it and all later ones are replayed. `new_cache()` makes a cache of fixed length.
    """

    def __init__(self, forward: Callable, new_cache: Callable[[], EncoderDecoderCache]):
        self.forward, self.new_cache = forward, new_cache

    def __call__(self, input_ids: Tensor, past_key_values: EncoderDecoderCache | None = None, **inputs):
        """The decoder's output for codes (rows · codebooks, 1); `inputs` are the same at each step."""
        if past_key_values is None:  # the first step; transformers starts twice
            self.step, self.graph, past_key_values = 0, None, self.new_cache()
        self.step += 1
        if self.step < 3:
            return self.forward(input_ids=input_ids, past_key_values=past_key_values, **inputs)
        if self.graph is None:  # its inputs stay at their addresses
            self.ids, self.inputs = input_ids.clone(), inputs | {"past_key_values": past_key_values}
            self.graph = capture(self._run)
        self.ids.copy_(input_ids)
        self.graph.replay()
        return self.out

    def _run(self) -> None:
        self.out = self.forward(input_ids=self.ids, **self.inputs)


def capture(run: Callable[[], None]) -> torch.cuda.CUDAGraph:
    """What `run` makes the GPU do, as a graph, which is not run yet."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph


def _cache(config, length: int) -> EncoderDecoderCache:
    """A cache of fixed length for codes, and one for the prompt, which does not change once it is filled."""
    codes = StaticCache(config=config, max_cache_len=length)
    return EncoderDecoderCache(codes, DynamicCache(config=config))


def _positions(table: Tensor, input_ids: Tensor, past: Tensor | int = 0) -> Tensor:
    """transformers' sinusoids, without its check that the table is long enough: a graph cannot wait."""
    return table[torch.arange(input_ids.shape[-1], device=table.device) + past]


@contextmanager
def _in_place_of(module: torch.nn.Module, forward: Callable) -> Iterator[None]:
    """Give a module another `forward` for a while."""
    own_forward = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
        if own_forward is not None:
            module.forward = own_forward
