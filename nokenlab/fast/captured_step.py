"""A decode step, and a short prompt, captured as CUDA graphs; on a CPU a decode step, traced.

With few rows most of a step is Python, which asks for some thousand small operations. Written down once,
they are done without it. The step's cache then has a fixed length, and what is not yet there is masked out.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from transformers import Cache

from nokenlab.decode.forward import last_logits, prefill
from nokenlab.fast.fixed_cache import FixedLayer, closed
from nokenlab.models import memory

SHORT = 2048  # tokens of a batch of prompts; with more the GPU is busy anyway
WORTH = 4096  # tokens that a GPU runs while it is asked, operation by operation, to run a prompt's beginning


class CapturedStep:
    """A decode step of `rows` rows with a cache of `length` positions: a graph on a GPU, traced elsewhere."""

    keeps_rows = True  # rows that have ended run on; what they say is not read

    def __init__(self, model, rows: int, length: int):
        self.model, self.rows, self.length = model, rows, length
        self.pool = None  # where it is given back to, while it is in use
        at = {"device": model.device, "dtype": model.dtype}
        self.end = torch.zeros(1, device=model.device, dtype=torch.long)  # where the next token goes
        heads, size = memory.cache_heads(model.config)
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
        self.graph = None
        if model.device.type == "cuda":
            self.graph = capture(self._step)
        else:
            self.forward = traced(self.forward, self.embeddings, self.closed, self.positions)

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
            once = not mask.is_cuda or shared * (self.rows - 1) > WORTH
            logits, _ = prefill(self.model, embeddings, mask, shared if once else 0, past=self.cache)
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
        self.graph.replay() if self.graph else self._step()
        self.last = self.logits
        return self.logits.clone() if every else self.logits[rows]

    def release(self) -> None:
        """Give it back, so that the next call of this shape need not capture again."""
        pool, self.pool = self.pool, None  # what a pool keeps does not hold the pool
        pool.put_back(self)

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
        self.register_buffer("end", past.layers[0].end)  # buffers: a trace takes others for constants
        for i, layer in enumerate(past.layers):
            self.register_buffer(f"keys_{i}", layer.keys)
            self.register_buffer(f"values_{i}", layer.values)

    def forward(self, embeddings: Tensor, closed: Tensor, positions: Tensor) -> Tensor:
        """Logits of the next token, (rows, vocab)."""
        return last_logits(self.model, embeddings, closed, positions, self.past)[0]


class Prompt:
    """A batch of prompts of one kind (tokens, how many of them are shared), captured for a step's cache."""

    def __init__(self, step: CapturedStep, inputs: list[Tensor], kind: tuple[int, int]):
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


def traced(module: torch.nn.Module, *inputs: Tensor) -> Callable[..., Tensor]:
    """The operations that a module does for such inputs, to be done again without Python.

    What `torch.jit.trace` makes stays for ever in a registry of torch's, 70 MB a shape of the default model.
    A graph that is a function of the weights too is in no registry, and goes with its last user.
    """
    state = [*module.parameters(), *module.buffers()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of each size that it takes for fixed, and it is
        graph, _ = torch._C._create_graph_by_tracing(
            lambda *given: module(*given[: len(inputs)]), (*inputs, *state), lambda tensor: "", True, False
        )
    torch._C._jit_pass_peephole(graph, False)  # two of three operations ask for sizes, which are known
    torch._C._jit_pass_dce(graph)
    run = torch._C._create_function_from_graph("forward", graph)
    return lambda *given: run(*given, *state)
