"""Nokens ever farther out, their controls, and what is counted about them."""

import pandas as pd
import pytest
import torch

import nokenlab as nl
from nokenlab import nokens
from workbook import scale
from workbook.claims import claims
from workbook.definitions import tables, themes

NOKEN_KINDS = [kind for kind in tables.KINDS if kind != tables.REAL]


def test_each_kind_lies_where_it_says(any_lab):
    c, seeds, distance = any_lab.space.centroid.cpu(), range(4), 3 * scale.unit(any_lab)
    for kind in ("raw", "covariance", "shuffled", "temperature 1"):
        away = (tables.vectors(any_lab, kind, 3.0, seeds) - c).norm(dim=-1)
        assert away.tolist() == pytest.approx([distance] * 4, rel=1e-4)
    raw, turned = (tables.vectors(any_lab, kind, 3.0, seeds) for kind in ("raw", "centroid norm"))
    assert turned.norm(dim=-1).tolist() == pytest.approx([c.norm().item()] * 4, rel=1e-4)
    torch.testing.assert_close(nl.rescale(raw, 1.0), nl.rescale(turned, 1.0))
    torch.testing.assert_close(tables.vectors(any_lab, "centroid norm", 0.0, [0])[0], c)
    origin = tables.vectors(any_lab, "origin", 3.0, seeds)
    assert origin.norm(dim=-1).tolist() == pytest.approx([distance] * 4, rel=1e-4)
    ids = any_lab.space.ids[[5, 2]].tolist()
    real = tables.vectors(any_lab, tables.REAL, float("nan"), ids)
    assert torch.equal(real, any_lab.space.vectors[[5, 2]].float().cpu())
    with pytest.raises(ValueError, match="is not one of raw"):
        tables.vectors(any_lab, "sideways", 1.0, seeds)


def test_a_seed_keeps_its_direction_in_every_company_and_at_every_radius(lab):
    for kind in NOKEN_KINDS:
        torch.testing.assert_close(
            tables.vectors(lab, kind, 2.0, [5])[0], tables.vectors(lab, kind, 2.0, [1, 5])[1]
        )
    near, far = (tables.vectors(lab, "shuffled", r, [3]) - lab.space.centroid.cpu() for r in (1.0, 8.0))
    torch.testing.assert_close(8 * near, far, atol=1e-4, rtol=1e-4)


def test_covariance_leans_as_the_tokens_do(lab):
    offsets = tables.vectors(lab, "covariance", 1.0, range(400)) - lab.space.centroid.cpu()
    variances, directions = lab.space.principal
    share = (offsets @ directions[0]).square().mean().item()
    expected = (variances[0] / variances.sum()).item()
    assert 0.6 * expected < share < 1.4 * expected


def test_the_cut_is_at_the_first_full_stop():
    assert tables.first_sentence(" a cat. A dog. ") == "a cat"
    assert tables.first_sentence("no end") == "no end"
    assert tables.first_sentence(". so") == ""


def test_subjects_are_counted_once_each(tiny):
    table = tables.subjects(tiny, [0.0, 2.0], 3, 40, seed=7)
    sizes = table.groupby(["kind", "radius"]).size()
    assert sizes["temperature 1"].tolist() == [3, 3]  # the draw differs where the noken does not
    assert all(sizes[kind].tolist() == [1, 3] for kind in NOKEN_KINDS if kind != "temperature 1")
    assert table[(table["kind"] == "raw") & (table["radius"] == 2)]["seed"].tolist() == [7, 8, 9]
    real = table[table["kind"] == tables.REAL]
    assert real["radius"].isna().all() and real["seed"].nunique() == 40
    assert set(real["seed"]) <= set(tiny.space.ids.tolist())
    fewer = tables.subjects(tiny, [0.0, 2.0], 3, 10, seed=7)  # more tokens leave the first as they are
    assert fewer[fewer["kind"] == tables.REAL]["seed"].tolist() == real["seed"].tolist()[:10]


def test_probe_and_define_and_count(tiny):
    subjects = tables.subjects(tiny, [0.0, 2.0], 3, 5)
    probed = tables.probe(tiny, subjects)
    assert probed["prompt"].value_counts().tolist() == [len(subjects)] * 2
    starts = probed[(probed["radius"] == 0) & (probed["kind"] != "origin")]
    assert starts["kl"].max() < 1e-4  # one reference: all of these start there
    radii = probed.dropna(subset="radius")
    medians = radii["radius"] * scale.unit(tiny) / tiny.space.distances.median().item()
    assert radii["medians"].tolist() == pytest.approx(medians.tolist(), rel=1e-4)
    table = tables.define(tiny, probed, 3)
    again = tables.define(tiny, probed[::-1], 3).loc[probed.index]
    greedy = table["kind"] != "temperature 1"
    assert table[greedy]["definition"].equals(again[greedy]["definition"])
    row = table[table["kind"] == "shuffled"].iloc[3]
    alone = nl.fill(tiny, row["prompt"], tables.vectors(tiny, "shuffled", row["radius"], [row["seed"]]))
    assert row["definition"] == tables.first_sentence(tiny.generate(alone, 3)[0])
    lists = {"a hole": ["zzz"]}
    table = table.join(themes.marks(table["definition"], lists))
    assert not table["a_hole"].any() and table["none_of_these"].all()
    shares = tables.frequencies(table, lists)
    assert (shares[shares["theme"] == "a hole"]["hits"] == 0).all()
    none = shares[shares["theme"] == themes.NONE]
    assert (none["hits"] == none["n_units"]).all() and (none["high"] == 1).all()
    assert tables.summary(table)["rows"].sum() == len(table) == none["n_units"].sum()


def test_real_tokens_are_measured_as_their_text_is(lab):
    id = lab.tokenizer.encode(" dog")[0]
    rows = pd.DataFrame([(tables.REAL, float("nan"), id)], columns=["kind", "radius", "seed"])
    probed = tables.probe(lab, rows, [tables.PROMPTS[1]])
    texts = [
        nl.fill(lab, tables.PROMPTS[1], lab.space.centroid.cpu()),
        "A typical definition of dog is",
    ]
    centroid, dog = (lab.logits(text) for text in texts)
    assert probed["kl"].item() == pytest.approx(nl.measures.kl(dog, centroid).item(), rel=1e-3)
    assert probed["norm"].item() == pytest.approx(lab.embed(" dog")[0, -1].norm().item(), rel=1e-4)


def test_directions_keep_their_angle_and_have_the_raw_nokens_lengths(tiny):
    c = tiny.space.centroid.norm().item()
    probed = pd.DataFrame({"kind": "raw", "prompt": list(tables.PROMPTS) * 3, "radius": 1.0})
    probed["norm"] = [2 * c, 2 * c, 3 * c, 3 * c, 9 * c, 9 * c]
    still = probed.assign(radius=0.0, norm=c)
    table = tables.directions(tiny, pd.concat([probed, still]), seed=4, words=["dog", "king"], count=3)
    assert table.groupby(["prompt", "of"])["direction"].nunique().tolist() == [3, 2] * 2
    assert table["direction"].unique().tolist() == ["dog", "king", "noken 4", "noken 5", "noken 6"]
    assert table[table["radius"] == 0]["kl"].max() < 1e-4  # against itself
    assert table[table["radius"] == 1]["norm"].unique().tolist() == pytest.approx([3 * c])
    row = table.query("direction == 'noken 5' and radius == 1").iloc[1]
    ends = nokens.random_nokens(tiny.width, [5]) * 1.0
    short, long = (tiny.logits(nl.fill(tiny, row["prompt"], nl.rescale(ends, n))) for n in (c, 3 * c))
    assert row["kl"] == pytest.approx(nl.measures.kl(long, short).item(), rel=1e-2, abs=1e-5)
    counted = tables.lengths(table)
    assert counted["n_units"].tolist() == [2, 2, 3, 3] * 2 and (counted["low"] <= counted["high"]).all()


def test_survival_is_one_where_nothing_is_lost_and_half_where_half_is():
    rows = [
        (kind, prompt, 1.0, 0.5, seed, part * (1 + seed))
        for prompt, kept in (("all", 1.0), ("half", 0.5))
        for kind, part in (("raw", 1.0), ("centroid norm", kept), ("origin", 9.0))
        for seed in range(6)
    ]
    probed = pd.DataFrame(rows, columns=["kind", "prompt", "radius", "medians", "seed", "kl"])
    table = tables.survival(probed)
    assert table["prompt"].tolist() == ["all", "half"] and table["n_units"].tolist() == [6, 6]
    assert table[["share", "low", "high"]].to_numpy().tolist() == [[1.0] * 3, [0.5] * 3]
    alone = tables.survival(probed[probed["seed"] == 0])  # one noken has no interval
    assert alone["share"].tolist() == [1.0, 0.5] and alone[["low", "high"]].isna().all(axis=None)


def test_every_claim_finds_its_rows(tiny):
    radii = [0.0, 0.5, 1.0, 5.0, 10000.0]
    probed = tables.probe(tiny, tables.subjects(tiny, radii, 3, 6, seed=500))
    table = probed.join(themes.marks(pd.Series("a man", index=probed.index), themes.read_themes()))
    questions = claims.read_claims("definitions/questions.yaml")
    directions = tables.directions(tiny, probed, words=["dog"], count=2)
    answers = claims.answers(questions, {"definitions": table, "directions": directions})
    assert len(answers) == 2 * len(questions) and answers["estimate"].notna().all()
    units = answers.set_index("claim")["n_units"]
    assert units["a person is more than words have"].tolist() == [3 + 6] * 2
    assert (units.drop("a person is more than words have") == 3).all()
    persons = answers[answers["claim"].str.startswith("a person")]
    assert (persons["estimate"] == 0).all()  # everybody is one: no radius has more


def test_radius_0_alone_is_refused(tiny):
    with pytest.raises(ValueError, match="radii needs at least one above 0"):
        tables.subjects(tiny, [0.0], 2, 2)
