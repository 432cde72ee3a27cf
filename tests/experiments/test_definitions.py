"""Nokens ever farther out, their controls, and what is counted about them."""

import pandas as pd
import pytest
import torch

import nokenlab as nl
from nokenlab import nokens
from nokenlab.experiments import definitions, themes


@pytest.mark.parametrize("prompt", definitions.PROMPTS)
def test_a_real_tokens_embedding_gives_the_logits_of_the_text(lab, prompt):
    word = " dog" if f" {nokens.NOKEN} " in prompt else "dog"
    rows = nokens.fill(lab, prompt, lab.embed(word)[0])
    text = prompt.replace(nokens.NOKEN, "dog")
    assert torch.equal(rows, lab.embed(text))
    torch.testing.assert_close(lab.logits(rows), lab.logits(text))


def test_each_kind_lies_where_it_says(any_lab):
    c, seeds = any_lab.space.centroid.cpu(), range(4)
    for kind in ("raw", "covariance", "shuffled", "temperature 1"):
        away = (definitions.vectors(any_lab, kind, 3.0, seeds) - c).norm(dim=-1)
        assert away.tolist() == pytest.approx([3.0] * 4, rel=1e-4)
    raw, level = (definitions.vectors(any_lab, kind, 3.0, seeds) for kind in ("raw", "token norm"))
    assert level.norm(dim=-1).tolist() == pytest.approx([any_lab.space.median_norm] * 4, rel=1e-4)
    torch.testing.assert_close(nl.rescale(raw, 1.0), nl.rescale(level, 1.0))
    assert definitions.vectors(any_lab, "origin", 3.0, seeds).norm(dim=-1).tolist() == pytest.approx(
        [3.0] * 4, rel=1e-4
    )
    still = definitions.vectors(any_lab, definitions.FIXED_ANGLE, 3.0, seeds)
    torch.testing.assert_close(still.norm(dim=-1), raw.norm(dim=-1))
    assert torch.cosine_similarity(still, c[None]).tolist() == pytest.approx([1.0] * 4, abs=1e-4)
    with pytest.raises(ValueError, match="is none of raw"):
        definitions.vectors(any_lab, "sideways", 1.0, seeds)


def test_a_seed_keeps_its_direction_in_every_company_and_at_every_radius(lab):
    for kind in definitions.KINDS:
        torch.testing.assert_close(
            definitions.vectors(lab, kind, 2.0, [5])[0], definitions.vectors(lab, kind, 2.0, [1, 5])[1]
        )
    near, far = (definitions.vectors(lab, "shuffled", r, [3]) - lab.space.centroid.cpu() for r in (1.0, 8.0))
    torch.testing.assert_close(8 * near, far, atol=1e-4, rtol=1e-4)


def test_covariance_leans_as_the_tokens_do(lab):
    offsets = definitions.vectors(lab, "covariance", 1.0, range(400)) - lab.space.centroid.cpu()
    variances, directions = lab.space.principal
    share = (offsets @ directions[0]).square().mean().item()
    expected = (variances[0] / variances.sum()).item()
    assert 0.6 * expected < share < 1.4 * expected


def test_the_cut_is_at_the_first_full_stop():
    assert definitions.first_sentence(" a cat. A dog. ") == "a cat"
    assert definitions.first_sentence("no end") == "no end"
    assert definitions.first_sentence(". so") == ""


def test_probe_and_define_and_count(tiny):
    kinds = [*definitions.KINDS, definitions.FIXED_ANGLE]
    probed = definitions.probe(tiny, [0.0, 2.0], 3, kinds)
    assert probed.groupby(["kind", "radius"]).size()["raw"].tolist() == [2, 6]  # both prompts; one noken at 0
    assert probed[(probed["kind"] == "raw") & (probed["radius"] == 0)]["kl"].max() < 1e-4
    assert (probed["medians"] * tiny.space.distances.median().item()).tolist() == pytest.approx(
        probed["radius"].tolist(), rel=1e-4
    )
    table = definitions.define(tiny, probed, 3)
    again = definitions.define(tiny, probed[::-1], 3).loc[probed.index]
    greedy = table["kind"] != "temperature 1"
    assert table[greedy]["definition"].equals(again[greedy]["definition"])
    row = table[table["kind"] == "shuffled"].iloc[4]
    alone = nokens.fill(
        tiny, row["prompt"], definitions.vectors(tiny, "shuffled", row["radius"], [row["seed"]])
    )
    assert row["definition"] == definitions.first_sentence(tiny.generate(alone, 3)[0])
    shares = definitions.frequencies(table, {"x": ["zzz"]})
    assert (shares[shares["theme"] == "x"]["hits"] == 0).all()
    none = shares[shares["theme"] == themes.NONE]
    assert (none["hits"] == none["rows"]).all() and (none["high"] == 1).all()
    assert definitions.summary(table)["rows"].sum() == len(table)


def test_survival_is_one_where_nothing_is_lost_and_half_where_half_is():
    rows = [
        (kind, 1.0, 0.5, seed, part * (1 + seed))
        for kind, part in (("raw", 1.0), ("token norm", 1.0), (definitions.FIXED_ANGLE, 0.5))
        for seed in range(6)
    ]
    probed = pd.DataFrame(rows, columns=["kind", "radius", "medians", "seed", "kl"])
    table = definitions.survival(probed)
    assert table[["share", "low", "high"]].to_numpy().tolist() == [[1.0] * 3, [0.5] * 3]
    alone = definitions.survival(probed[probed["seed"] == 0])  # one noken has no interval
    assert alone["share"].tolist() == [1.0, 0.5] and alone[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize("radii", [[], [-1.0], [0.0], [1.0, 1.0], [float("nan")]])
def test_radii_that_make_no_walk_are_refused(tiny, radii):
    with pytest.raises(ValueError, match="radi"):
        definitions.probe(tiny, radii, 2, ["raw"])
