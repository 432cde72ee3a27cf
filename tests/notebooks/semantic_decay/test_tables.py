"""Noise on words and nokens: what is added, and what counts as kept."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.noise import noise_table

import nokenlab as nl
from nokenlab.prompt import fill, word_vector
from workbook import scale
from workbook.definitions.tables import PROMPTS, first_sentence
from workbook.semantic_decay import tables

PROMPT = PROMPTS[1]


def test_subjects_lie_where_they_say_and_the_nearest_token_is_another(lab):
    table, vectors = tables.subjects(lab, ["dog", "king", "dog"], [0.5, 5.0], 2)
    assert table["subject"].tolist()[:2] == ["dog", "king"] and len(table) == len(vectors) == 6
    assert table["family"].tolist() == ["word"] * 2 + ["r = 0.5"] * 2 + ["r = 5"] * 2
    assert table["distance"].tolist()[2:] == pytest.approx([0.5, 0.5, 5, 5], rel=1e-4)
    assert torch.equal(vectors[1], word_vector(lab, "king"))
    assert table["token"][0] != " dog" and table["nearest"].min() > 0
    distances = (lab.space.vectors - vectors[4]).norm(dim=-1)
    assert table["nearest"][4] == pytest.approx(distances.min().item(), rel=1e-4)
    directions = torch.nn.functional.normalize(vectors[2:] - lab.space.centroid, dim=-1)
    assert (directions @ directions.T - torch.eye(4)).abs().max() < 0.3  # nokens share no direction
    second = (lab.space.vectors - vectors[0]).norm(dim=-1).topk(2, largest=False).values[1]
    assert table["nearest"][0] == pytest.approx(second.item(), rel=1e-4)


def test_words_that_end_in_the_same_token_count_once_and_no_subject_is_refused(lab):
    table, vectors = tables.subjects(lab, ["king", "dog king", "dog"], [], 1)
    assert table["subject"].tolist() == ["king", "dog"]
    assert torch.equal(vectors[1], word_vector(lab, "dog"))
    with pytest.raises(ValueError, match="words or radii must not be empty"):
        tables.subjects(lab, [], [], 1)


def test_noise_has_its_length_and_the_same_direction_at_each(lab):
    clean = word_vector(lab, "dog")
    small, large = (tables.noisy(clean, length, range(3)) - clean for length in (0.5, 2.0))
    assert small.norm(dim=-1).tolist() == pytest.approx([0.5] * 3, rel=1e-4)
    torch.testing.assert_close(4 * small, large, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(tables.noisy(clean, 0.5, [2])[0] - clean, small[2])


def test_noise_does_not_point_where_a_noken_lies(lab):
    _, nokens = tables.subjects(lab, [], [1.0], 3, seed=7)
    directions = nokens - lab.space.centroid.cpu()
    noise = tables.noisy(torch.zeros(lab.width), 1.0, range(7, 10))
    assert torch.cosine_similarity(directions[:, None], noise[None], dim=-1).abs().max() < 0.3


def test_kept_is_the_definition_that_greedy_text_has(tiny):
    subjects, vectors = tables.subjects(tiny, ["dog", "music"], [5.0 / scale.unit(tiny)], 1)
    unit = scale.unit(tiny)
    magnitudes = [0.1 / unit, 0.8 / unit]
    subjects, table = tables.disturb(tiny, subjects, vectors, PROMPT, magnitudes, 4, max_new_tokens=5)
    for row, clean in zip(subjects.itertuples(), vectors, strict=True):
        rows = table[table["subject"] == row.subject]
        noisy = [tables.noisy(clean, unit * r.magnitude, [r.seed]) for r in rows.itertuples()]
        prompts = fill(tiny, PROMPT, torch.cat([clean[None], *noisy]))
        definition, *others = [first_sentence(text) for text in tiny.generate(prompts, 5)]
        assert row.definition == definition
        assert rows["kept"].tolist() == [text == definition for text in others]
        logits = tiny.logits(prompts)
        assert rows["kl"].tolist() == pytest.approx(nl.kl(logits[1:], logits[0]).tolist(), abs=1e-4)
        same = logits[1:].argmax(-1) == logits[0].argmax(-1)
        assert rows["first"].tolist() == same.tolist()
    assert table["kept"].any() and not table["kept"].all()
    assert (table.groupby("seed")["subject"].nunique() == 1).all()  # each has its own directions
    assert (table.groupby("seed")["magnitude"].nunique() == 2).all()  # at every magnitude


def test_noise_too_small_to_matter_keeps_all_and_turning_keeps_the_angle(tiny):
    subjects, vectors = tables.subjects(tiny, ["dog", "red"], [1.0], 1)
    _, table = tables.disturb(tiny, subjects, vectors, PROMPT, [1e-7, 50.0], 3, max_new_tokens=3)
    tiniest, largest = table[table["magnitude"] < 1], table[table["magnitude"] > 1]
    assert tiniest["kept"].all() and tiniest["first"].all()
    assert tiniest[["kl", "kl_turned", "kl_along"]].max().max() < 1e-3
    assert (largest["kl"] > tiniest["kl"].max()).all()
    assert tiniest["grown"].tolist() == pytest.approx([1.0] * 9, abs=1e-3)
    assert (largest["grown"] > 1).all() and (largest["angle"] > 10).all()
    assert (table["kept"] <= table["first"]).all()
    assert list(table) == list(noise_table({}))  # as in the tests of counts


def test_turned_and_longer_are_what_they_say(tiny):
    subjects, vectors = tables.subjects(tiny, ["dog"], [], 1)
    _, table = tables.disturb(tiny, subjects, vectors, PROMPT, [0.5, 2.0], 2, max_new_tokens=2)
    clean, unit = vectors[0], scale.unit(tiny)
    noisy = torch.cat([tables.noisy(clean, unit * row.magnitude, [row.seed]) for row in table.itertuples()])
    longer = noisy.norm(dim=-1, keepdim=True)  # (rows, 1)
    assert table["grown"].tolist() == pytest.approx((longer[:, 0] / clean.norm()).tolist(), rel=1e-4)
    for column, vectors in (
        ("kl_turned", noisy / longer * clean.norm()),
        ("kl_along", clean / clean.norm() * longer),
    ):
        logits = tiny.logits(fill(tiny, PROMPT, torch.cat([clean[None], vectors])))
        assert table[column].tolist() == pytest.approx(nl.kl(logits[1:], logits[0]).tolist(), abs=1e-4)


def test_a_word_and_a_noken_that_are_equally_sure_are_a_pair():
    families = ["word"] * 3 + ["r = 1", "r = 2", "r = 2"]
    near = tables.CALIPER * 0.99

    def matched(sure: list[float]) -> list[bool]:
        return tables.equally_sure(pd.DataFrame({"family": families, "sure": sure})).tolist()

    assert matched([0.5, 0.1, 0.01, 0.5, 0.1, 0.01]) == [True] * 6
    assert matched([0.5, 0.1, 0.01, 0.9, 0.3, 0.03]) == [False] * 6  # none is near enough
    assert matched([0.1, 0.1, 0.9, 0.1, 0.4, 0.01]) == [True, False, False, True, False, False]  # one to one
    # the nearest pair first: the second word takes the noken that the first could have had
    assert matched([0.1 * near, 0.1, 0.9, 0.1, 0.01, 0.01]) == [False, True, False, True, False, False]
    assert matched([0.1 * near, 1, 0.9, 0.1, 0.01, 0.01]) == [True, False, False, True, False, False]
    assert not tables.equally_sure(pd.DataFrame({"family": ["word"], "sure": [1.0]})).any()


def test_all_columns_are_there(tiny):
    subjects, vectors = tables.subjects(tiny, ["dog", "music"], [5.0], 2)
    subjects, table = tables.disturb(tiny, subjects, vectors, PROMPT, [0.5], 1, max_new_tokens=2)
    assert set(subjects["prompt"]) == set(table["prompt"]) == {PROMPT}
    assert subjects["matched"].tolist() == tables.equally_sure(subjects).tolist()
    assert table.groupby("subject", sort=False)["matched"].first().tolist() == subjects["matched"].tolist()
    assert (subjects["family"] == "word")[subjects["matched"]].sum() * 2 == subjects["matched"].sum()


def test_a_text_ends_with_its_full_stop(lab):
    stop, rest = lab.ids("."), lab.ids(" a dog")
    ids = [*rest.tolist(), *stop.tolist(), *rest.tolist()]
    text, sure, kept = tables.to_full_stop(lab, [*ids, -1], [-1.0] * len(ids) + [0.0])
    assert text == "a dog" and kept == ids[: len(rest) + 1]
    assert sure == pytest.approx(np.exp(-len(kept)))


def test_it_becomes_something_else_from_its_own_definition_on(tiny):
    vectors = {"dog": word_vector(tiny, "dog"), "red": word_vector(tiny, "red")}
    table = tables.becomes(tiny, vectors, PROMPT, [1.0, 0.5], 0, 3)
    assert table["magnitude"].tolist() == [0.0, 0.5, 1.0] * 2
    definitions = tables.originals(tiny, torch.stack(list(vectors.values())), PROMPT, 3)["definition"]
    assert table[table["magnitude"] == 0]["definition"].tolist() == definitions.tolist()
