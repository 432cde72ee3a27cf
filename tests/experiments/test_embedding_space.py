"""The cloud of tokens as a whole."""

import pytest
import torch

from nokenlab.experiments import embedding_space
from nokenlab.figures import embedding_space as embedding_space_figures


def test_principal_directions_are_a_basis_that_holds_all_the_variance(any_lab):
    variances, directions = any_lab.space.principal
    torch.testing.assert_close(directions @ directions.T, torch.eye(any_lab.width), atol=1e-4, rtol=0)
    assert (variances.diff() <= 1e-6).all()
    assert variances.sum().item() == pytest.approx((any_lab.space.distances**2).mean().item(), rel=1e-3)
    along = (any_lab.space.vectors.float() - any_lab.space.centroid) @ directions[0]
    assert along.square().mean().item() == pytest.approx(variances[0].item(), rel=1e-3)


def test_rows_are_where_the_ids_are(any_lab):
    space = any_lab.space
    ids = space.ids[[0, 7, -1]]
    assert space.ids[space.rows(ids)].tolist() == ids.tolist()
    with pytest.raises(ValueError, match="no token has the id"):
        space.rows(torch.tensor([10**7]))


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
    values = embedding_space.lopsidedness(tiny, embedding_space.pair_cosines(tiny, 500)).set_index(
        "quantity"
    )["value"]
    assert abs(values["mean cosine of two tokens as they are"]) < 0.1
    assert values["participation ratio"] > 0.9 * tiny.width
    assert embedding_space.pair_cosines(lab, 5).equals(embedding_space.pair_cosines(lab, 5))


def test_candidates_are_no_marks_and_padding_rows_come_first(lab, tiny):
    assert embedding_space.untrained(lab)[0].startswith("added tokens")
    kind, vectors = embedding_space.untrained(tiny)
    assert kind == "padding rows" and vectors.shape == (64, tiny.width)
    table = embedding_space.candidates(lab, 10)
    assert table["distance"].is_monotonic_increasing
    assert not set(table["id"]) & set(lab.tokenizer.added_tokens_decoder)


def test_common_words_are_repeated_and_candidates_are_not(lab):
    words = [lab.ids(word)[0].item() for word in (" apple", " house", " river")]
    assert embedding_space.repeats(lab, words)["repeated"].all()
    table = embedding_space.checked(lab, 5)
    assert table["of"].value_counts().to_dict() == {"candidate": 5, "random token": 5}
    assert not table[table["of"] == "candidate"]["repeated"].any()
    assert len(set(embedding_space.random_ids(lab, 50))) == 50


def test_figures_are_drawn(tiny):
    embedding_space_figures.variance_lines(embedding_space.components(tiny))
    embedding_space_figures.cosine_bars(embedding_space.pair_cosines(tiny, 50))
    embedding_space_figures.repeat_dots(embedding_space.checked(tiny, 3))


def test_nonsense_is_refused(tiny):
    for call in (
        embedding_space.strays,
        embedding_space.candidates,
        embedding_space.component_ends,
        embedding_space.pair_cosines,
    ):
        with pytest.raises(ValueError, match="at least 1"):
            call(tiny, 0)
