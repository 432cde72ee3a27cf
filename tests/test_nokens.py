"""Nokens: random ones, their place in a prompt, their length."""

import math

import pytest
import torch

import nokenlab as nl


def test_a_noken_depends_on_its_own_seed_alone():
    together = nl.random_nokens(64, seeds=[5, 3, 5])
    assert together.shape == (3, 64)
    assert torch.equal(together[0], together[2])
    assert torch.equal(together[1], nl.random_nokens(64, 3)[0])
    assert not torch.equal(together[0], together[1])


def test_a_noken_is_the_articles_randn_and_leaves_the_global_generator_alone():
    torch.manual_seed(7)
    wanted = torch.randn(64)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    assert torch.equal(nl.random_nokens(64, 7)[0], wanted)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_norms_at_both_scales():
    article = nl.random_nokens(4096, range(20)).norm(dim=-1)
    assert article.mean().item() == pytest.approx(math.sqrt(4096), rel=0.02)
    small = nl.random_nokens(4096, range(20), norm=3.5)
    torch.testing.assert_close(small.norm(dim=-1), torch.full((20,), 3.5))


def test_a_shell_lies_at_its_radius_and_each_row_hangs_on_its_seed_alone():
    centre = torch.linspace(-1, 1, 64)
    for radius in (0.0, 0.5, 1e4):
        around = nl.shell(centre, range(5), radius)
        assert (around - centre).norm(dim=-1).tolist() == pytest.approx([radius] * 5, rel=1e-5)
    assert torch.equal(nl.shell(centre, [7], 2.0)[0], nl.shell(centre, [3, 7], 2.0)[1])
    assert not torch.equal(*nl.shell(centre, [0, 1], 2.0))


def test_insert_puts_a_row_a_vector_between_two_texts():
    before, after, vectors = torch.randn(1, 2, 8), torch.randn(1, 3, 8), torch.randn(4, 8)
    rows = nl.insert(before, vectors, after)
    assert rows.shape == (4, 6, 8)
    assert torch.equal(rows[:, 2], vectors)
    assert all(torch.equal(row[[0, 1, 3, 4, 5]], torch.cat([before, after], 1)[0]) for row in rows)
    assert nl.insert(before, vectors[0]).shape == (1, 3, 8)


@pytest.mark.parametrize("text, noken", [("The dog is", " dog"), ("A cat'", " cat")])
def test_insert_of_a_tokens_embedding_is_the_text(lab, text, noken):
    """The same embeddings as the text's, so the same logits."""
    before, after = text.split(noken)
    vector = lab.embed(noken)[0]
    assert len(vector) == 1
    rows = nl.insert(lab.embed(before), vector, lab.embed(after))
    assert torch.equal(rows, lab.embed(text))
    assert torch.equal(lab.logits(rows), lab.logits(text))


def test_replace_changes_one_position_of_a_copy():
    prompt = torch.randn(1, 5, 8)
    kept = prompt.clone()
    nokens = nl.random_nokens(8, [1, 2, 3])
    rows = nl.replace(prompt, 2, nokens)
    assert rows.shape == (3, 5, 8)
    assert torch.equal(rows[:, 2], nokens)
    assert torch.equal(rows[:, [0, 1, 3, 4]], prompt[:, [0, 1, 3, 4]].expand(3, -1, -1))
    assert torch.equal(prompt, kept)
    assert torch.equal(nl.replace(prompt, -1, nokens[0]), nl.replace(prompt, 4, nokens[0]))


@pytest.mark.parametrize(
    "position, noken, message",
    [
        (5, torch.ones(8), "position 5 is outside the prompt, which has 5 tokens: 0 to 4"),
        (-6, torch.ones(8), "outside the prompt"),
        (0, torch.ones(7), "width 8, got"),
        (0, torch.full((8,), float("nan")), "NaN or infinity"),
        (0, torch.full((8,), float("inf")), "NaN or infinity"),
    ],
)
def test_replace_says_what_is_wrong(position, noken, message):
    with pytest.raises(ValueError, match=message):
        nl.replace(torch.zeros(1, 5, 8), position, noken)


def test_a_length_of_0_and_no_seed_are_named():
    with pytest.raises(ValueError, match="length 0"):
        nl.rescale(torch.zeros(3), 1.0)
    with pytest.raises(ValueError, match="empty"):
        nl.random_nokens(8, [])
