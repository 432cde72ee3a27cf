"""Draws by Gumbel noise: softmax's distribution, the same luck for rows of one seed, what runs before it."""

import pytest
import torch
from scipy.stats import chi2_contingency, chisquare
from transformers import GenerationConfig

from nokenlab.music import draws

LOGITS = torch.tensor([[2.0, 0.5, -1.0, 0.0, 1.0, -3.0]])
DRAWS = 20_000


def drawn(logits, seeds, codebooks=1):
    """The codes that rows of logits (rows · codebooks, vocab) get by greedy choice behind the noise."""
    return draws.GumbelNoise(seeds, codebooks)(None, logits).argmax(-1)


@pytest.mark.parametrize("how", ["one seed a draw", "one seed, step after step"])
def test_the_largest_of_logits_and_noise_is_a_draw_from_their_softmax(how):
    if how == "one seed a draw":
        codes = drawn(LOGITS.expand(DRAWS, -1), range(DRAWS))
    else:
        noise = draws.GumbelNoise([3])
        codes = torch.cat([noise(None, LOGITS).argmax(-1) for _ in range(DRAWS)])
    found = codes.bincount(minlength=LOGITS.shape[1])
    share = LOGITS[0].double().softmax(-1)
    assert chisquare(found, share / share.sum() * DRAWS).pvalue > 0.01
    warmer = (LOGITS[0].double() / 1.1).softmax(-1)  # the test sees a tenth of temperature
    assert chisquare(found, warmer / warmer.sum() * DRAWS).pvalue < 1e-6


def test_codebooks_of_a_row_are_drawn_apart():
    first, second = drawn(LOGITS.expand(2 * DRAWS, -1), range(DRAWS), codebooks=2).view(DRAWS, 2).T
    joint = torch.zeros(6, 6).index_put_((first, second), torch.ones(DRAWS), accumulate=True)
    assert chi2_contingency(joint).pvalue > 0.01


def test_rows_of_one_seed_have_the_same_noise_and_others_their_own():
    scores = torch.zeros(6, 50)  # three rows of two codebooks
    noise = draws.GumbelNoise([7, 1, 7], codebooks=2)
    first, second = (noise(None, scores).view(3, 2, 50) for _ in range(2))
    assert torch.equal(first[0], first[2]) and not torch.equal(first[0], first[1])
    assert not torch.equal(first[0, 0], first[0, 1]) and not torch.equal(first, second)
    alone = draws.GumbelNoise([1], codebooks=2)
    assert torch.equal(alone(None, scores[:2]), first[1]) and torch.equal(alone(None, scores[:2]), second[1])


def test_what_is_ruled_out_is_never_drawn():
    noise = torch.cat([draws.gumbel((1000, 100), torch.Generator().manual_seed(seed)) for seed in range(10)])
    assert not noise.isnan().any() and noise.max() < 40
    ruled_out = torch.full((1000, 100), -torch.inf).index_fill(1, torch.tensor([3]), -50.0)
    assert (drawn(ruled_out, range(1000)) == 3).all()


def test_temperature_top_k_and_top_p_come_before_the_noise_and_guidance_before_all():
    def names(**settings):
        return [type(p).__name__ for p in draws.processors(GenerationConfig(**settings), [0], 4)]

    assert names() == ["TopKLogitsWarper", "GumbelNoise"]  # transformers takes the best 50 by itself
    assert names(top_k=0, temperature=1.0, top_p=1.0) == ["GumbelNoise"]
    all_three = ["TemperatureLogitsWarper", "TopKLogitsWarper", "TopPLogitsWarper", "GumbelNoise"]
    assert names(top_k=5, temperature=0.7, top_p=0.9) == all_three
    chain = draws.processors(GenerationConfig(), [0], 4)
    chain.append("guidance")
    assert chain[0] == "guidance"
