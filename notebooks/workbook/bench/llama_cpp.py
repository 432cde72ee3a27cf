"""llama.cpp on the same vectors, for the bench: embeddings in, greedy tokens out, all rows in one batch.

Needs the extra `bench` (llama-cpp-python, which is compiled as it is installed).
"""

import ctypes
from pathlib import Path

import torch
from torch import Tensor

MOST_ROWS = 256  # as llama.cpp is built


class LlamaCpp:
    """A GGUF file in llama.cpp, on as many threads as torch has."""

    def __init__(self, gguf: Path):
        import llama_cpp

        self.cpp = llama_cpp
        silent = llama_cpp.llama_log_callback(lambda *message: None)
        self._silent = silent  # must outlive this function
        llama_cpp.llama_log_set(silent, ctypes.c_void_p())
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(
            str(gguf).encode(), llama_cpp.llama_model_default_params()
        )
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.contexts = {}

    def generate(self, embeddings: Tensor, max_new_tokens: int) -> Tensor:
        """Greedy ids (rows, max_new_tokens) from embeddings (rows, tokens, width); nothing ends early."""
        rows, tokens, _ = embeddings.shape
        context = self._context(rows, tokens, max_new_tokens)
        self.cpp.llama_memory_clear(self.cpp.llama_get_memory(context), True)
        batch = self.cpp.llama_batch_init(rows * tokens, embeddings.shape[2], 1)
        flat = embeddings.float().contiguous()
        ctypes.memmove(batch.embd, flat.data_ptr(), flat.numel() * 4)
        entries = [(row, position) for row in range(rows) for position in range(tokens)]
        ids = [self._decode(context, batch, entries, last=tokens - 1)]
        self.cpp.llama_batch_free(batch)
        batch = self.cpp.llama_batch_init(rows, 0, 1)
        for position in range(tokens, tokens + max_new_tokens - 1):
            for row, id in enumerate(ids[-1].tolist()):
                batch.token[row] = id
            entries = [(row, position) for row in range(rows)]
            ids.append(self._decode(context, batch, entries, last=position))
        self.cpp.llama_batch_free(batch)
        return torch.stack(ids, dim=1)

    def _decode(self, context, batch, entries: list[tuple[int, int]], last: int) -> Tensor:
        """Run a batch of entries (row, position); the likeliest next ids of the rows, (rows,)."""
        batch.n_tokens = len(entries)
        for i, (row, position) in enumerate(entries):
            batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = position, 1, row
            batch.logits[i] = position == last
        if self.cpp.llama_decode(context, batch):
            raise RuntimeError("llama.cpp could not run the batch")
        ends = [i for i, (_, position) in enumerate(entries) if position == last]
        return torch.stack([self._logits(context, i).argmax() for i in ends])

    def _logits(self, context, i: int) -> Tensor:
        pointer = self.cpp.llama_get_logits_ith(context, i)
        numbers = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float * self.vocab)).contents
        return torch.frombuffer(numbers, dtype=torch.float32)

    def _context(self, rows: int, tokens: int, new: int):
        if (rows, tokens + new) not in self.contexts:
            params = self.cpp.llama_context_default_params()
            params.n_ctx = rows * (tokens + new)
            params.n_batch = max(rows * tokens, 512)
            params.n_seq_max = rows
            params.n_threads = params.n_threads_batch = torch.get_num_threads()
            params.kv_unified = True
            self.contexts[rows, tokens + new] = self.cpp.llama_init_from_model(self.model, params)
        return self.contexts[rows, tokens + new]
