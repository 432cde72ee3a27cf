"""Between two words and beyond one."""

import pandas as pd
import pytest
import torch

from nokenlab.prompt import fill, word_vector
from workbook.between_and_beyond import tables
from workbook.between_and_beyond.tables import MIXED, RANDOM, WORDS
from workbook.claims import claims
from workbook.definitions.tables import PROMPTS


def test_the_first_pairs_of_the_file_are_taken():
    pairs = tables.pairs_of(["file"])
    assert pairs[0] == ("dog", "cat") and tables.pairs_of(["file"], 3) == pairs[:3]


def test_pairs_turn_from_one_end_to_the_other(tiny):
    pairs = tables.distinct(tiny, [("dog", "cat"), ("red", "blue"), ("hat", "hat")])
    assert pairs == [("dog", "cat"), ("red", "blue")]
    table = tables.along_pairs(tiny, pairs, PROMPTS[1], 5)
    assert table.groupby("of", sort=False).size().to_dict() == {WORDS: 2 * 5 * 5, RANDOM: 2 * 5}
    assert table[table["p"] == 0]["kl_a"].max() < 1e-4 and table[table["p"] == 1]["kl_b"].max() < 1e-4
    turned = tables.turns(table)
    assert turned["turn"].between(0, 1).all() and (turned["crossings"] % 2 == 1).all()
    assert (turned["once"] == (turned["crossings"] == 1)).all()
    assert set(turned["pair"][turned["of"] == WORDS]) == {"dog, cat", "red, blue"}
    assert set(turned["way"][turned["of"] == RANDOM]) == {"lerp"}
    assert (turned["third"].isna() == turned["way"].isin(MIXED)).all()
    summary = tables.turn_summary(turned)
    assert summary["pairs"].tolist() == [2] * 6 and summary["third"].isna().sum() == 2
    both = pd.concat([turned, turned.assign(prompt="another", same_end=True)])
    by_prompt = tables.turn_summary(both)
    assert by_prompt["pairs"].tolist() == [2] * 12 and by_prompt["same_end"].tolist()[6:] == [2] * 6
    with pytest.raises(ValueError, match="nothing between"):
        tables.distinct(tiny, [("hat", "hat")])


def test_outputs_are_mixed_as_their_formulas_say():
    a, b = torch.tensor([[0.5, 1.5, -2.0, 0.0], [3.0, -1.0, 0.5, 0.2]])
    p = [0.0, 0.3, 1.0]
    weight = torch.tensor(p)[:, None]
    plain, log_linear = (mix(a, b, p).softmax(-1) for mix in MIXED.values())
    torch.testing.assert_close(plain, (1 - weight) * a.softmax(-1) + weight * b.softmax(-1))
    product = a.softmax(-1) ** (1 - weight) * b.softmax(-1) ** weight
    torch.testing.assert_close(log_linear, product / product.sum(-1, keepdim=True))


def test_of_a_model_that_is_linear_the_line_is_the_log_linear_mixture(tiny, monkeypatch):
    """There the null is the effect: logits that are linear in the noken, none of the other tokens."""
    read = torch.randn(tiny.width, 30, generator=torch.Generator().manual_seed(0))
    position = tiny.embed("A typical definition of").shape[1]
    monkeypatch.setattr(tiny, "logits", lambda rows: rows[:, position].float() @ read)
    turned = tables.turns(tables.along_pairs(tiny, [("dog", "cat")], PROMPTS[1], 9))
    words = turned[turned["of"] == WORDS].set_index("way")
    line, fade = words.loc[["lerp"]], words.loc[["outputs mixed, log-linear"]]
    numbers = ["turn", "crossings", "width", "apart", "detour"]
    assert line[numbers].to_numpy() == pytest.approx(fade[numbers].to_numpy(), abs=1e-4)


def test_random_pairs_are_real_tokens_each_once(tiny):
    ids = [id for pair in tables.random_pairs(tiny, 20) for id in pair]
    assert len(set(ids)) == 40 and set(ids) <= set(tiny.space.ids.tolist())
    assert tables.random_pairs(tiny, 5, seed=1) != tables.random_pairs(tiny, 5)
    with pytest.raises(ValueError, match="pairs need"):
        tables.random_pairs(tiny, len(tiny.space))


def test_the_turn_is_where_one_half_is_crossed():
    columns = {
        "p": [0.0, 0.25, 0.5, 0.75, 1.0],
        "to_b": [0.0, 0.05, 0.4, 0.8, 1.0],
        "entropy": [1, 2, 3, 2, 1],
    }
    about = {"prompt": "x", "of": WORDS, "a": "a", "b": "b", "way": "lerp", "kl_b": 2.0}
    curve = pd.DataFrame(columns).assign(nearest=["x", "x", "z", "y", "y"], next_token=[*"xxzyy"], **about)
    row = tables.turns(curve).iloc[0]
    assert row["turn"] == pytest.approx(0.5625) and row["crossings"] == 1 and row["once"]
    assert row["width"] == pytest.approx(0.75) and row["detour"] == 2 and row["third"]
    assert not row["same_end"] and tables.turns(curve.assign(next_token="x"))["same_end"].all()


def test_the_claims_read_the_turns_and_a_pair_is_one_fact(tiny):
    pairs = [("dog", "cat"), ("red", "blue"), ("hat", "sun")]
    turned = tables.turns(tables.along_pairs(tiny, pairs, PROMPTS[1], 5))
    questions = claims.read_claims("between_and_beyond/questions.yaml")
    answers = claims.answers(questions, {"turns": turned})
    assert answers["claim"].tolist() == [claim.claim for claim in questions]
    assert (answers["n_units"] == 3).all() and (answers["each"] == PROMPTS[1]).all()
    widths = turned[turned["of"] == WORDS].pivot(index="pair", columns="way", values="width")
    assert answers["estimate"][0] == pytest.approx((widths["lerp"] - widths["outputs mixed"]).mean())


def test_a_ray_goes_from_the_centroid_through_the_token(tiny):
    rays = tables.along_rays(tiny, ["dog"], PROMPTS[1], [0.0, 1.0, 3.0], 3)
    assert rays["scale"].tolist() == [0.0, 1.0, 3.0]
    distance = (word_vector(tiny, "dog") - tiny.space.centroid).norm().item()
    assert rays["distance"].tolist() == pytest.approx([0, distance, 3 * distance], rel=1e-3, abs=1e-5)
    assert rays["kl"][1] < 1e-4
    logits = tiny.logits(fill(tiny, PROMPTS[1], word_vector(tiny, "dog")))
    assert rays["next_token"][1] == tiny.token(logits.argmax().item())
