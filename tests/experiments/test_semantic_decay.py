"""Noise on words and nokens: what is added, what counts as kept, and what is counted from it."""

import numpy as np
import pandas as pd
import pytest
import torch

import nokenlab as nl
from nokenlab.experiments import semantic_decay, semantic_decay_counts
from nokenlab.experiments.definitions import PROMPTS, first_sentence
from nokenlab.figures import semantic_decay as semantic_decay_figures
from nokenlab.nokens import fill, word_vector

PROMPT = PROMPTS[1]


def test_subjects_lie_where_they_say_and_the_nearest_token_is_another(lab):
    table, found = semantic_decay.subjects(lab, ["dog", "king", "dog"], [0.5, 5.0], 2)
    assert table["subject"].tolist()[:2] == ["dog", "king"] and len(table) == len(found) == 6
    assert table["family"].tolist() == ["word"] * 2 + ["r = 0.5"] * 2 + ["r = 5"] * 2
    assert table["distance"].tolist()[2:] == pytest.approx([0.5, 0.5, 5, 5], rel=1e-4)
    assert torch.equal(found[1], word_vector(lab, "king"))
    assert table["token"][0] != " dog" and table["nearest"].min() > 0
    away = (lab.space.vectors - found[4]).norm(dim=-1)
    assert table["nearest"][4] == pytest.approx(away.min().item(), rel=1e-4)
    second = (lab.space.vectors - found[0]).norm(dim=-1).topk(2, largest=False).values[1]
    assert table["nearest"][0] == pytest.approx(second.item(), rel=1e-4)


def test_words_that_end_in_the_same_token_count_once(lab):
    table, found = semantic_decay.subjects(lab, ["king", "dog king", "dog"], [], 1)
    assert table["subject"].tolist() == ["king", "dog"]
    assert torch.equal(found[1], word_vector(lab, "dog"))


def test_noise_has_its_length_and_the_same_direction_at_each(lab):
    clean = word_vector(lab, "dog")
    small, large = (
        semantic_decay.noisy(clean, 0.5, range(3)) - clean,
        semantic_decay.noisy(clean, 2.0, range(3)) - clean,
    )
    assert small.norm(dim=-1).tolist() == pytest.approx([0.5] * 3, rel=1e-4)
    torch.testing.assert_close(4 * small, large, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(semantic_decay.noisy(clean, 0.5, [2])[0] - clean, small[2])


def test_noise_does_not_point_where_a_noken_lies(lab):
    _, nokens = semantic_decay.subjects(lab, [], [1.0], 3, seed=7)
    towards = nokens - lab.space.centroid.cpu()
    noise = semantic_decay.noisy(torch.zeros(lab.width), 1.0, range(7, 10))
    assert torch.cosine_similarity(towards[:, None], noise[None], dim=-1).abs().max() < 0.3


def test_kept_is_the_definition_that_greedy_text_has(lab):
    subjects, vectors = semantic_decay.subjects(lab, ["dog", "music"], [5.0], 1)
    subjects, table = semantic_decay.disturb(lab, subjects, vectors, PROMPT, [0.1, 0.8], 4, max_new_tokens=6)
    for row, clean in zip(subjects.itertuples(), vectors, strict=True):
        some = table[table["subject"] == row.subject]
        noisy = [semantic_decay.noisy(clean, r.magnitude, [r.seed]) for r in some.itertuples()]
        texts = lab.generate(fill(lab, PROMPT, torch.cat([clean[None], *noisy])), 6)
        said = [first_sentence(text) for text in texts]
        assert row.definition == said[0]
        assert some["kept"].tolist() == [text == said[0] for text in said[1:]]
        logits = lab.logits(fill(lab, PROMPT, torch.cat([clean[None], *noisy])))
        assert some["kl"].tolist() == pytest.approx(nl.kl(logits[1:], logits[0]).tolist(), abs=1e-4)
        same = logits[1:].argmax(-1) == logits[0].argmax(-1)
        assert some["first"].tolist() == same.tolist()
    assert table["kept"].any() and not table["kept"].all()
    assert (table.groupby("seed")["subject"].nunique() == 1).all()  # directions of its own
    assert (table.groupby("seed")["magnitude"].nunique() == 2).all()  # at every magnitude


def test_noise_too_small_to_matter_keeps_all_and_turning_keeps_the_angle(tiny):
    subjects, vectors = semantic_decay.subjects(tiny, ["dog", "red"], [1.0], 1)
    _, table = semantic_decay.disturb(tiny, subjects, vectors, PROMPT, [1e-7, 50.0], 3, max_new_tokens=3)
    tiniest, largest = table[table["magnitude"] < 1], table[table["magnitude"] > 1]
    assert tiniest["kept"].all() and tiniest["first"].all()
    assert tiniest[["kl", "kl_turned"]].max().max() < 1e-3
    assert (largest["kl"] > tiniest["kl"].max()).all()
    assert tiniest["grown"].tolist() == pytest.approx([1.0] * 9, abs=1e-3)
    assert (largest["grown"] > 1).all() and (largest["angle"] > 10).all()
    assert (table["kept"] <= table["first"]).all()


def test_a_text_ends_with_its_full_stop(lab):
    stop, rest = lab.ids("."), lab.ids(" a dog")
    ids = [*rest.tolist(), *stop.tolist(), *rest.tolist()]
    text, sure, kept = semantic_decay._cut(lab, [*ids, -1], [-1.0] * len(ids) + [0.0])
    assert text == "a dog" and kept == ids[: len(rest) + 1]
    assert sure == pytest.approx(np.exp(-len(kept)))


def test_what_it_becomes_begins_with_what_it_was(tiny):
    clean = {"dog": word_vector(tiny, "dog"), "red": word_vector(tiny, "red")}
    told = semantic_decay.becomes(tiny, clean, PROMPT, [1.0, 0.5], 0, 3)
    assert told["magnitude"].tolist() == [0.0, 0.5, 1.0] * 2
    said = semantic_decay.originals(tiny, torch.stack(list(clean.values())), PROMPT, 3)["definition"]
    assert told[told["magnitude"] == 0]["definition"].tolist() == said.tolist()


def test_the_crossing_is_on_the_logarithm_and_says_what_it_cannot_know():
    assert semantic_decay_counts.crossing([1.0, 100.0], [0.0, 1.0], 0.5) == pytest.approx(10)
    assert semantic_decay_counts.crossing([1.0, 10.0, 100.0], [0.0, 0.5, 1.0], 0.5) == pytest.approx(10)
    assert semantic_decay_counts.crossing([1.0, 10.0, 100.0], [0.2, 0.8, 0.1], 0.5) == pytest.approx(10**0.5)
    assert semantic_decay_counts.crossing([1.0, 10.0], [0.0, 0.4], 0.5) == float("inf")
    assert semantic_decay_counts.crossing([1.0, 10.0], [0.6, 0.4], 0.5) == 0


def noise_table(kept: dict[str, list[int]], draws: int = 4) -> pd.DataFrame:
    """A `disturb` table where subject s keeps kept[s][i] of its draws at magnitude 1, 10, 100."""
    rows = [
        (name, "word" if name < "m" else "r = 1", m, m / 2, i, 1.0, 9.0, i < hits, True, m / 100, m / 50)
        for name, counts in kept.items()
        for m, hits in zip((1.0, 10.0, 100.0), counts, strict=True)
        for i in range(draws)
    ]
    names = ["subject", "family", "magnitude", "medians", "seed", "grown", "angle"]
    return pd.DataFrame(rows, columns=[*names, "kept", "first", "kl", "kl_turned"])


def test_shares_and_halves_count():
    table = noise_table({"a": [4, 2, 0], "b": [4, 4, 4], "z": [1, 0, 0]})
    words = semantic_decay_counts.shares(table).query("family == 'word'")
    assert words["rows"].tolist() == [8] * 3 and words["kept"].tolist() == [1, 0.75, 0.5]
    assert (words["low"] < words["kept"]).all() and words["high"].tolist()[0] == 1
    halves = semantic_decay_counts.halves(table).set_index("subject")
    assert halves["half"].tolist() == pytest.approx([10, float("inf"), 0])
    assert halves["half_first"].tolist() == [float("inf")] * 3
    assert halves["tenth"].tolist() == pytest.approx([10] * 3)  # kl is magnitude / 100
    subjects = pd.DataFrame({"subject": ["a", "b", "z"], "family": ["word", "word", "r = 1"], "norm": 10.0})
    families = semantic_decay_counts.by_family(
        halves.reset_index(), subjects.assign(nearest=1.0, distance=2.0)
    )
    assert families["subjects"].tolist() == [2, 1] and families["half"].tolist() == [float("inf"), 0]
    assert families["degrees"].tolist() == pytest.approx([45, 45])


def test_only_turned_is_the_ratio_of_the_means():
    turned = semantic_decay_counts.only_turned(noise_table({"a": [4, 2, 0], "z": [1, 0, 0]}))
    assert turned["subjects"].tolist() == ["words"] * 3 + ["nokens"] * 3
    assert turned[["share", "low", "high"]].to_numpy().ravel().tolist() == pytest.approx([2.0] * 18)


def test_rank_correlation_of_orders_ties_and_infinities():
    x = list(range(12))
    rho, p, low, high = semantic_decay_counts.spearman(x, [2**value for value in x])
    assert rho == pytest.approx(1) and p < 0.002 and low == pytest.approx(1) and high == pytest.approx(1)
    assert semantic_decay_counts.spearman(x, [-value for value in x])[0] == pytest.approx(-1)
    assert semantic_decay_counts.spearman([1, 2, 3, 4], [1, 2, 3, float("inf")])[0] == pytest.approx(1)
    assert semantic_decay_counts.spearman([1, 2, 2, 4], [1, 3, 2, 4])[0] == pytest.approx(
        0.9486833
    )  # mean ranks
    for bad in ([1, 2, 3], [5, 5, 5, 5]):
        assert np.isnan(semantic_decay_counts.spearman(bad, list(range(len(bad))))).all()


def test_chance_gives_small_p_about_as_often_as_p_says():
    luck = np.random.default_rng(1)
    found = [semantic_decay_counts.spearman(*luck.normal(size=(2, 10)), draws=400)[1] for _ in range(100)]
    assert 0.3 < np.mean(np.array(found) < 0.5) < 0.7 and np.mean(np.array(found) < 0.05) < 0.15


def test_the_tables_and_figures_of_a_run(tiny):
    for words in (["dog", "red", "king", "music"], []):
        subjects, vectors = semantic_decay.subjects(tiny, words, [1.0, 4.0], 2)
        subjects, table = semantic_decay.disturb(
            tiny, subjects, vectors, PROMPT, [0.5, 5.0], 2, max_new_tokens=2
        )
        halves = semantic_decay_counts.halves(table)
        assert halves["subject"].tolist() == subjects["subject"].tolist()
        assert semantic_decay_counts.by_family(halves, subjects)["subjects"].sum() == len(subjects)
        explained = semantic_decay_counts.explained(halves, subjects)
        assert len(explained) == (2 if words else 1) * 2 * len(semantic_decay_counts.CANDIDATES)
        semantic_decay_figures.decay_lines(semantic_decay_counts.shares(table))
        semantic_decay_figures.half_dots(halves, subjects, [0.5, 5.0])
        semantic_decay_figures.turned_lines(semantic_decay_counts.only_turned(table))


def test_what_cannot_be_is_refused(tiny):
    for words, radii, count in (
        ([], [], 1),
        ([" "], [1.0], 1),
        (["dog"], [0.0], 1),
        (["dog"], [1.0, 1.0], 1),
        (["dog"], [float("nan")], 1),
        (["dog"], [1.0], 0),
    ):
        with pytest.raises(ValueError, match="got"):
            semantic_decay.subjects(tiny, words, radii, count)
    subjects, vectors = semantic_decay.subjects(tiny, ["dog"], [], 1)
    for magnitudes, draws in (([], 1), ([0.0], 1), ([1.0, 1.0], 1), ([float("inf")], 1), ([1.0], 0)):
        with pytest.raises(ValueError, match=r"magnitude|draws"):
            semantic_decay.disturb(tiny, subjects, vectors, PROMPT, magnitudes, draws)
    with pytest.raises(ValueError, match="max_new_tokens"):
        semantic_decay.disturb(tiny, subjects, vectors, PROMPT, [1.0], 1, max_new_tokens=-1)
