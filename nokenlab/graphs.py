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
from transformers.cache_utils import StaticLayer

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
_prompt: dict[tuple, "Prompt"] = {}  # and one captured prompt


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


def take(model, past, mask: Tensor, length: int) -> "FixedStep":
    """A step for this batch, at least `length` positions long, ready to go on behind `past`.

    Give it back with `put_back`, so that the next call of this shape need not capture again.
    """
    length = -(-length // LENGTHS) * LENGTHS
    step = _spare.pop((id(model), len(mask), length), None)
    if step is None:
        _make_room(model.device.type)
        step = FixedStep(model, past, len(mask), length)
    step.begin(past, mask)
    return step


def put_back(step: "FixedStep") -> None:
    """Keep a step for the next call."""
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
    _prompt.clear()


def prefill(run: Callable, model, embeddings: Tensor, mask: Tensor, shared: int):
    """What `run`, `sampling.prefill`, gives; a short one is a graph, its cache good until the next call."""
    if model.device.type != "cuda" or mask.numel() > SHORT:
        return run(model, embeddings, mask, shared)
    inputs = [embeddings, closed(mask, model.dtype), (mask.cumsum(-1) - 1).clamp_min(0)]
    key = (id(model), *embeddings.shape, shared)
    if key not in _prompt:
        _prompt.clear()
        _prompt[key] = Prompt(run, model, inputs, shared)
    return _prompt[key].run(inputs)


def closed(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to scores so that no position sees a later one, or padding: (batch, 1, tokens, tokens).

    transformers would make it from `mask` (batch, tokens), but in a way that cannot be captured.
    """
    before = torch.ones(mask.shape[1], mask.shape[1], dtype=torch.bool, device=mask.device).tril()
    unseen = ~(mask[:, None, None].bool() & before)
    return torch.zeros_like(unseen, dtype=dtype).masked_fill_(unseen, torch.finfo(dtype).min)


class FixedLayer(StaticLayer):
    """One layer's keys and values, at most `length`; the next go to `end`, a place that all layers share."""

    def __init__(self, filled, length: int, end: Tensor):
        super().__init__(length)
        self.cumulative_length, self.is_initialized = end, True
        self.keys, self.values = (
            x.new_zeros(*x.shape[:2], length, x.shape[3]) for x in (filled.keys, filled.values)
        )

    def update(self, key_states: Tensor, value_states: Tensor, *others, **more) -> tuple[Tensor, Tensor]:
        """Put one token's keys and values (rows, heads, 1, size) at `end`; all of them."""
        self.keys.index_copy_(2, self.cumulative_length, key_states)
        self.values.index_copy_(2, self.cumulative_length, value_states)
        return self.keys, self.values


class Forward(torch.nn.Module):
    """A model with its cache as a function of tensors alone, which is what can be traced."""

    def __init__(self, model, cache: Cache):
        super().__init__()
        self.model, self.cache = model, cache

    def forward(self, embeddings: Tensor, closed: Tensor, positions: Tensor) -> Tensor:
        """Logits of the next token, (rows, vocab)."""
        out = self.model(
            inputs_embeds=embeddings,
            attention_mask=closed,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
        )
        return out.logits[:, -1]


class FixedStep:
    """A decode step of `rows` rows with a cache of `length` positions: a graph on a GPU, traced elsewhere."""

    def __init__(self, model, past, rows: int, length: int):
        self.model, self.rows, self.length = model, rows, length
        self.end = torch.zeros(1, device=model.device, dtype=torch.long)  # where the next token goes
        self.cache = Cache(layers=[FixedLayer(filled, length, self.end) for filled in past.layers])
        width = model.get_input_embeddings().embedding_dim
        at = {"device": model.device, "dtype": model.dtype}
        self.embeddings = torch.zeros(rows, 1, width, **at)
        self.closed = torch.full((rows, 1, 1, length), torch.finfo(model.dtype).min, **at)  # added to scores
        self.positions = torch.zeros(rows, 1, device=model.device, dtype=torch.long)
        self.forward = Forward(model, self.cache)
        if model.device.type == "cuda":
            self.run = capture(self._step).replay
        else:
            self.forward = traced(self.forward, self.embeddings, self.closed, self.positions)
            self.run = self._step

    def begin(self, past, mask: Tensor) -> None:
        """Copy a cache filled by the prompt (rows, tokens) into this one."""
        tokens = mask.shape[1]
        for fixed, filled in zip(self.cache.layers, past.layers, strict=True):
            fixed.keys[:, :, :tokens] = filled.keys
            fixed.values[:, :, :tokens] = filled.values
        self.closed.fill_(torch.finfo(self.closed.dtype).min)
        self.closed[..., :tokens].masked_fill_(mask[:, None, None].bool(), 0)
        self.positions.copy_(mask.sum(-1, keepdim=True))
        self.end.fill_(tokens)

    def advance(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        """Feed embeddings (running, width) to these rows; their next logits, (running, vocab)."""
        every = len(rows) == self.rows
        self.embeddings[slice(None) if every else rows, 0] = embeddings
        self.run()
        return (self.logits if every else self.logits[rows]).to(torch.float32, copy=True)

    def _step(self) -> None:
        self.closed.index_fill_(3, self.end, 0)
        self.logits = self.forward(self.embeddings, self.closed, self.positions)
        self.positions += 1
        self.end += 1


class Prompt:
    """A batch of prompts of one shape, run as a graph."""

    def __init__(self, prefill: Callable, model, inputs: list[Tensor], shared: int):
        self.model = model  # lives as long as its graph, so that its id is its own
        self.inputs = [x.clone() for x in inputs]

        def forward() -> None:
            embeddings, closed, positions = self.inputs
            self.logits, self.past = prefill(model, embeddings, closed, shared, positions)

        self.graph = capture(forward)

    def run(self, inputs: list[Tensor]):
        """Logits of the last position, (batch, vocab), and the cache, which the next run writes over."""
        for mine, given in zip(self.inputs, inputs, strict=True):
            mine.copy_(given)
        self.graph.replay()
        return self.logits.clone(), self.past


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
