"""Targets after prompts with vectors in them: how likely they are, with gradients for the vectors.

What stands before a prompt's first <noken> is run once, and all rows share its cache. Logits are computed
only at the positions that predict a target's tokens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from nokenlab.decode.kv_cache import copied
from nokenlab.errors import NOKEN, check_text, short
from nokenlab.lab import Lab
from nokenlab.models import memory
from nokenlab.prompt import Template

MOST_ROWS_ON_CPU = 16  # more make a CPU no faster


class CachedTemplate(Template):
    """A `Template` with the cache of what stands before its first <noken>, a start-of-text token included.

    shared: the embeddings of that, (tokens, width). length: positions in all, with the start-of-text token.
    """

    def __init__(self, lab: Lab, prompt: str):
        super().__init__(lab, prompt)
        start = lab.embed_ids(torch.tensor(lab.start_ids, dtype=torch.long))
        self.shared = torch.cat([start, self.before])
        self.length = len(start) + self.tokens
        self._past = _past(lab, self.shared) if len(self.shared) else None

    def cache(self, rows: int):
        """The cache for so many rows, which share its memory; None where nothing is before the <noken>."""
        if self._past is None:
            return None
        past = copied(self._past)
        for layer in past.layers:
            layer.keys = layer.keys.expand(rows, -1, -1, -1)
            layer.values = layer.values.expand(rows, -1, -1, -1)
        return past


def cached_templates(lab: Lab, prompts: Sequence[str]) -> list[CachedTemplate]:
    """Templates of prompts; ValueError unless all have the same number of <noken>, 1 or more."""
    if not prompts:
        raise ValueError(f"there is no prompt; give a text with {NOKEN} in it")
    counts = [prompt.count(NOKEN) for prompt in prompts]
    if 0 in counts:
        raise ValueError(
            f"the prompt needs a {NOKEN}, where the vector goes: {short(prompts[counts.index(0)])}"
        )
    if len(set(counts)) > 1:
        raise ValueError(f"all prompts need as many {NOKEN}; they have {', '.join(map(str, counts))}")
    return [CachedTemplate(lab, prompt) for prompt in prompts]


def target_ids(lab: Lab, templates: list[CachedTemplate], targets: Sequence[str]) -> list[Tensor]:
    """The ids of each target; ValueError for no text, an empty one, or one too long after a prompt."""
    if not targets:
        raise ValueError("there are no targets; give at least one text that the model is to say")
    longest = max(template.length for template in templates)
    return [_target_ids(lab, target, f"target {number}", longest) for number, target in enumerate(targets)]


def _target_ids(lab: Lab, target: str, name: str, tokens: int) -> Tensor:
    """The ids of a target after a prompt of so many tokens."""
    check_text(target, name)
    if NOKEN in target:
        raise ValueError(f"{name} is what the model is to say; {NOKEN} goes into the prompt: {short(target)}")
    ids = lab.ids_behind(target)
    if not len(ids):
        raise ValueError(f"{name} has no tokens: the tokenizer of {lab.name} drops {short(target)}")
    if ids.max() >= lab.model.get_input_embeddings().num_embeddings:
        raise ValueError(f"{name} has a noken of your own, a token the model cannot say: {short(target)}")
    lab.check_room(tokens, len(ids), f"the length of {name}")
    return ids


def rows_at_once(lab: Lab, templates: list[CachedTemplate], ids: list[Tensor]) -> int:
    """How many rows are learned together: what memory holds with their gradients, and keeps a CPU busy."""
    config, new = lab.model.config.get_text_config(), max(map(len, ids))
    tokens = new + max(template.length for template in templates)
    saved = 32 * config.hidden_size * config.num_hidden_layers  # numbers per token that gradients need
    row = tokens * saved * lab.dtype.itemsize + 16 * new * config.vocab_size  # bytes of the longest row
    rows = memory.rows_at_once(lab.model, str(lab.device), row)
    return rows if lab.device.type == "cuda" else min(rows, MOST_ROWS_ON_CPU)


def score(lab: Lab, template: CachedTemplate, vectors: Tensor, ids: list[Tensor]) -> tuple[Tensor, Tensor]:
    """How likely targets are after a prompt with vectors (rows, count, width); ids of one target per row.

    Nll (rows,), float32, in nats per token, differentiable by the vectors, and whether every token of the
    row's target is the likeliest, (rows,).
    """
    nll, likeliest = score_tokens(lab, template, vectors, ids)
    return torch.stack([row.mean() for row in nll]), torch.stack([row.all() for row in likeliest])


def score_tokens(
    lab: Lab, template: CachedTemplate, vectors: Tensor, ids: list[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """As `score`, token by token: nll (tokens,) and whether it is the likeliest (tokens,), of each row."""
    counts = [len(row) for row in ids]
    fed = pad_sequence(ids, batch_first=True)[:, :-1]  # padding is on the right: causal attention ignores it
    x = torch.cat([template.from_first(vectors), lab.embed_ids(fed)], dim=1)  # (rows, tokens, width)
    first = x.shape[1] - fed.shape[1] - 1  # the position that predicts a target's first token
    rows = torch.arange(len(ids)).repeat_interleave(torch.tensor(counts))  # (targets' tokens,)
    positions = torch.cat([torch.arange(count) for count in counts]) + first
    logits = _logits(lab.model, x, template, rows.to(x.device), positions.to(x.device))
    right = torch.cat(ids)
    nll = cross_entropy(logits.float(), right, reduction="none")
    return list(nll.split(counts)), list((logits.argmax(-1) == right).split(counts))


def _logits(model, x: Tensor, template: CachedTemplate, rows: Tensor, positions: Tensor) -> Tensor:
    """Logits at positions of rows of x, which come after the shared ones, (positions, vocab)."""
    mask = x.new_ones(len(x), len(template.shared) + x.shape[1], dtype=torch.long)
    past = template.cache(len(x))
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, inputs: (inputs[0][rows, positions][None],))
    try:
        out = model(inputs_embeds=x, attention_mask=mask, past_key_values=past, use_cache=past is not None)
    finally:
        hook.remove()
    return out.logits[0]


def _past(lab: Lab, embeddings: Tensor):
    """The cache of embeddings (tokens, width), without gradients."""
    with lab.lock, torch.enable_grad():  # packed layers are less exact without gradients
        past = lab.model(inputs_embeds=embeddings[None], use_cache=True).past_key_values
    for layer in past.layers:
        layer.keys, layer.values = layer.keys.detach(), layer.values.detach()
    return past
