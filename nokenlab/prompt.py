"""A prompt with `<noken>` in it: where vectors go, how many tokens it takes, the prompt filled with them."""

import torch
from torch import Tensor

from nokenlab.embedder import Embedder
from nokenlab.errors import NOKEN, check_text, check_vectors, short


class Template:
    """A prompt that is split at each `<noken>`, once; each text between them has the tokens of the text as it
    stands, behind a word.

    A space right before `<noken>` is dropped: words have tokens that begin with their space, so the vector
    stands for both. Raises ValueError for what is not a text.

    count: how many `<noken>`, 0 or more. position: that of the first, from 0. tokens: positions in all. A
    start-of-text token is not counted. before: the embeddings of the text before the first `<noken>`,
    (tokens, width); after: those of the text after each.
    """

    def __init__(self, lab: Embedder, prompt: str):
        check_text(prompt, "the prompt")
        texts = prompt.split(NOKEN)
        texts = [text.removesuffix(" ") for text in texts[:-1]] + texts[-1:]
        self.prompt = prompt
        before = lab.ids(texts[0]) if texts[0] else torch.empty(0, dtype=torch.long)
        self.before = lab.embed_ids(before)
        self.after = [lab.embed_ids(lab.ids_behind(text)) for text in texts[1:]]
        self.count, self.position = len(self.after), len(self.before)
        self.tokens = self.position + self.count + sum(map(len, self.after))

    def fill(self, vectors: Tensor) -> Tensor:
        """The prompt with vectors at its `<noken>`, one copy per row of vectors: (rows, tokens, width).

        vectors: (width,), or (rows, width), for a prompt with one `<noken>`; (rows, count, width) for any.
        Raises ValueError for a prompt without `<noken>`, and for other shapes, NaN or infinity.
        """
        if not self.count:
            raise ValueError(f"the prompt needs a {NOKEN}, where the vector goes: {short(self.prompt)}")
        vectors = per_place(vectors, self.count, self.before.shape[1])
        before = self.before.expand(len(vectors), -1, -1)
        return torch.cat([before, self.from_first(vectors)], dim=1)

    def from_first(self, vectors: Tensor) -> Tensor:
        """The filled prompt from its first `<noken>` on; vectors are (rows, count, width), unchecked."""
        vectors, parts = vectors.to(self.before), []
        for number, text in enumerate(self.after):
            parts += [vectors[:, number, None], text.expand(len(vectors), -1, -1)]
        return torch.cat(parts, dim=1)


def per_place(vectors: Tensor, count: int, width: int, name: str = "vectors") -> Tensor:
    """Vectors for a prompt with `count` <noken> as (rows, count, width); ValueError for other shapes."""
    check_vectors(vectors, name)
    rows = torch.atleast_2d(vectors)
    if count == 1 and rows.dim() == 2:
        rows = rows[:, None]
    if rows.dim() != 3 or rows.shape[1:] != (count, width) or not len(rows):
        shape = f"(rows, {width})" if count == 1 else f"(rows, {count}, {width})"
        got = tuple(vectors.shape)
        raise ValueError(f"the prompt has {count} {NOKEN}: {name} must be {shape}, got {got}")
    return rows


def fill(lab: Embedder, prompt: str, vectors: Tensor) -> Tensor:
    """A prompt with vectors at its `<noken>`, (rows, tokens, width): see `Template` and its `fill`."""
    return Template(lab, prompt).fill(vectors)


def word_vector(lab: Embedder, word: str) -> Tensor:
    """The embedding of a word with a space before it, (width,), float32 on the CPU: its last token's."""
    return lab.embed_ids(lab.ids_behind(f" {word}"))[-1].float().cpu()
