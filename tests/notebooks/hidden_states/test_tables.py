"""States of words, put elsewhere: what they say is the model's own, and each control is what it is called."""

import pandas as pd
import pytest
import torch

import nokenlab as nl
from nokenlab.prompt import fill
from nokenlab.readout.patching import read_logits
from workbook.claims import claims
from workbook.hidden_states import tables

PROMPT, CARRIER = "Red is Red; <noken> is", "The best <noken> is that"
WORDS = ["Red", "White", "Black", "food"]


@pytest.fixture(scope="module")
def table(tiny):
    return tables.read_outs(tiny, PROMPT, CARRIER, WORDS, seed=5)


def rows(table, slot, scaling="raw"):
    return table[(table["slot"] == slot) & (table["scaling"] == scaling)].reset_index(drop=True)


def rank(logits, id):
    return 1 + int((logits > logits[id]).sum())


def test_a_row_is_a_word_layer_and_reading(tiny, table):
    depth = tiny.model.config.num_hidden_layers + 1
    assert len(table) == 4 * depth * len(WORDS) and not table.isna().any(axis=None)
    assert set(table["layer"]) == set(range(depth)) and table["place"].nunique() == depth
    assert (table["beyond"] == (table["rank"] == 1).astype(int) - (table["rank_embedding"] == 1)).all()
    assert (table["top1_without"] == (table["rank_without"] == 1)).all()


def test_states_are_those_of_the_complete_carrier(tiny):
    states = tiny.states(CARRIER.replace("<noken>", "Black"))
    position = len(tiny.ids("The best Black")) - 1
    carried = tables.carried(tiny, CARRIER, WORDS)[:, 2]
    torch.testing.assert_close(carried, states[:, position].float(), rtol=1e-4, atol=1e-4)


def test_in_the_embedding_slot_a_state_is_a_noken(tiny, table):
    ids = tables.word_ids(tiny, WORDS)
    for layer, states in enumerate(tables.carried(tiny, CARRIER, WORDS)):
        logits, read = tiny.logits(fill(tiny, PROMPT, states)), rows(table, tables.EMBEDDING)
        read = read[read["layer"] == layer]
        assert read["rank"].tolist() == [rank(*pair) for pair in zip(logits, ids, strict=True)]
        p = logits.softmax(-1)[range(4), ids].tolist()
        assert read["p_identity"].tolist() == pytest.approx(p, abs=2e-6)
        assert read["said"].tolist() == [tiny.token(id) for id in logits.argmax(-1).tolist()]


@pytest.mark.parametrize("slot, scaling", tables.READINGS[:3])
def test_the_controls_are_what_they_are_called(tiny, table, slot, scaling):
    ids, layer, word = tables.word_ids(tiny, WORDS), 1, 2
    states = tables.carried(tiny, CARRIER, WORDS)[layer]
    row = rows(table, slot, scaling).query("layer == @layer and word == 'Black'").iloc[0]
    vectors = tables.scaled(tiny, states, scaling)
    random = nl.random_nokens(tiny.width, 5 + layer * 4 + word, norm=vectors[word].norm().item())
    mean = tables.scaled(tiny, (states[1] + states[3])[None] / 2, scaling)
    direction = nl.rescale(tiny.embed("The best Black")[0, -1:].float(), 1)
    embedding = direction * vectors[word].norm()
    without = vectors[word] - (vectors[word] @ direction[0]) * direction
    assert abs(without @ direction.T) < 1e-4 < without.norm()
    vectors = torch.cat([vectors[[word, 3]], embedding, without, random, mean])
    logits = read_logits(tiny, vectors, PROMPT, layer if slot == tables.LAYER else None)
    controls = ["rank_other", "rank_embedding", "rank_without", "rank_random", "rank_mean"]
    ranks = row[["rank", *controls]].tolist()
    assert ranks == [rank(line, ids[word]) for line in logits]
    assert row["rank_unpatched"] == rank(tiny.logits("Red is Red; ? is")[0], ids[word])


def test_the_last_layers_output_is_not_read(table):
    read = rows(table, tables.LAYER)
    last = read[read["layer"] == read["layer"].max()]
    assert (last["rank"] == last["rank_unpatched"]).all() and (last["rank_other"] == last["rank"]).all()


def test_the_lens_of_the_last_state_is_the_models_own_answer(tiny):
    text = "Red is a color"
    lens = tables.logit_lens(tiny, tiny.states(text)[-1, -2:])
    torch.testing.assert_close(lens[1:], tiny.logits(text), rtol=1e-3, atol=1e-3)


def test_precision_is_counted_by_carrier_and_layer(table):
    ranked = table.assign(rank=[1 if word in WORDS[:3] else 2 for word in table["word"]], rank_other=1)
    shares = tables.precision(pd.concat([ranked, ranked.assign(carrier="B <noken>", rank=2)]))
    assert (shares["words"] == 4).all() and (shares["other"] == 1).all()
    by_carrier = shares.groupby("carrier")["state"].unique().map(list).to_dict()
    assert by_carrier == {CARRIER: [0.75], "B <noken>": [0]}


def test_the_claims_are_answered_a_layer_at_a_time(table):
    many = pd.concat([table.assign(word=table["word"] + str(n)) for n in range(25)])
    many["beyond"] = many["top1_without"] = (many["layer"] == 1).astype(int)
    verdicts = claims.answers(claims.read_claims("hidden_states/questions.yaml"), {"read_outs": many})
    assert len(verdicts) == 4 * table["layer"].nunique()
    counted = tables.layers_by_verdict(verdicts)
    assert counted[counted["verdict"] == claims.HOLDS]["which"].tolist() == ["1"] * 4
    assert (counted["layers"].sum(), set(counted["verdict"])) == (len(verdicts), {claims.HOLDS, claims.FAILS})
