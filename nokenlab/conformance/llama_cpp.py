"""llama.cpp as a runtime, through llama-cpp-python: vectors go in by `llama_batch.embd`.

Needs the extra `bench`: llama-cpp-python, which is compiled as it is installed.
"""

import ctypes
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from nokenlab.conformance.runtimes import ROUNDING, Answer, Rows
from nokenlab.errors import BadInput, short
from nokenlab.lab import Lab
from nokenlab.models import packaged

MOST_ROWS = 256  # as llama.cpp is built


def gguf_of(model: str | None) -> Path:
    """The GGUF file of a model by its name or path; BadInput where it is not of one."""
    names = {packaged_model.name: packaged_model for packaged_model in packaged.MODELS.values()}
    if in_packages := packaged.named(model) or names.get(model):
        return packaged.gguf(in_packages)
    if not str(model).endswith(".gguf"):
        right = "default, gemma-3-270m or the path of one"
        raise BadInput(f"llama.cpp reads GGUF files: {right}; got {short(model)}")
    return Path(model).expanduser()


class LlamaCpp:
    """A GGUF file in llama.cpp, on as many threads as torch has; `lab` is of the same file.

    BadInput where llama-cpp-python is not installed, ValueError where llama.cpp cannot read the file.
    """

    name, limit = "llama.cpp", ROUNDING  # it rounds activations to 8 bits

    def __init__(self, gguf: Path, lab: Lab):
        if find_spec("llama_cpp") is None:
            raise BadInput("llama.cpp requires the extra `bench`: pip install -e '.[bench]'")
        import llama_cpp

        self.cpp, self.lab = llama_cpp, lab
        silent = llama_cpp.llama_log_callback(lambda *message: None)
        self._silent = silent  # must outlive this function
        llama_cpp.llama_log_set(silent, ctypes.c_void_p())
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(
            str(gguf).encode(), llama_cpp.llama_model_default_params()
        )
        if not self.model:
            raise ValueError(f"llama.cpp cannot read {gguf.name}")
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.context, self.size = None, 0

    def embed(self, ids: Tensor) -> Tensor:
        """As `Lab.embed_ids`: llama.cpp does not give its embeddings."""
        return self.lab.embed_ids(ids).float().cpu()

    def logits(self, rows: Rows) -> Tensor:
        """The next logits of rows, (rows, vocab), in one batch."""
        self._begin(rows, 1)
        return self._prompt(rows)

    def generate(self, rows: Rows, new: int, ends: Sequence[int] = ()) -> list[Answer]:
        """Greedy ids of rows, in one batch; a row that ended leaves it."""
        self._begin(rows, new)
        lengths = [len(row) + len(self.lab.start_ids) for row in rows]
        running, logits = list(range(len(rows))), self._prompt(rows)
        answers: list[list[tuple[Tensor, Tensor]]] = [[] for _ in rows]
        for step in range(new):
            ids = logits.argmax(-1)
            for row, id, row_logits in zip(running, ids, logits, strict=True):
                answers[row].append((id, row_logits))
            going = [(row, id) for row, id in zip(running, ids.tolist(), strict=True) if id not in ends]
            running = [row for row, _ in going]
            if not running or step + 1 == new:
                break
            logits = self._decode([(id, row, lengths[row] + step, True) for row, id in going])
        return [Answer(*map(torch.stack, zip(*answer, strict=True))) for answer in answers]

    def _begin(self, rows: Rows, new: int) -> None:
        """An empty cache with room for the rows and so many new tokens."""
        tokens = sum(len(row) + len(self.lab.start_ids) + new for row in rows)
        if tokens > self.size:
            params = self.cpp.llama_context_default_params()
            params.n_ctx = params.n_batch = params.n_ubatch = self.size = max(tokens, 2048)
            params.n_seq_max, params.kv_unified = MOST_ROWS, True
            params.n_threads = params.n_threads_batch = torch.get_num_threads()
            if self.context:
                self.cpp.llama_free(self.context)
            self.context = self.cpp.llama_init_from_model(self.model, params)
        self.cpp.llama_memory_clear(self.cpp.llama_get_memory(self.context), True)

    def _prompt(self, rows: Rows) -> Tensor:
        """Run prompts, each behind the model's start-of-text token; their next logits."""
        start = torch.tensor(self.lab.start_ids, dtype=torch.long)
        start = self.embed(start) if rows[0].is_floating_point() else start
        entries = []
        for number, row in enumerate(rows):
            inputs = torch.cat([start, row.cpu().to(start)])
            last = len(inputs) - 1
            entries += [(x, number, position, position == last) for position, x in enumerate(inputs)]
        return self._decode(entries)

    def _decode(self, entries: list[tuple[Tensor | int, int, int, bool]]) -> Tensor:
        """Run entries (vector or id, row, position, whether its logits are asked for); the logits."""
        inputs = [x for x, *_ in entries]
        is_vector = isinstance(inputs[0], Tensor) and inputs[0].dim() == 1
        batch = self.cpp.llama_batch_init(len(entries), self.lab.width if is_vector else 0, 1)
        try:
            batch.n_tokens = len(entries)
            if is_vector:
                flat = torch.stack(inputs).float().contiguous()
                ctypes.memmove(batch.embd, flat.data_ptr(), flat.nbytes)
            for i, (x, row, position, asked) in enumerate(entries):
                if not is_vector:
                    batch.token[i] = int(x)
                batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = position, 1, row
                batch.logits[i] = asked
            if self.cpp.llama_decode(self.context, batch):
                raise RuntimeError("llama.cpp could not run the batch")
            return torch.stack([self._logits(i) for i, (*_, asked) in enumerate(entries) if asked])
        finally:
            self.cpp.llama_batch_free(batch)

    def _logits(self, i: int) -> Tensor:
        pointer = self.cpp.llama_get_logits_ith(self.context, i)
        numbers = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float * self.vocab)).contents
        return torch.frombuffer(numbers, dtype=torch.float32).clone()
