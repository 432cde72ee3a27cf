"""States of words, put elsewhere: what they say is the model's own, and each control is what it is called."""

import pandas as pd
import pytest
import torch

import nokenlab as nl
from nokenlab.prompt import fill
from nokenlab.readout.patching import read_logits
from workbook.claims import claims
from workbook.hidden_states import tables as experiment

PROMPT, CARRIER = "Red is Red; <noken> is", "The best <noken> is that"
WORDS = ["Red", "White", "Black", "food"]


@pytest.fixture(scope="module")
def table(tiny):
    return experiment.read_outs(tiny, PROMPT, CARRIER, WORDS, seed=5)


def rows(table, slot, scaling="raw"):
    return table[(table["slot"] == slot) & (table["scaling"] == scaling)].reset_index(drop=True)


def by_hand(logits, id):
    return 1 + int((logits > logits[id]).sum())


def test_a_row_a_word_layer_and_reading(tiny, table):
    depth = tiny.model.config.num_hidden_layers + 1
    assert len(table) == 4 * depth * len(WORDS) and not table.isna().any(axis=None)
    assert set(table["layer"]) == set(range(depth))
    assert table["place"].nunique() == depth


def test_states_are_those_of_the_whole_carrier(tiny):
    found = experiment.carried(tiny, CARRIER, WORDS)
    whole = tiny.states(CARRIER.replace("<noken>", "Black"))
    place = len(tiny.ids("The best Black")) - 1
    torch.testing.assert_close(found[:, 2], whole[:, place].float(), rtol=1e-4, atol=1e-4)


def test_in_the_embedding_slot_a_state_is_a_noken(tiny, table):
    ids = experiment.own_ids(tiny, WORDS)
    for layer, states in enumerate(experiment.carried(tiny, CARRIER, WORDS)):
        logits, some = tiny.logits(fill(tiny, PROMPT, states)), rows(table, experiment.EMBEDDING)
        some = some[some["layer"] == layer]
        assert some["rank"].tolist() == [by_hand(*pair) for pair in zip(logits, ids, strict=True)]
        chance = logits.softmax(-1)[range(4), ids].tolist()
        assert some["p_identity"].tolist() == pytest.approx(chance, abs=2e-6)
        assert some["said"].tolist() == [tiny.token(id) for id in logits.argmax(-1).tolist()]


@pytest.mark.parametrize("slot, scaling", experiment.READINGS[:3])
def test_the_controls_are_what_they_are_called(tiny, table, slot, scaling):
    ids, layer, word = experiment.own_ids(tiny, WORDS), 1, 2
    states = experiment.carried(tiny, CARRIER, WORDS)[layer]
    row = rows(table, slot, scaling).query("layer == @layer and word == 'Black'").iloc[0]
    own = experiment.scaled(tiny, states, scaling)
    random = nl.random_nokens(tiny.width, 5 + layer * 4 + word, norm=own[word].norm().item())
    mean = experiment.scaled(tiny, (states[1] + states[3])[None] / 2, scaling)
    vectors = torch.cat([own[word][None], own[3][None], random, mean])
    logits = read_logits(tiny, vectors, PROMPT, layer if slot == experiment.LAYER else None)
    found = row[["rank", "rank_other", "rank_random", "rank_mean"]].tolist()
    assert found == [by_hand(line, ids[word]) for line in logits]
    bare = tiny.logits("Red is Red; ? is")[0]
    assert row["rank_unpatched"] == by_hand(bare, ids[word])


def test_the_last_words_other_is_the_first(table):
    some = rows(table, experiment.LAYER)
    last = some[some["layer"] == some["layer"].max()]  # what no layer reads: the prompt alone
    assert (last["rank"] == last["rank_unpatched"]).all() and (last["rank_other"] == last["rank"]).all()
    assert (table["more"] == (table["rank"] == 1).astype(int) - (table["rank_other"] == 1)).all()


def test_the_lens_of_the_last_state_is_the_models_own_answer(tiny):
    text = "Red is a color"
    lens = experiment.logit_lens(tiny, tiny.states(text)[-1, -1][None])
    torch.testing.assert_close(lens, tiny.logits(text), rtol=1e-3, atol=1e-3)
    both = experiment.logit_lens(tiny, tiny.states(text)[-1, -2:])
    torch.testing.assert_close(both[1:], lens, rtol=1e-3, atol=1e-3)


def test_precision_is_counted_by_carrier_and_layer(table):
    made = table.assign(rank=[1 if word in WORDS[:3] else 2 for word in table["word"]], rank_other=1)
    shares = experiment.precision(pd.concat([made, made.assign(carrier="B <noken>", rank=2)]))
    assert (shares["words"] == 4).all() and (shares["other"] == 1).all()
    assert shares.groupby("carrier")["state"].unique().map(list).to_dict() == {
        CARRIER: [0.75],
        "B <noken>": [0],
    }


def test_the_claims_are_answered_a_layer_at_a_time(table):
    many = pd.concat([table.assign(word=table["word"] + str(n)) for n in range(25)])
    many["more"] = (many["layer"] == 1).astype(int)
    found = claims.answers(claims.read_claims("hidden_states/questions.yaml"), {"read_outs": many})
    assert len(found) == 3 * table["layer"].nunique()
    counted = experiment.readable(found)
    assert counted[counted["verdict"] == claims.HOLDS]["which"].tolist() == ["1"] * 3
    assert (counted["layers"].sum(), set(counted["verdict"])) == (len(found), {claims.HOLDS, claims.FAILS})


def test_nokenlabs_words_are_a_hundred_of_one_token(lab):
    words = experiment.words_of(["file"])
    assert len(set(words)) == 100 and {len(lab.ids(f" {word}")) for word in words} == {1}


def test_one_word_is_refused():
    with pytest.raises(ValueError, match=r"at least 2 words are needed.*got \['bear'\]"):
        experiment.words_of(["bear"])
