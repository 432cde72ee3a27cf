"""A decode step, and a short prompt, captured as CUDA graphs; on a CPU a decode step, traced.

With few rows most of a step is Python, which asks for some thousand small operations. Recorded once, they run
without it. The step's cache then has a fixed length, and positions that are not filled yet are masked out.
"""

import warnings
from collections.abc import Callable
from weakref import WeakSet

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

from nokenlab.decode.forward import last_logits, prefill
from nokenlab.decode.kv_cache import PlainDecoder, PlainDecoders, plain_decoder
from nokenlab.fast.compiled_layers import is_hooked
from nokenlab.models import memory
from nokenlab.models.families import step_can_be_captured

SHORT = 2048  # tokens of a batch of prompts; with more the GPU is busy anyway
WORTH = 4096  # tokens that a GPU runs while it is asked, operation by operation, to run a prompt's beginning
LENGTHS = 32  # a cache is a multiple of this long: few different ones, so more calls find a step to use again
FEW = 32  # rows; with more a CPU is busy anyway
KEPT = {"cuda": 1, "cpu": 8}  # steps that a model keeps; a GPU may not have room for two
_pools: WeakSet["StepPool"] = WeakSet()  # of all models: where memory ends, all of them let go


class StepPool(PlainDecoders):
    """The decoders of one model: captured steps where they are right and faster, else plain ones.

    A step that was given back is used again for the next call of its shape. On a GPU any number of rows has
    one. On a CPU steps are traced, which takes a second for each shape: only with `trace`, for few rows.
    `one_row` makes decoders of one row (`llama_step.LlamaSteps`).
    """

    def __init__(self, model, trace: bool = False, one_row=None):
        super().__init__(model)
        self.one_row = one_row
        self.trace = trace
        self.spare: dict[tuple[int, int], CapturedStep] = {}  # by rows and length, the last used at the end
        _pools.add(self)

    def take(self, rows: int, length: int) -> "CapturedStep | PlainDecoder":
        """A decoder for so many rows of at most `length` tokens with their prompt; `release` it after.

        A plain one for a model with forward hooks, which only a plain one runs at each step.
        """
        if is_hooked(self.model):
            return super().take(rows, length)
        decoder = self.one_row.take(length) if self.one_row and rows == 1 else None
        if decoder:
            return decoder
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
        few = self.model.device.type == "cuda" or (self.trace and rows <= FEW)
        return few and length <= window and step_can_be_captured(self.model.config)

    def put_back(self, step: "CapturedStep") -> None:
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


class CapturedStep:
    """A decode step of `rows` rows with a cache of `length` positions: a graph on a GPU, traced elsewhere."""

    keeps_rows = True  # rows that have ended run on; their logits are not read

    def __init__(self, model, rows: int, length: int):
        self.model, self.rows, self.length = model, rows, length
        self.pool: StepPool | None = None  # where it is put back, while it is in use
        at = {"device": model.device, "dtype": model.dtype}
        self.end = torch.zeros(1, device=model.device, dtype=torch.long)  # where the next token goes
        heads, size = memory.cache_heads(model.config)
        layers = range(model.config.num_hidden_layers)
        self.cache = Cache(layers=[FixedLayer((rows, heads, length, size), self.end, **at) for _ in layers])
        width = model.get_input_embeddings().embedding_dim
        self.embeddings = torch.zeros(rows, 1, width, **at)
        self.mask = torch.full((rows, 1, 1, length), torch.finfo(model.dtype).min, **at)  # added to scores
        self.positions = torch.zeros(rows, 1, device=model.device, dtype=torch.long)
        self.prompt: Prompt | None = None  # the last that was captured
        self.last = self.positions  # logits of all rows
        self.forward = Forward(model, self.cache)
        self.prepare(None)
        self.graph = None
        if model.device.type == "cuda":
            self.graph = capture(self._step)
        else:
            self.forward = traced(self.forward, self.embeddings, self.mask, self.positions)

    def prefill(self, embeddings: Tensor, mask: Tensor, shared: int) -> Tensor:
        """Begin with prompts (rows, tokens, width), the first `shared` positions alike; their next logits.

        Short ones are captured, for the next of their shape.
        """
        self.prepare(0)
        if mask.is_cuda and mask.numel() <= SHORT:
            inputs = [embeddings, added_mask(mask, self.model.dtype), (mask.cumsum(-1) - 1).clamp_min(0)]
            kind = (embeddings.shape[1], shared)
            if self.prompt is None or self.prompt.kind != kind:
                self.prompt = Prompt(self, inputs, kind)
            logits = self.prompt.run(inputs)
        else:
            once = not mask.is_cuda or shared * (self.rows - 1) > WORTH
            logits, _ = prefill(self.model, embeddings, mask, shared if once else 0, past=self.cache)
        self.prepare(None)
        self.mask.fill_(torch.finfo(self.mask.dtype).min)
        self.mask[..., : mask.shape[1]].masked_fill_(mask[:, None, None].bool(), 0)
        self.positions.copy_(mask.sum(-1, keepdim=True))
        self.end.fill_(mask.shape[1])
        self.last = logits
        return logits

    def advance(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        """Feed embeddings (running, width) to these rows; their next logits, (running, vocab)."""
        all_run = len(rows) == self.rows
        self.embeddings[slice(None) if all_run else rows, 0] = embeddings
        if self.graph:
            self.graph.replay()
        else:
            self._step()
        self.last = self.logits
        return self.logits.clone() if all_run else self.logits[rows]

    def plain(self, rows: Tensor) -> PlainDecoder:
        """A plain decoder that goes on from here with these rows."""
        end = int(self.end)
        layers = ((layer.keys[rows, :, :end], layer.values[rows, :, :end]) for layer in self.cache.layers)
        return plain_decoder(self.model, layers, (self.mask[rows, 0, 0, :end] == 0).long(), rows)

    def release(self) -> None:
        """Give it back, so that the next call of this shape need not capture again."""
        pool, self.pool = self.pool, None  # what a pool keeps does not hold the pool
        pool.put_back(self)

    def prepare(self, filled: int | None) -> None:
        """Make the cache ready for a prompt behind so many tokens; with None for steps."""
        for layer in self.cache.layers:
            layer.filled = filled

    def _step(self) -> None:
        self.mask.index_fill_(3, self.end, 0)
        self.logits = self.forward(self.embeddings, self.mask, self.positions)
        self.positions += 1
        self.end += 1


class Forward(torch.nn.Module):
    """A model with its cache as a function of tensors alone, which is what can be traced."""

    def __init__(self, model, past: Cache):
        super().__init__()
        self.model, self.past = model, past
        self.register_buffer("end", past.layers[0].end)  # buffers: a trace takes others for constants
        for i, layer in enumerate(past.layers):
            self.register_buffer(f"keys_{i}", layer.keys)
            self.register_buffer(f"values_{i}", layer.values)

    def forward(self, embeddings: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Logits of the next token, (rows, vocab)."""
        return last_logits(self.model, embeddings, mask, positions, self.past)[0]


class Prompt:
    """A batch of prompts of one kind (tokens, how many of them are shared), captured for a step's cache."""

    def __init__(self, step: CapturedStep, inputs: list[Tensor], kind: tuple[int, int]):
        self.kind, self.inputs = kind, [x.clone() for x in inputs]

        def run() -> None:
            embeddings, mask, positions = self.inputs
            step.prepare(0)
            self.logits, _ = prefill(step.model, embeddings, mask, kind[1], positions, step.cache)

        self.graph = capture(run)

    def run(self, inputs: list[Tensor]) -> Tensor:
        """Logits of the last position, (batch, vocab); keys and values are then in the cache."""
        for captured, new in zip(self.inputs, inputs, strict=True):
            captured.copy_(new)
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


def traced(module: torch.nn.Module, *inputs: Tensor) -> Callable[..., Tensor]:
    """The operations that a module does for such inputs, to be done again without Python.

    What `torch.jit.trace` makes stays in a registry of torch's for good, 70 MB per shape of the default
    model. A graph that is a function of the weights too is in no registry, and goes with its last user.
    """
    state = [*module.parameters(), *module.buffers()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of each size that it takes for fixed, and it is
        graph, _ = torch._C._create_graph_by_tracing(
            lambda *args: module(*args[: len(inputs)]), (*inputs, *state), lambda tensor: "", True, False
        )
    torch._C._jit_pass_peephole(graph, False)  # two of three operations ask for sizes, which are known
    torch._C._jit_pass_dce(graph)
    run = torch._C._create_function_from_graph("forward", graph)
    return lambda *args: run(*args, *state)


def added_mask(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to scores so that no position sees a later one, or padding: (batch, 1, tokens, tokens).

    transformers would make it from `mask` (batch, tokens), but in steps that cannot be captured.
    """
    before = torch.ones(mask.shape[1], mask.shape[1], dtype=torch.bool, device=mask.device).tril()
    unseen = ~(mask[:, None, None].bool() & before)
    return torch.zeros_like(unseen, dtype=dtype).masked_fill_(unseen, torch.finfo(dtype).min)


class FixedLayer(DynamicLayer):
    """One layer of a KV cache of fixed length: keys and values of `shape` (rows, heads, length, size).

    A prompt fills it from the left as it fills any cache. In a step the next go to `end`, a number that all
    layers share.
    """

    def __init__(self, shape: tuple[int, int, int, int], end: Tensor, **at):
        super().__init__()
        self.keys, self.values = torch.zeros(shape, **at), torch.zeros(shape, **at)
        self.end, self.is_initialized = end, True
        self.filled: int | None = 0  # tokens of the prompt so far, None in a step

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs) -> tuple[Tensor, Tensor]:
        """Put new keys and values (rows, heads, new, size) in; all of these rows."""
        if self.filled is None:
            self.keys.index_copy_(2, self.end, key_states)
            self.values.index_copy_(2, self.end, value_states)
            return self.keys, self.values
        rows, start, end = len(key_states), self.filled, self.filled + key_states.shape[2]
        self.keys[:rows, :, start:end] = key_states
        self.values[:rows, :, start:end] = value_states
        self.filled = end
        if not start:
            return key_states, value_states
        return self.keys[:rows, :, :end], self.values[:rows, :, :end]

    def get_seq_length(self) -> int | Tensor:
        """How many tokens are there."""
        return self.end if self.filled is None else self.filled

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Let all rows begin as the first does."""
        for x in (self.keys, self.values):
            x[1:, :, : self.filled] = x[:1, :, : self.filled]
