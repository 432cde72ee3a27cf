"""The cloud of tokens as a whole."""

import pytest

from nokenlab.experiments import embedding_space


def test_strays_are_the_ends_and_counted(any_lab):
    table = embedding_space.strays(any_lab, 3).set_index("which")
    assert table.loc["longest", "value"].iloc[0] == pytest.approx(any_lab.space.norms.max().item())
    assert table.loc["nearest", "value"].iloc[0] == pytest.approx(any_lab.space.distances.min().item())
    assert (table.loc["shortest", "spreads"] < 0).all() and (table.loc["farthest", "spreads"] > 0).all()
    counts = embedding_space.stray_counts(any_lab, 0)  # all but those at the median itself
    assert ((counts["below"] + counts["above"]).between(len(any_lab.space) * 0.9, len(any_lab.space))).all()
    assert counts["normal"].iloc[0] == pytest.approx(len(any_lab.space))


def test_components_add_up_and_their_ends_are_the_ends(any_lab):
    table = embedding_space.components(any_lab)
    assert table["share"].sum() == pytest.approx(1, abs=1e-4) and len(table) == any_lab.width
    ends = embedding_space.component_ends(any_lab, 2, 3)
    assert len(ends) == 12
    low, high = (ends[(ends["component"] == 1) & (ends["end"] == end)]["score"].iloc[0] for end in "-+")
    along = (any_lab.space.vectors.float() - any_lab.space.centroid) @ any_lab.space.principal[1][0]
    assert (low, high) == pytest.approx((along.min().item(), along.max().item()), rel=1e-3)


def test_a_random_cloud_is_round_and_the_models_own_is_not(lab, tiny):
    cosines = embedding_space.pair_cosines(lab, 500)
    values = embedding_space.lopsidedness(lab, cosines).set_index("quantity")["value"]
    assert abs(values["mean cosine once the centroid is taken off"]) < 0.03
    assert values["mean cosine of two tokens as they are"] > 0.3
    cosines = embedding_space.pair_cosines(tiny, 500)
    values = embedding_space.lopsidedness(tiny, cosines).set_index("quantity")["value"]
    assert abs(values["mean cosine of two tokens as they are"]) < 0.1
    assert values["participation ratio"] > 0.9 * tiny.width
    assert embedding_space.pair_cosines(lab, 5).equals(embedding_space.pair_cosines(lab, 5))


def test_glitch_candidates_are_no_marks_and_padding_rows_come_first(lab, tiny):
    assert embedding_space.untrained(lab)[0].startswith("added tokens")
    kind, vectors = embedding_space.untrained(tiny)
    assert kind == "padding rows" and vectors.shape == (64, tiny.width)
    table = embedding_space.glitch_candidates(lab, 10)
    assert table["distance"].is_monotonic_increasing
    assert not set(table["id"]) & set(lab.tokenizer.added_tokens_decoder)


def test_random_ids_are_all_tokens_but_the_marks_and_the_seed_draws_them(lab):
    marks = set(lab.tokenizer.added_tokens_decoder)
    every = set(embedding_space.random_ids(lab, len(lab.space)))
    assert not every & marks and every <= set(lab.space.ids.tolist())
    assert len(lab.space) - len(every) >= len(marks)  # the marks, and bytes that no text has
    few, again, others = (embedding_space.random_ids(lab, 50, seed) for seed in (0, 0, 1))
    assert few == again and few != others and len(few) == 50


def test_common_words_are_repeated_and_candidates_are_not(lab):
    words = [lab.ids(word)[0].item() for word in (" apple", " house", " river")]
    assert embedding_space.repeats(lab, words)["repeated"].all()
    table = embedding_space.checked(lab, 5)
    assert table["of"].value_counts().to_dict() == {"candidate": 5, "random token": 5}
    assert not table[table["of"] == "candidate"]["repeated"].any()
    rates = embedding_space.repeat_rates(table).set_index("of")
    assert rates.loc["candidate", ["asked", "repeated", "low"]].tolist() == [5, 0, 0]


def test_nonsense_is_refused(tiny):
    for call in (
        embedding_space.strays,
        embedding_space.glitch_candidates,
        embedding_space.component_ends,
        embedding_space.pair_cosines,
    ):
        with pytest.raises(ValueError, match="at least 1"):
            call(tiny, 0)
