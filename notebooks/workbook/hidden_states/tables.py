"""What a hidden state says when it is read as a word: states of words are read out and ranked."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from nokenlab.decode.hidden_states import layers
from nokenlab.lab import Lab
from nokenlab.nokens import random_nokens, rescale
from nokenlab.prompt import NOKEN, word_vector
from nokenlab.readout.patching import PLACEHOLDER, patched, read_logits

WORDS = Path(__file__).parent / "words.txt"
EMBEDDING, LAYER, LENS = "embedding", "layer", "logit lens"  # where a state is put
RAW, TOKEN_NORM = "raw", "token norm"
READINGS = ((EMBEDDING, RAW), (EMBEDDING, TOKEN_NORM), (LAYER, RAW), (LENS, RAW))
CONTROLS = ("other", "embedding", "random", "mean", "unpatched")


def word_ids(lab: Lab, words: Sequence[str]) -> Tensor:
    """The token of each word, (words,): the last one of the word with a space before it."""
    return torch.stack([lab.ids_behind(f" {word}")[-1] for word in words])


def carried(lab: Lab, carrier: str, words: Sequence[str]) -> Tensor:
    """The states of each word's last token in a carrier text, (layers + 1, words, width), float32 on the CPU.

    The word replaces <noken>. The text after it is left out: no state depends on later tokens.
    """
    before = carrier.split(NOKEN)[0]
    return torch.stack([lab.states(before + word)[:, -1].float().cpu() for word in words], dim=1)


@torch.no_grad()
def logit_lens(lab: Lab, states: Tensor) -> Tensor:
    """Logits of states (rows, width) treated as the last layer's output, (rows, vocab), float32.

    They pass through the last norm and the head alone. Source: nostalgebraist, "interpreting GPT: the logit
    lens", LessWrong, 2020.
    """
    any_token = lab.embed("a")[:, :1].expand(len(states), -1, -1)
    with lab.lock, patched(lab.model, len(layers(lab.model)), 0, states):
        return lab.model(inputs_embeds=any_token, use_cache=False).logits[:, -1].float()


def scaled(lab: Lab, states: Tensor, scaling: str) -> Tensor:
    """States (rows, width) as they are, or at the norm of a typical token's embedding."""
    return rescale(states, lab.space.median_norm) if scaling == TOKEN_NORM else states


def read_outs(lab: Lab, prompt: str, carrier: str, words: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """The states of words in a carrier text in all `READINGS`: one row per word, layer and reading.

    prompt: the text that reads a state out, which is put at its <noken>; `LENS` does not use it. seed: of the
    first random vector; the others follow.

    Columns: model, prompt, carrier, place (layer and carrier), word; layer (0: the embedding; the last: the
    last layer's output); slot (`EMBEDDING`, `LAYER`: into the layer that the state entered, or `LENS`);
    scaling; rank (of the word's token, see `word_ids`, among all next tokens, from 1), p_identity (its
    probability), said (the likeliest token). The rank of the same token with something else in the state's
    position: rank_other (the state of the next word), rank_embedding (the word's own embedding at the state's
    norm), rank_without (the state without its part along that embedding), rank_random (a random vector of the
    same norm), rank_mean (the mean state of every second word, without this one), rank_unpatched ("?", no
    state at all). top1, top1_without: 1 where rank, rank_without is 1, else 0. beyond: top1 less the same of
    rank_embedding.
    """
    ids, states = word_ids(lab, words), carried(lab, carrier, words)
    before = carrier.split(NOKEN)[0]
    embeddings = torch.cat([lab.embed(before + word)[:, -1].float().cpu() for word in words])
    unpatched = read_logits(lab, word_vector(lab, PLACEHOLDER)[None], prompt).expand(len(ids), -1)
    parts = []
    for slot, scaling in READINGS:
        for layer, vectors in enumerate(states):
            seeds = range(seed + layer * len(ids), seed + (layer + 1) * len(ids))
            controls = _controls(lab, vectors, embeddings, scaling, seeds)
            if slot == LENS:
                logits = logit_lens(lab, controls)
            else:
                logits = read_logits(lab, controls, prompt, layer if slot == LAYER else None)
            logits, embedding, without, random, means = logits.split([len(ids)] * 4 + [2])
            p = logits.softmax(-1).gather(1, ids.to(logits.device)[:, None])[:, 0].tolist()
            names = {"model": lab.name, "prompt": prompt, "carrier": carrier}
            names |= {"place": f"layer {layer}, {carrier}", "word": words, "layer": layer}
            part = pd.DataFrame(names | {"slot": slot, "scaling": scaling, "rank": ranks(logits, ids)})
            part["p_identity"] = [round(value, 6) for value in p]
            part["said"] = [lab.token(id) for id in logits.argmax(-1).tolist()]
            part["rank_other"] = ranks(logits.roll(-1, dims=0), ids)
            part["rank_embedding"] = ranks(embedding, ids)
            part["rank_without"] = ranks(without, ids)
            part["rank_random"] = ranks(random, ids)
            part["rank_mean"] = ranks(means[torch.arange(len(ids)) % 2], ids)
            parts.append(part.assign(rank_unpatched=ranks(unpatched, ids)))
    table = pd.concat(parts, ignore_index=True)
    table["top1"] = (table["rank"] == 1).astype(int)
    table["top1_without"] = (table["rank_without"] == 1).astype(int)
    table["beyond"] = table["top1"] - (table["rank_embedding"] == 1)
    return table


def _controls(lab: Lab, states: Tensor, embeddings: Tensor, scaling: str, seeds: Sequence[int]) -> Tensor:
    """What is read out of one layer, below each other: (4 · words + 2, width).

    The states (words, width) as `scaling` says; the words' embeddings at their norms; the states without
    their parts along the embeddings; random vectors of the same norms; and two means, the first for words
    0, 2, …, which is that of words 1, 3, …, the second the reverse.
    """
    vectors = scaled(lab, states, scaling)
    norms = vectors.norm(dim=-1, keepdim=True)  # (words, 1)
    directions = rescale(embeddings, 1.0)
    along = (vectors * directions).sum(dim=-1, keepdim=True) * directions
    random = random_nokens(lab.width, seeds, norm=1.0) * norms
    means = torch.stack([states[1::2].mean(dim=0), states[::2].mean(dim=0)])
    return torch.cat([vectors, directions * norms, vectors - along, random, scaled(lab, means, scaling)])


def ranks(logits: Tensor, ids: Tensor) -> list[int]:
    """The rank of ids[i] in row i of logits (rows, vocab), from 1; ties count against it."""
    return (logits >= logits.gather(1, ids.to(logits.device)[:, None])).sum(dim=-1).tolist()


def precision(table: pd.DataFrame) -> pd.DataFrame:
    """The share of words that are the likeliest token: one row per carrier, slot, scaling and layer.

    Columns: carrier, slot, scaling, layer, words; state and each of `CONTROLS` (shares).
    """
    hits = table.assign(state=table["rank"] == 1, words=1)
    for name in CONTROLS:
        hits[name] = hits[f"rank_{name}"] == 1
    groups = hits.groupby(["carrier", "slot", "scaling", "layer"], sort=False)
    return pd.concat([groups["words"].sum(), groups[["state", *CONTROLS]].mean()], axis=1).reset_index()


def layers_by_verdict(answers: pd.DataFrame) -> pd.DataFrame:
    """The layers of each claim of `claims.answers`, by verdict: claim, verdict, layers (count), which."""
    layer = answers["each"].str.extract(r"layer (\d+)", expand=False)
    groups = answers.assign(layer=layer).groupby(["claim", "verdict"], sort=False)["layer"]
    return groups.agg(layers="size", which=lambda rows: ", ".join(dict.fromkeys(rows))).reset_index()
