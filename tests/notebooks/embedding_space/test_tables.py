"""The cloud of tokens as a whole."""

import pytest

from workbook.embedding_space import tables


def test_strays_are_the_ends_and_counted(any_lab):
    table = tables.strays(any_lab, 3).set_index("which")
    assert table.loc["longest", "value"].iloc[0] == pytest.approx(any_lab.space.norms.max().item())
    assert table.loc["nearest", "value"].iloc[0] == pytest.approx(any_lab.space.distances.min().item())
    assert (table.loc["shortest", "spreads"] < 0).all() and (table.loc["farthest", "spreads"] > 0).all()
    counts = tables.stray_counts(any_lab, 0)  # all but those at the median itself
    assert ((counts["below"] + counts["above"]).between(len(any_lab.space) * 0.9, len(any_lab.space))).all()
    assert counts["normal"].iloc[0] == pytest.approx(len(any_lab.space))


def test_components_add_up_and_their_ends_are_the_ends(any_lab):
    table = tables.components(any_lab)
    assert table["share"].sum() == pytest.approx(1, abs=1e-4) and len(table) == any_lab.width
    ends = tables.component_ends(any_lab, 2, 3)
    assert len(ends) == 12
    low, high = (ends[(ends["component"] == 1) & (ends["end"] == end)]["score"].iloc[0] for end in "-+")
    along = (any_lab.space.vectors.float() - any_lab.space.centroid) @ any_lab.space.principal[1][0]
    assert (low, high) == pytest.approx((along.min().item(), along.max().item()), rel=1e-3)


def test_a_random_cloud_is_round_and_the_models_own_is_not(lab, tiny):
    cosines = tables.pair_cosines(lab, 500)
    values = tables.lopsidedness(lab, cosines).set_index("quantity")["value"]
    off = "spread of cosines once the centroid is taken off"
    assert abs(cosines[cosines["of"] == "centred"]["cosine"].mean()) < 0.03  # of any cloud
    assert values[off] > 2 * values["spread of cosines in a round cloud"]
    assert values["spread of cosines in a round cloud"] == pytest.approx(lab.width**-0.5, rel=0.1)
    assert values["mean cosine of two tokens as they are"] > 0.3
    cosines = tables.pair_cosines(tiny, 500)
    values = tables.lopsidedness(tiny, cosines).set_index("quantity")["value"]
    assert abs(values["mean cosine of two tokens as they are"]) < 0.1
    assert values["participation ratio"] > 0.9 * tiny.width
    assert values[off] == pytest.approx(values["spread of cosines in a round cloud"], rel=0.15)
    assert tables.pair_cosines(lab, 5).equals(tables.pair_cosines(lab, 5))


def test_glitch_candidates_are_no_marks_and_padding_rows_come_first(lab, tiny):
    assert tables.untrained(lab)[0].startswith("added tokens")
    kind, vectors = tables.untrained(tiny)
    assert kind == "padding rows" and vectors.shape == (64, tiny.width)
    table = tables.glitch_candidates(lab, 10)
    assert table["distance"].is_monotonic_increasing
    assert not set(table["id"]) & set(lab.tokenizer.added_tokens_decoder)


def test_random_ids_are_all_tokens_but_the_marks_and_the_seed_draws_them(lab):
    marks = set(lab.tokenizer.added_tokens_decoder)
    ids = set(tables.random_ids(lab, len(lab.space)))
    assert not ids & marks and ids <= set(lab.space.ids.tolist())
    assert len(lab.space) - len(ids) >= len(marks)  # the marks, and bytes that no text has
    few, again, others = (tables.random_ids(lab, 50, seed) for seed in (0, 0, 1))
    assert few == again and few != others and len(few) == 50


def test_common_words_are_repeated_and_candidates_are_not(lab):
    words = [lab.ids(word)[0].item() for word in (" apple", " house", " river")]
    assert tables.repeats(lab, words)["repeated"].all()
    table = tables.matched(lab, 5)
    assert not table[table["of"] == "candidate"]["repeated"].any()
    rates = tables.repeat_rates(table)
    assert rates.groupby(["prompt", "of"])["asked"].sum().eq(5).all()
    assert not rates[rates["of"] == "candidate"]["repeated"].any()


def test_each_candidate_has_a_partner_of_its_kind(any_lab):
    table = tables.matched(any_lab, 6, seed=1)
    for _, tokens in table.groupby("prompt"):
        sides = [tokens[tokens["of"] == of].reset_index(drop=True) for of in ("candidate", "matched token")]
        assert sides[0][["space", "decile"]].equals(sides[1][["space", "decile"]])
        assert tokens["token_id"].nunique() == 12  # none twice, none its own partner
        assert tokens["space"].tolist() == [token.startswith(" ") for token in tokens["token"]]
    assert table["decile"].between(0, 9).all()
    assert not set(table["token_id"]) & set(any_lab.tokenizer.added_tokens_decoder)
    assert tables.matched_ids(any_lab, [300], 0) != tables.matched_ids(any_lab, [300], 1)


def test_a_token_without_another_of_its_kind_is_named(lab):
    with pytest.raises(ValueError, match="ask for fewer"):
        tables.matched_ids(lab, tables.random_ids(lab, len(lab.space) - 50))
