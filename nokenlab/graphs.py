"""One decode step captured as a CUDA graph.

With few rows a GPU spends a decode step waiting for Python to launch some thousand small kernels. Captured
once, they are launched as one. The cache then has a fixed length, and what is not yet there is masked out.
"""

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
_spare: dict[tuple, "FixedStep"] = {}  # one captured step, kept for the next call of its shape


def fits(model, length: int) -> bool:
    """Whether a captured step is known to be right and faster for this model and length."""
    window = getattr(model.config, "sliding_window", None) or length
    return model.device.type == "cuda" and can_be_fixed(model) and length <= window


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
    step = _spare.pop((id(model), len(mask), length), None) or FixedStep(model, past, len(mask), length)
    step.begin(past, mask)
    return step


def put_back(step: "FixedStep") -> None:
    """Keep one step, the last, for the next call."""
    forget()
    _spare[(id(step.model), step.rows, step.length)] = step


def forget() -> None:
    """Let go of the step that is kept, and of its memory."""
    _spare.clear()


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


class FixedStep:
    """A decode step of `rows` rows with a cache of `length` positions; on a GPU a graph, elsewhere plain."""

    def __init__(self, model, past, rows: int, length: int):
        self.model, self.rows, self.length = model, rows, length
        self.end = torch.zeros(1, device=model.device, dtype=torch.long)  # where the next token goes
        self.cache = Cache(layers=[FixedLayer(filled, length, self.end) for filled in past.layers])
        width = model.get_input_embeddings().embedding_dim
        at = {"device": model.device, "dtype": model.dtype}
        self.embeddings = torch.zeros(rows, 1, width, **at)
        self.closed = torch.full((rows, 1, 1, length), torch.finfo(model.dtype).min, **at)  # added to scores
        self.positions = torch.zeros(rows, 1, device=model.device, dtype=torch.long)
        self.graph = self._capture() if model.device.type == "cuda" else None

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
        self.embeddings[rows, 0] = embeddings
        if self.graph is None:
            self._step()
        else:
            self.graph.replay()
        return self.logits[rows].float()

    def _step(self) -> None:
        self.closed.index_fill_(3, self.end, 0)
        out = self.model(
            inputs_embeds=self.embeddings,
            attention_mask=self.closed,
            position_ids=self.positions,
            past_key_values=self.cache,
            use_cache=True,
        )
        self.logits = out.logits[:, -1]
        self.positions += 1
        self.end += 1

    def _capture(self) -> torch.cuda.CUDAGraph:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # the first runs choose kernels and may not be captured
            self._step()
            self._step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        return graph
