"""Cramming: what is crammed, that each row grows by itself, and that greedy decoding recites what is said."""

import pytest
import torch
from helpers.tiny_models import tiny_lab

from nokenlab.nokens import near_centroid
from nokenlab.prompt import fill
from nokenlab.readout import teacher_forcing
from workbook.cramming import tables as cramming

PROMPT = "Recite: <noken>"


@pytest.fixture(scope="module")
def small(lab):
    return tiny_lab("llama", lab.tokenizer)


@pytest.fixture(scope="module")
def sayable(small):
    """What four random nokens make the model say: a noken that says five tokens of it is known to exist."""
    vectors = near_centroid(small.space, 1, 0)[0] + 0.5 * torch.randn(
        4, small.width, generator=torch.Generator().manual_seed(1)
    )
    return [torch.tensor(row) for row in teacher_forcing.greedy(small, fill(small, PROMPT, vectors), 5)]


@pytest.fixture(scope="module")
def crammed(small, sayable):
    return cramming.cram(small, PROMPT, sayable, patience=40, progress=False)


def test_fifty_texts_of_our_own_each_once(lab):
    texts = cramming.read_texts(50)
    assert len(set(texts)) == 50 and min(len(lab.ids(f" {text}")) for text in texts) == 58
    for count in (0, 51):
        with pytest.raises(ValueError, match="1 to 50 can be crammed"):
            cramming.read_texts(count)


def test_the_three_kinds_of_target(lab):
    texts = cramming.read_texts(2)
    table = cramming.targets_of(lab, texts, 58)
    assert table["kind"].tolist() == list(cramming.KINDS) * 2 and table["text"].tolist() == [0] * 3 + [1] * 3
    assert all(len(ids) == 58 for ids in table["ids"])
    text, shuffled, random = (lab.text(ids.tolist()) for ids in table["ids"][:3])
    assert f" {texts[0]}".startswith(text) and set(shuffled.split()[:-1]) <= set(texts[0].split())
    assert shuffled.split() != text.split()
    assert lab.ids(random).tolist() == table["ids"][2].tolist()
    again = cramming.targets_of(lab, texts[:1], 20)
    assert [a.tolist() for a in again["ids"]] == [a[:20].tolist() for a in table["ids"][:3]]
    with pytest.raises(ValueError, match="longest must be 1 to"):
        cramming.targets_of(lab, texts, 90)


def test_what_is_recited_is_recited(small, sayable, crammed):
    said = teacher_forcing.greedy(small, fill(small, PROMPT, crammed.vectors), 5)
    right = [cramming.leading_right(new, ids.tolist()) for new, ids in zip(said, sayable, strict=True)]
    best = crammed.growth.groupby("row")["horizon"].max().reindex(range(4), fill_value=0)
    assert right == best.tolist() and max(right) > 1
    assert crammed.growth["horizon"].groupby(crammed.growth["row"]).is_monotonic_increasing.all()


def test_a_row_is_crammed_as_alone(small, sayable, crammed):
    alone = cramming.cram(small, PROMPT, sayable[2:3], patience=40, progress=False)
    torch.testing.assert_close(alone.vectors[0], crammed.vectors[2], rtol=1e-3, atol=1e-3)
    assert alone.steps[0] == crammed.steps[2]
    torch.testing.assert_close(
        cramming.cram(small, PROMPT, sayable, patience=40, batch_size=1, progress=False).vectors,
        crammed.vectors,
        rtol=1e-3,
        atol=1e-3,
    )


def test_a_row_ends_by_its_patience_or_with_its_ids(small, sayable, crammed):
    last = crammed.growth.groupby("row")["step"].max()
    for row, ids in enumerate(sayable):
        horizon = crammed.growth.query("row == @row")["horizon"].max()
        moves = int(crammed.steps[row])
        assert horizon == len(ids) or moves == last.get(row, -1) + 1 + 41


def test_held_at_token_norm(small, sayable):
    found = cramming.cram(small, PROMPT, sayable[:1], cramming.TOKEN_NORM, patience=3, progress=False)
    assert found.vectors.norm(dim=-1).item() == pytest.approx(small.space.median_norm, rel=1e-4)


def test_wrong_settings(small, sayable):
    with pytest.raises(ValueError, match="held is 'free' or 'token norm', got 'tight'"):
        cramming.cram(small, PROMPT, sayable, "tight")
    with pytest.raises(ValueError, match="patience must be at least 1"):
        cramming.cram(small, PROMPT, sayable, patience=0)
    with pytest.raises(ValueError, match="<noken>"):
        cramming.cram(small, "Recite:", sayable)


def test_tables_of_horizons_and_elsewhere(small):
    targets = cramming.targets_of(small, cramming.read_texts(2), 10)
    found = cramming.cram(small, PROMPT, targets["ids"].tolist(), patience=5, progress=False)
    table = cramming.horizons(small, PROMPT, targets, found, "free")
    assert len(table) == 6 and set(table["held"]) == {"free"} and not table["whole"].any()
    for row, ids in zip(table.itertuples(), targets["ids"], strict=True):
        assert row.recited == small.text(ids[: row.horizon].tolist())
        assert row.gain == pytest.approx(row.before - row.after) and (row.horizon or row.before == 0)
    away = cramming.elsewhere(small, targets, found.vectors, "free", max_new_tokens=3)
    assert len(away) == len(cramming.UNRELATED) * 2 * 6
    pairs = away.pivot_table("norm", ["prompt", "text", "kind"], "of")
    assert pairs["crammed"].tolist() == pytest.approx(pairs["random noken"].tolist(), rel=1e-4)


def test_bits_are_what_logits_say(small):
    ids, vectors = [torch.tensor([5, 6, 7]), torch.tensor([9])], torch.randn(2, small.width)
    found = cramming.bits(small, PROMPT, vectors, [*ids])
    first = small.logits(fill(small, PROMPT, vectors)).log_softmax(-1)
    assert [len(row) for row in found] == [3, 1]
    for row, own, at in zip(found, ids, first, strict=True):
        assert row[0].item() == pytest.approx(-at[own[0]].item() / cramming.NATS, rel=1e-3)
    longer = torch.cat([fill(small, PROMPT, vectors[:1]), small.embed_ids(ids[0][:2])[None]], dim=1)
    third = -small.logits(longer).log_softmax(-1)[0, 7].item() / cramming.NATS
    assert found[0][2].item() == pytest.approx(third, rel=1e-3)
