"""What a hidden state says when it is read as a word: the states of words, read out and told by ranks."""

from collections.abc import Sequence
from functools import partial
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
CONTROLS = ("other", "random", "mean", "unpatched")


def words_of(words: Sequence[str]) -> list[str]:
    """The words themselves; ["file"] reads nokenlab's own hundred. ValueError for fewer than two."""
    found = WORDS.read_text(encoding="utf-8").split() if list(words) == ["file"] else list(words)
    if len(found) < 2:
        raise ValueError(f"at least 2 words are needed, as each is compared with the next; got {found}")
    return found


def own_ids(lab: Lab, words: Sequence[str]) -> Tensor:
    """The token that says each word, (words,): the last of the word with a space before it."""
    return torch.stack([lab.ids(f" {word}")[-1] for word in words])


def carried(lab: Lab, carrier: str, words: Sequence[str]) -> Tensor:
    """The states of each word's last token in a carrier text, (layers + 1, words, width), float32 on the CPU.

    The word stands where the carrier says <noken>. What follows is left out: no state sees what comes later.
    """
    before = carrier.split(NOKEN)[0]
    return torch.stack([lab.states(before + word)[:, -1].float().cpu() for word in words], dim=1)


@torch.no_grad()
def logit_lens(lab: Lab, states: Tensor) -> Tensor:
    """Logits of states (rows, width) taken for what leaves the last layer, (rows, vocab), float32.

    They go through the last norm and the head alone. Source: nostalgebraist, "interpreting GPT: the logit
    lens", LessWrong, 2020.
    """
    any_token = lab.embed("a")[:, :1].expand(len(states), -1, -1)
    with lab.lock, patched(lab.model, len(layers(lab.model)), 0, states):
        return lab.model(inputs_embeds=any_token, use_cache=False).logits[:, -1].float()


def scaled(lab: Lab, states: Tensor, scaling: str) -> Tensor:
    """States (rows, width) as they are, or as long as a typical token's embedding."""
    return rescale(states, lab.space.median_norm) if scaling == TOKEN_NORM else states


def read_outs(lab: Lab, prompt: str, carrier: str, words: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """The states of words in a carrier text, read out in all `READINGS`: a row a word, layer and reading.

    prompt: the text that reads out, with <noken> where a state is put. `LENS` needs none. seed: of the first
    random vector, the next seeds of the others.

    Columns: model, prompt, carrier, place (layer and carrier), word; layer (0: the embedding; the last: what
    leaves the last layer); slot (`EMBEDDING`, `LAYER`: into the layer that the state entered, or `LENS`);
    scaling; rank (of the word's own token, see `own_ids`, among all next tokens, from 1), p_identity (its
    probability), said (the likeliest token). The rank of the same token with something else there:
    rank_other (the state of the next word), rank_random (a random vector as long), rank_mean (the mean
    state of every second word, this one not among them), rank_unpatched ("?", no state at all). top1 (1 where
    rank is 1, else 0) and more (top1 less the same of rank_other).
    """
    ids, states = own_ids(lab, words), carried(lab, carrier, words)
    unpatched = ranks(read_logits(lab, word_vector(lab, PLACEHOLDER)[None], prompt).expand(len(ids), -1), ids)
    parts = []
    for slot, scaling in READINGS:
        for layer, own in enumerate(states):
            if slot == LENS:
                read = partial(logit_lens, lab)
            else:
                read = partial(read_logits, lab, prompt=prompt, layer=layer if slot == LAYER else None)
            seeds = range(seed + layer * len(ids), seed + (layer + 1) * len(ids))
            found = _read(lab, read, own, scaling, ids, list(seeds))
            part = {"word": words, "layer": layer, "slot": slot, "scaling": scaling, **found}
            parts.append(pd.DataFrame(part | {"rank_unpatched": unpatched.tolist()}))
    table = pd.concat(parts, ignore_index=True)
    table["top1"] = (table["rank"] == 1).astype(int)
    table["more"] = table["top1"] - (table["rank_other"] == 1)
    place = [f"layer {layer}, {carrier}" for layer in table["layer"]]
    named = table.assign(model=lab.name, prompt=prompt, carrier=carrier, place=place)
    return named[["model", "prompt", "carrier", "place", *table]]


def _read(lab: Lab, read, own: Tensor, scaling: str, ids: Tensor, seeds: list[int]) -> dict[str, list]:
    """What the states (words, width) of one layer say, and all that stands beside them."""
    halves = torch.stack(
        [own[1::2].mean(dim=0), own[::2].mean(dim=0)]
    )  # the mean of the words of the other half
    vectors = scaled(lab, own, scaling)
    random = random_nokens(lab.width, seeds, norm=1.0) * vectors.norm(dim=-1, keepdim=True)
    logits = read(torch.cat([vectors, random, scaled(lab, halves, scaling)]))
    own_logits, random_logits, mean_logits = logits.split([len(ids), len(ids), 2])
    chance = own_logits.softmax(-1).gather(1, ids.to(logits.device)[:, None])[:, 0]
    beside = {
        "rank_other": own_logits.roll(-1, dims=0),
        "rank_random": random_logits,
        "rank_mean": mean_logits[torch.arange(len(ids)) % 2],
    }
    return {
        "rank": ranks(own_logits, ids).tolist(),
        "p_identity": [round(p, 6) for p in chance.tolist()],
        "said": [lab.token(id) for id in own_logits.argmax(-1).tolist()],
    } | {name: ranks(other, ids).tolist() for name, other in beside.items()}


def ranks(logits: Tensor, ids: Tensor) -> Tensor:
    """The rank of a token in each row of logits (rows, vocab), (rows,), from 1; ties count against it."""
    own = logits.gather(1, ids.to(logits.device)[:, None])
    return (logits >= own).sum(dim=-1)


def precision(table: pd.DataFrame) -> pd.DataFrame:
    """The share of words that are the likeliest token: a row a carrier, slot, scaling and layer.

    Columns: carrier, slot, scaling, layer, words; state and each of `CONTROLS` (shares).
    """
    hits = table.assign(state=table["rank"] == 1, words=1)
    for name in CONTROLS:
        hits[name] = hits[f"rank_{name}"] == 1
    groups = hits.groupby(["carrier", "slot", "scaling", "layer"], sort=False)
    shares = groups[["state", *CONTROLS]].mean()
    return pd.concat([groups["words"].sum(), shares], axis=1).reset_index()


def readable(answers: pd.DataFrame) -> pd.DataFrame:
    """How many layers of each claim of `claims.answers` have which verdict: claim, verdict, layers, which."""
    layer = answers["each"].str.extract(r"layer (\d+)", expand=False)
    groups = answers.assign(layer=layer).groupby(["claim", "verdict"], sort=False)["layer"]
    return groups.agg(layers="size", which=lambda some: ", ".join(dict.fromkeys(some))).reset_index()
