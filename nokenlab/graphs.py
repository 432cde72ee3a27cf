"""A decode step, and a short prompt, captured as CUDA graphs; on a CPU a decode step, traced.

With few rows most of a step is Python, which asks for some thousand small operations. Written down once,
they are done without it. The step's cache then has a fixed length, and what is not yet there is masked out.
"""

import logging
import warnings
from collections.abc import Callable
from weakref import WeakSet

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

from . import fitness
from .forward import forward, prefill

# the architectures that tests/test_graphs.py compares with the plain step
TESTED = frozenset(
    {"codegen", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neox", "gptj", "llama", "mistral", "opt"}
    | {"phi", "phi3", "qwen2", "qwen3", "starcoder2"}
)
LENGTHS = 32  # a cache is a multiple of this long: few different ones, so more calls find theirs kept
SHORT = 1024  # tokens of a batch of prompts; with more the GPU is busy anyway
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


def can_be_fixed(model) -> bool:
    """Whether the architecture is one that was tested with a cache of fixed length."""
    rope = getattr(model.config, "rope_parameters", None) or {}
    moving = rope.get("rope_type") in ("dynamic", "longrope")  # they look at the length in every step
    return model.config.model_type in TESTED and not moving


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


class FixedStep:
    """A decode step of `rows` rows with a cache of `length` positions: a graph on a GPU, traced elsewhere."""

    def __init__(self, model, rows: int, length: int):
        self.model, self.rows, self.length = model, rows, length
        at = {"device": model.device, "dtype": model.dtype}
        self.end = torch.zeros(1, device=model.device, dtype=torch.long)  # where the next token goes
        heads, size = fitness.cache_heads(model.config)
        layers = range(model.config.num_hidden_layers)
        self.cache = Cache(layers=[FixedLayer((rows, heads, length, size), self.end, **at) for _ in layers])
        width = model.get_input_embeddings().embedding_dim
        self.embeddings = torch.zeros(rows, 1, width, **at)
        self.closed = torch.full((rows, 1, 1, length), torch.finfo(model.dtype).min, **at)  # added to scores
        self.positions = torch.zeros(rows, 1, device=model.device, dtype=torch.long)
        self.prompt: Prompt | None = None  # the last that was captured
        self.last = self.positions  # logits of all rows
        self.forward = Forward(model, self.cache)
        self.see(None)
        if model.device.type == "cuda":
            self.run = capture(self._step).replay
        else:
            self.forward = traced(self.forward, self.embeddings, self.closed, self.positions)
            self.run = self._step

    def prefill(self, embeddings: Tensor, mask: Tensor, shared: int) -> Tensor:
        """Begin with prompts (rows, tokens, width), the first `shared` positions alike; their next logits.

        Short ones are captured, for the next of their shape.
        """
        self.see(0)
        if mask.is_cuda and mask.numel() <= SHORT:
            inputs = [embeddings, closed(mask, self.model.dtype), (mask.cumsum(-1) - 1).clamp_min(0)]
            kind = (embeddings.shape[1], shared)
            if self.prompt is None or self.prompt.kind != kind:
                self.prompt = Prompt(self, inputs, kind)
            logits = self.prompt.run(inputs)
        else:
            logits, _ = prefill(self.model, embeddings, mask, shared, past=self.cache)
        self.see(None)
        self.closed.fill_(torch.finfo(self.closed.dtype).min)
        self.closed[..., : mask.shape[1]].masked_fill_(mask[:, None, None].bool(), 0)
        self.positions.copy_(mask.sum(-1, keepdim=True))
        self.end.fill_(mask.shape[1])
        self.last = logits
        return logits

    def advance(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        """Feed embeddings (running, width) to these rows; their next logits, (running, vocab)."""
        every = len(rows) == self.rows
        self.embeddings[slice(None) if every else rows, 0] = embeddings
        self.run()
        self.last = self.logits
        return self.logits.clone() if every else self.logits[rows]

    def see(self, tokens: int | None) -> None:
        """Make the cache ready for a prompt behind so many tokens; with None for steps."""
        for layer in self.cache.layers:
            layer.seen = tokens

    def _step(self) -> None:
        self.closed.index_fill_(3, self.end, 0)
        self.logits = self.forward(self.embeddings, self.closed, self.positions)
        self.positions += 1
        self.end += 1


class Forward(torch.nn.Module):
    """A model with its cache as a function of tensors alone, which is what can be traced."""

    def __init__(self, model, past: Cache):
        super().__init__()
        self.model, self.past = model, past

    def forward(self, embeddings: Tensor, closed: Tensor, positions: Tensor) -> Tensor:
        """Logits of the next token, (rows, vocab)."""
        return forward(self.model, embeddings, closed, positions, self.past)[0]


class Prompt:
    """A batch of prompts of one kind (tokens, how many of them are shared), captured for a step's cache."""

    def __init__(self, step: FixedStep, inputs: list[Tensor], kind: tuple[int, int]):
        self.kind, self.inputs = kind, [x.clone() for x in inputs]

        def run() -> None:
            embeddings, closed, positions = self.inputs
            step.see(0)
            self.logits, _ = prefill(step.model, embeddings, closed, kind[1], positions, step.cache)

        self.graph = capture(run)

    def run(self, inputs: list[Tensor]) -> Tensor:
        """Logits of the last position, (batch, vocab); keys and values are then in the cache."""
        for mine, given in zip(self.inputs, inputs, strict=True):
            mine.copy_(given)
        self.graph.replay()
        return self.logits.clone()


def capture(run: Callable[[], None]) -> torch.cuda.CUDAGraph:
    """What `run` makes the GPU do, as a graph; its tensors stay where they are."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # the first runs choose kernels and may not be captured
        run()
        run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph


def traced(function: torch.nn.Module, *inputs: Tensor) -> Callable[..., Tensor]:
    """The operations that a function does for such inputs, to be done again without Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of each size that it takes for fixed, and it is
        logging.disable(logging.WARNING)  # and looks at all that a model has, old names as well
        try:
            return torch.jit.trace(function, inputs, check_trace=False)
        finally:
            logging.disable(logging.NOTSET)
