"""The cloud of tokens: its strays, its principal directions, how round it is, and what was hardly trained."""

from collections import defaultdict

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from nokenlab.lab import Lab
from nokenlab.prompt import NOKEN, fill
from workbook import scale
from workbook.claims.statistics import share_interval
from workbook.embeddings.tables import lengths

# The first two ask for words with a space in front, the others for words without. They were chosen by how
# many random tokens of that kind the default model repeats.
REPEAT = (
    f"Repeat: apple, apple\nRepeat: river, river\nRepeat: green, green\nRepeat:{NOKEN},",
    f"Echo: apple -> apple\nEcho: river -> river\nEcho: green -> green\nEcho:{NOKEN} ->",
    f'Say "apple": "apple"\nSay "river": "river"\nSay "green": "green"\nSay "{NOKEN}": "',
    '"apple" is spelled "apple", "river" is spelled "river", "green" is spelled "green" and '
    f'"{NOKEN}" is spelled "',
)
_IMPOSSIBLE = (0xC0, 0xC1, *range(0xF5, 0x100))  # bytes that no UTF-8 text has


def strays(lab: Lab, k: int = 5) -> pd.DataFrame:
    """The k tokens at each end of norm and of distance from the centroid, and how far out they are.

    Columns: which, rank, token, id, value, spreads (from the median, in robust standard deviations: 1.4826
    times the median absolute deviation).
    """
    table, ends = lengths(lab), []
    for measure, (low, high) in {
        "norm": ("shortest", "longest"),
        "distance": ("nearest", "farthest"),
    }.items():
        table["spreads"], table["value"] = _in_spreads(table[measure]), table[measure]
        ends.append(table.nsmallest(k, measure).assign(which=low))
        ends.append(table.nlargest(k, measure).assign(which=high))
    table = pd.concat([end.assign(rank=range(1, len(end) + 1)) for end in ends], ignore_index=True)
    table["token"] = [lab.token(id) for id in table["id"]]
    return table[["which", "rank", "token", "id", "value", "spreads"]]


def stray_counts(lab: Lab, spreads: float = 4) -> pd.DataFrame:
    """How many tokens lie more than `spreads` robust standard deviations from the median.

    Columns: of ("norm", or "norm, alike in all tokens"; "distance from the centroid"), below, above (counts),
    normal (the expected count on both sides together, if the values were normally distributed).
    """
    table, norm = lengths(lab), "norm, alike in all tokens" if scale.alike(lab.space.norms) else "norm"
    normal = len(table) * torch.erfc(torch.tensor(spreads / 2**0.5, dtype=torch.double)).item()
    rows = []
    for measure, name in {"norm": norm, "distance": "distance from the centroid"}.items():
        away = _in_spreads(table[measure])
        rows.append((name, int((away < -spreads).sum()), int((away > spreads).sum()), normal))
    return pd.DataFrame(rows, columns=["of", "below", "above", "normal"])


def _in_spreads(values: pd.Series) -> pd.Series:
    """The distance of values from their median, in robust standard deviations (see `strays`)."""
    away = values - values.median()
    return away / max(1.4826 * away.abs().median(), 1e-12)


def components(lab: Lab) -> pd.DataFrame:
    """The variance along each principal direction. Columns: component (from 1), share, cumulative."""
    variances = lab.space.principal[0].double()
    share = variances / variances.sum()
    numbers = range(1, len(share) + 1)
    return pd.DataFrame({"component": numbers, "share": share, "cumulative": share.cumsum(0)})


def component_ends(lab: Lab, count: int = 4, k: int = 8) -> pd.DataFrame:
    """The k tokens at both ends of the first `count` principal directions.

    Columns: component (from 1), end ("-" or "+", which is arbitrary), rank, token, id, score (the offset
    from the centroid along it).
    """
    space, rows = lab.space, []
    along = (space.vectors.float() - space.centroid) @ space.principal[1][:count].T.to(space.vectors.device)
    for component, scores in enumerate(along.T.cpu(), start=1):
        for end, sign in (("-", -1), ("+", 1)):
            for rank, row in enumerate((sign * scores).topk(min(k, len(space))).indices, start=1):
                id = space.ids[row].item()
                rows.append((component, end, rank, lab.token(id), id, scores[row].item()))
    return pd.DataFrame(rows, columns=["component", "end", "rank", "token", "id", "score"])


def pair_cosines(lab: Lab, pairs: int = 5000, seed: int = 0) -> pd.DataFrame:
    """The cosine of two random tokens. Columns: of, cosine; `pairs` rows for each of three clouds.

    of: "tokens as they are", "centred" (the same pairs less the centroid), and "round cloud", random
    directions of the same width.
    """
    generator = torch.Generator().manual_seed(seed)
    count = len(lab.space)
    a = torch.randint(count, (pairs,), generator=generator)
    b = (a + torch.randint(1, count, (pairs,), generator=generator)) % count
    x, y = (lab.space.vectors[rows.to(lab.device)].float() for rows in (a, b))  # (pairs, width)
    u, v = torch.randn(2, pairs, lab.width, generator=generator)
    c = lab.space.centroid
    clouds = {"tokens as they are": (x, y), "centred": (x - c, y - c), "round cloud": (u, v)}
    tables = {of: pd.DataFrame({"cosine": cosine_similarity(*ends).cpu()}) for of, ends in clouds.items()}
    return pd.concat(tables, names=["of"]).reset_index("of").reset_index(drop=True)


def lopsidedness(lab: Lab, cosines: pd.DataFrame) -> pd.DataFrame:
    """How anisotropic the cloud is, from a `pair_cosines` table. Columns: quantity, value.

    Centring makes the mean cosine of a cloud of any shape about 0; the spread (standard deviation) differs.
    The participation ratio is (sum of variances)² / sum of squared variances: how many directions carry the
    cloud, `width` for a round one and 1 for a line.
    """
    variances, cumulative = lab.space.principal[0].double(), components(lab)["cumulative"]
    by_cloud = cosines.groupby("of")["cosine"]
    mean, spread = by_cloud.mean(), by_cloud.std()
    rows = [
        ("mean cosine of two tokens as they are", mean["tokens as they are"]),
        ("spread of cosines once the centroid is taken off", spread["centred"]),
        ("spread of cosines in a round cloud", spread["round cloud"]),
        ("width", lab.width),
        ("participation ratio", (variances.sum() ** 2 / (variances**2).sum()).item()),
        ("components for half of the variance", int((cumulative < 0.5).sum()) + 1),
        ("components for 90 % of it", int((cumulative < 0.9).sum()) + 1),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value"], dtype=object)


def untrained(lab: Lab) -> tuple[str, Tensor]:
    """What surely got little or no training: its kind in words, and vectors (rows, width), float32.

    Padding rows of the table that no token uses, if there are any; else the special tokens (see `_special`).
    """
    embedding = lab.model.get_input_embeddings()
    unused = torch.ones(embedding.num_embeddings, dtype=torch.bool)
    unused[lab.space.ids] = False
    if unused.any():
        with torch.no_grad():
            return "padding rows", embedding(unused.nonzero().squeeze(1).to(lab.device)).float()
    ids = _special(lab)
    if not len(ids):
        raise ValueError(f"{lab.name} has no padding rows and no added tokens to compare with")
    rows = lab.space.rows(ids).to(lab.device)
    return "added tokens and impossible bytes", lab.space.vectors[rows].float()


def _special(lab: Lab) -> Tensor:
    """Ids of the special tokens, sorted: those added to the vocabulary, and bytes that no text has."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    added = set(lab.tokenizer.added_tokens_decoder) | set(lab.tokenizer.all_special_ids)
    vocabulary, letters = lab.tokenizer.get_vocab(), bytes_to_unicode()
    names = [name for byte in _IMPOSSIBLE for name in (letters[byte], f"<0x{byte:02X}>")]  # GPT-2's, Llama's
    impossible = {vocabulary[name] for name in names if name in vocabulary}
    return torch.tensor(sorted((added | impossible) & set(lab.space.ids.tolist())), dtype=torch.long)


def glitch_candidates(lab: Lab, k: int = 20) -> pd.DataFrame:
    """The k tokens nearest to what was hardly trained: they may be glitch tokens.

    After "Fishing for Magikarp" (Land and Bartolo, 2024), which takes the mean of unused rows. Here the
    middle of `untrained` is the median of each number: one trained special token does not move it. Special
    tokens are left out. Columns: rank, token, id, norm, distance (to that middle).
    """
    space, away = lab.space, _away_from_untrained(lab)
    away[torch.isin(space.ids, _special(lab))] = torch.inf
    rows = away.argsort(stable=True)[:k]
    ids = space.ids[rows].tolist()
    return pd.DataFrame(
        {
            "rank": range(1, len(ids) + 1),
            "token": [lab.token(id) for id in ids],
            "id": ids,
            "norm": space.norms.cpu()[rows].tolist(),
            "distance": away[rows].tolist(),
        }
    )


def _away_from_untrained(lab: Lab) -> Tensor:
    """Distance of each token to the middle of `untrained`, (tokens,) on the CPU."""
    return (lab.space.vectors.float() - untrained(lab)[1].median(dim=0).values).norm(dim=-1).cpu()


def random_ids(lab: Lab, count: int, seed: int = 0) -> list[int]:
    """Ids of `count` different random tokens, no special ones."""
    ids = lab.space.ids[~torch.isin(lab.space.ids, _special(lab))]
    return ids[torch.randperm(len(ids), generator=torch.Generator().manual_seed(seed))[:count]].tolist()


def matched_ids(lab: Lab, ids: list[int], seed: int = 0) -> list[int]:
    """A random other token of the same `_kind` for each id: no special token, none of `ids`, none twice.

    Raises ValueError where there are not enough.
    """
    waiting = defaultdict(list)  # kind -> ids that have no partner yet
    for id in ids:
        waiting[_kind(lab, id)].append(id)
    partners: dict[int, int] = {}
    taken = set(ids)
    for other in random_ids(lab, len(lab.space), seed):
        if len(partners) == len(ids):
            break
        if other not in taken and (same_kind := waiting[_kind(lab, other)]):
            partners[same_kind.pop(0)] = other
    if len(partners) < len(ids):
        raise ValueError(
            f"only {len(partners)} of {len(ids)} tokens have another of their kind; ask for fewer"
        )
    return [partners[id] for id in ids]


def _kind(lab: Lab, id: int) -> tuple[bool, int]:
    """What tokens are matched on: whether a space is in front, and the decile of the id, 0 to 9."""
    row = lab.space.rows(torch.tensor([id])).item()
    return lab.token(id).startswith(" "), row * 10 // len(lab.space)


def repeats(lab: Lab, ids: list[int], prompt: str = REPEAT[0]) -> pd.DataFrame:
    """Whether the model can repeat a token: after three examples, each token is put in by its embedding.

    Columns: token, id, rank and probability (of the token itself as the next), said (the likeliest next
    token), repeated (rank is 1).
    """
    tokens = torch.tensor(ids)
    vectors = lab.space.vectors[lab.space.rows(tokens).to(lab.device)]

    def answers(batch: slice) -> pd.DataFrame:
        asked = tokens[batch, None]
        logits = lab.logits(fill(lab, prompt, vectors[batch])).cpu()  # (batch, vocab)
        columns = {
            "rank": ((logits > logits.gather(1, asked)).sum(dim=1) + 1).tolist(),
            "probability": logits.softmax(-1).gather(1, asked).squeeze(1).tolist(),
            "said": [lab.token(id) for id in logits.argmax(-1).tolist()],
        }
        return pd.DataFrame(columns)

    table = pd.concat(lab.in_batches(answers, len(ids), None), ignore_index=True)
    table.insert(0, "token", [lab.token(id) for id in ids])
    table.insert(1, "id", ids)
    return table.assign(repeated=table["rank"] == 1)


def matched(lab: Lab, k: int = 20, seed: int = 0) -> pd.DataFrame:
    """`repeats` of k glitch candidates and of their `matched_ids`, in each prompt of `REPEAT`.

    Columns: token_id, of ("candidate", "matched token"), token, space (whether one is in front), decile (of
    its id among all tokens', 0 to 9), repeated, rank, probability, said, prompt, distance (as in
    `glitch_candidates`).
    """
    candidates = glitch_candidates(lab, k)["id"].tolist()
    ids = candidates + matched_ids(lab, candidates, seed)
    columns = {
        "of": ["candidate"] * len(candidates) + ["matched token"] * len(candidates),
        "space": [_kind(lab, id)[0] for id in ids],
        "decile": [_kind(lab, id)[1] for id in ids],
        "distance": _away_from_untrained(lab)[lab.space.rows(torch.tensor(ids))].tolist(),
    }
    tables = [repeats(lab, ids, prompt).assign(prompt=prompt, **columns) for prompt in REPEAT]
    table = pd.concat(tables, ignore_index=True).rename(columns={"id": "token_id"})
    first = ["token_id", "of", "token", "space", "decile", "repeated", "rank", "probability", "said"]
    return table[[*first, "prompt", "distance"]]


def repeat_rates(table: pd.DataFrame) -> pd.DataFrame:
    """A `matched` table by prompt, leading space and kind, one unit per token.

    Columns: prompt, space, of, asked, repeated (counts), low, high (Wilson 95 % interval of the share
    repeated), median_rank.
    """
    rows = []
    for prompt, tokens in table.groupby("prompt", sort=False):
        for kind, group in tokens.groupby(["space", "of"]):
            hits = int(group["repeated"].sum())
            rows.append(
                (prompt, *kind, len(group), hits, *share_interval(hits, len(group)), group["rank"].median())
            )
    columns = ["prompt", "space", "of", "asked", "repeated", "low", "high", "median_rank"]
    return pd.DataFrame(rows, columns=columns)
