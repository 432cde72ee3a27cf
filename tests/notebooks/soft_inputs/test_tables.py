"""Mixtures fed in place of tokens: their weights, what they come to beside the tokens run apart."""

import pandas as pd
import pytest
import torch
from helpers.tiny_models import save_tiny

import nokenlab as nl
from workbook.soft_inputs import tables as experiment


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return nl.load(save_tiny("llama", tmp_path_factory.mktemp("llama")))


@pytest.fixture(scope="module")
def begun():
    rows = [("one", "Red is a color"), ("two", "Black whippets are the best"), ("two", "White is")]
    return pd.DataFrame(rows, columns=["frame", "prefix"])


@pytest.fixture(scope="module")
def table(small, begun):
    return experiment.compared(small, begun)


def after(lab, text, vector):
    """Log-probabilities of what follows a text and one vector, by the model itself."""
    x, mask = lab.batch(torch.cat([lab.embed(text), vector.view(1, 1, -1)], dim=1))
    with torch.no_grad():
        return lab.model(inputs_embeds=x, attention_mask=mask).logits[0, -1].log_softmax(-1)


def test_prefixes_are_of_frames():
    found = experiment.prefixes_of(["advice", "story"], 50)
    assert len(found) == 100 and found["prefix"].is_unique
    assert found["frame"].unique().tolist() == ["advice", "story"]
    for frames, count, said in (
        (["poem"], 1, "frames wants some of"),
        ([], 1, "frames wants"),
        (["story"], 51, "1 to 50"),
    ):
        with pytest.raises(ValueError, match=said):
            experiment.prefixes_of(frames, count)


def test_weights_sum_to_one_and_follow_their_formulas():
    p = torch.tensor([[0.5, 0.2, 0.1, 0.1, 0.04, 0.03, 0.02, 0.01]])
    noise = torch.zeros_like(p)
    for method in experiment.METHODS:
        assert experiment.weights(method, p, noise).sum().item() == pytest.approx(1)
    h = -(p * p.log2()).sum() / 3  # bits, of the three that eight tokens can have
    wanted = h * p / 2
    wanted[0, 0] += (2 - h) / 2
    torch.testing.assert_close(experiment.weights(experiment.MOI, p, noise), wanted)
    torch.testing.assert_close(experiment.weights(experiment.GUMBEL, p, noise), p**2 / (p**2).sum())
    torch.testing.assert_close(experiment.weights(experiment.SOFT, p, noise), p)
    assert set(experiment.weights(experiment.EQUAL, p, noise)[0].tolist()) == {1 / 8}


def test_gumbel_noise_draws_each_token_as_often_as_its_share(small):
    p = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.04, 0.03, 0.02, 0.01])
    draws = experiment.draws_of(small, range(4), 1000)
    drawn = (p.log() + draws.noise).argmax(-1).flatten()  # (4000,)
    shares = drawn.bincount(minlength=8) / len(drawn)
    torch.testing.assert_close(shares, p, atol=0.03, rtol=0)
    again = experiment.draws_of(small, [2], 1000)
    assert torch.equal(again.noise[0], draws.noise[2]) and torch.equal(again.ids[0], draws.ids[2])


def test_jensen_shannon_is_0_of_the_same_and_1_of_strangers():
    p = torch.tensor([[0.5, 0.5, 1e-30, 1e-30], [0.3, 0.3, 0.2, 0.2]]).log()
    q = torch.tensor([[1e-30, 1e-30, 0.5, 0.5], [0.3, 0.3, 0.2, 0.2]]).log()
    assert experiment.jensen_shannon(p, q).tolist() == pytest.approx([1, 0], abs=1e-6)
    assert experiment.jensen_shannon(q, p).tolist() == pytest.approx([1, 0], abs=1e-6)


def test_each_row_is_what_the_model_says(small, begun, table):
    assert len(table) == len(begun) * len(experiment.METHODS)
    logits = small.logits(begun["prefix"].tolist())
    draws = experiment.draws_of(small, range(len(begun)))
    for row, prefix in enumerate(begun["prefix"]):
        p, ids = (x[0] for x in experiment.likeliest(logits[row : row + 1]))
        tokens = small.embed_ids(ids)
        apart = torch.stack([after(small, prefix, token) for token in tokens])
        marginal = (p[:, None] * apart.exp()).sum(0).log()
        random = small.embed_ids(draws.ids[row, 0])
        fed = {"soft": p @ tokens, "equal weights": tokens.mean(0), "random tokens": p @ random}
        for method, vector in fed.items():
            said = after(small, prefix, vector)
            (own,) = table[(table["prefix"] == prefix) & (table["method"] == method)].itertuples()
            for found, other in (
                (own.js_top1, apart[0]),
                (own.js_top2, apart[1]),
                (own.js_marginal, marginal),
            ):
                wanted = experiment.jensen_shannon(said[None], other[None]).item()
                assert found == pytest.approx(wanted, abs=1e-4)
            assert own.norm == pytest.approx(vector.norm().item(), rel=1e-4)
            assert own.p1 == pytest.approx(logits[row].softmax(-1).max().item())
    held = table[table["method"] == experiment.AT_NORM]
    assert held["norm"].tolist() == pytest.approx([small.space.median_norm] * len(held))


def test_a_prefix_depends_on_its_own_seed_alone(small, begun, table):
    last = experiment.compared(small, begun.iloc[2:].reset_index(drop=True), seed=2)
    own = table[table["prefix"] == begun["prefix"][2]].reset_index(drop=True)
    pd.testing.assert_frame_equal(last, own, atol=1e-5)
