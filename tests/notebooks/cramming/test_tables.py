"""Cramming: its targets, that each row grows by itself, and that greedy decoding recites what was counted."""

import pytest
import torch

from nokenlab.nokens import near_centroid
from nokenlab.prompt import fill
from workbook.cramming import tables

PROMPT = "Recite: <noken>"


@pytest.fixture(scope="module")
def targets(small):
    """What four random nokens make the model say: a noken that says five tokens of it is known to exist."""
    noise = torch.randn(4, small.width, generator=torch.Generator().manual_seed(1))
    x = fill(small, PROMPT, near_centroid(small.space, 1, 0)[0] + 0.5 * noise)
    return [torch.tensor(row) for row in small.greedy_ids(x, 5)]


@pytest.fixture(scope="module")
def crammed(small, targets):
    return tables.cram(small, PROMPT, targets, patience=40)


def test_fifty_texts_of_our_own_each_once(lab):
    texts = tables.read_texts(50)
    assert len(set(texts)) == 50 and min(len(lab.ids(f" {text}")) for text in texts) == 58
    for count in (0, 51):
        with pytest.raises(ValueError, match="1 to 50 can be crammed"):
            tables.read_texts(count)


def test_the_three_kinds_of_target(lab):
    texts = tables.read_texts(2)
    table = tables.targets_of(lab, texts, 58)
    assert table["kind"].tolist() == list(tables.KINDS) * 2 and table["text"].tolist() == [0] * 3 + [1] * 3
    assert all(len(ids) == 58 for ids in table["ids"])
    text, shuffled, random = (lab.text(ids.tolist()) for ids in table["ids"][:3])
    assert f" {texts[0]}".startswith(text) and set(shuffled.split()[:-1]) <= set(texts[0].split())
    assert shuffled.split() != text.split()
    assert lab.ids(random).tolist() == table["ids"][2].tolist()
    again = tables.targets_of(lab, texts[:1], 20)
    assert [a.tolist() for a in again["ids"]] == [a[:20].tolist() for a in table["ids"][:3]]
    with pytest.raises(ValueError, match="longest must be 1 to"):
        tables.targets_of(lab, texts, 90)


def test_greedy_decoding_recites_the_horizon(small, targets, crammed):
    decoded = small.greedy_ids(fill(small, PROMPT, crammed.vectors), 5)
    right = [tables.leading_right(new, ids.tolist()) for new, ids in zip(decoded, targets, strict=True)]
    assert right == crammed.horizon.tolist() and max(right) > 1
    for row, horizon in enumerate(right):
        steps = [step for grown, step, _ in crammed.growth if grown == row]
        reached = [longer for grown, _, longer in crammed.growth if grown == row]
        assert reached == sorted(reached) and (reached or [0])[-1] == horizon
        assert horizon == 5 or int(crammed.steps[row]) == (steps or [-1])[-1] + 1 + 41  # patience


def test_a_row_is_crammed_as_alone(small, targets, crammed):
    alone = tables.cram(small, PROMPT, targets[2:3], patience=40)
    torch.testing.assert_close(alone.vectors[0], crammed.vectors[2], rtol=1e-3, atol=1e-3)
    assert alone.steps[0] == crammed.steps[2]


def test_held_at_token_norm(small, targets):
    crammed = tables.cram(small, PROMPT, targets[:1], tables.TOKEN_NORM, patience=3)
    assert crammed.vectors.norm(dim=-1).item() == pytest.approx(small.space.median_norm, rel=1e-4)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"held": "tight"}, "held must be 'free' or 'token norm', got 'tight'"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"prompt": "Recite:"}, "<noken>"),
    ],
)
def test_wrong_settings(small, targets, settings, message):
    with pytest.raises(ValueError, match=message):
        tables.cram(small, **{"prompt": PROMPT, "ids": targets} | settings)


def test_tables_of_horizons_and_elsewhere(small):
    targets = tables.targets_of(small, tables.read_texts(2), 10)
    crammed = tables.cram(small, PROMPT, targets["ids"].tolist(), patience=5)
    table = tables.horizons(small, PROMPT, targets, crammed, "free")
    assert len(table) == 6 and set(table["held"]) == {"free"} and not table["whole"].any()
    for row, ids in zip(table.itertuples(), targets["ids"], strict=True):
        assert row.recited == small.text(ids[: row.horizon].tolist())
        assert row.gain == pytest.approx(row.before - row.after) and (row.horizon or row.before == 0)
    elsewhere = tables.elsewhere(small, targets, crammed.vectors, "free", max_new_tokens=3)
    assert len(elsewhere) == len(tables.UNRELATED) * 2 * 6
    norms = elsewhere.pivot_table("norm", ["prompt", "text", "kind"], "of")
    assert norms["crammed"].tolist() == pytest.approx(norms["random noken"].tolist(), rel=1e-4)


def test_bits_are_those_of_the_logits(small):
    ids, vectors = [torch.tensor([5, 6, 7]), torch.tensor([9])], torch.randn(2, small.width)
    bits = tables.bits(small, PROMPT, vectors, ids)
    x = fill(small, PROMPT, vectors)
    assert [len(row) for row in bits] == [3, 1]
    for row, tokens, log_p in zip(bits, ids, small.logits(x).log_softmax(-1), strict=True):
        assert row[0].item() == pytest.approx(-log_p[tokens[0]].item() / tables.NATS, rel=1e-3)
    longer = torch.cat([x[:1], small.embed_ids(ids[0][:2])[None]], dim=1)
    third = -small.logits(longer).log_softmax(-1)[0, 7].item() / tables.NATS
    assert bits[0][2].item() == pytest.approx(third, rel=1e-3)
