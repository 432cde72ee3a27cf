"""Mixtures fed in place of tokens: their weights, what follows them, and the texts that are written so."""

import pandas as pd
import pytest
import torch

from workbook.soft_inputs import tables

LENGTH = 6  # tokens of a text


@pytest.fixture(scope="module")
def prefixes():
    rows = [("one", "Red is a color"), ("two", "Black whippets are the best"), ("two", "White is")]
    return pd.DataFrame(rows, columns=["frame", "prefix"])


@pytest.fixture(scope="module")
def table(small, prefixes):
    return tables.compare(small, prefixes)


@pytest.fixture(scope="module")
def steps(small, prefixes):
    return tables.write_steps(small, prefixes, LENGTH, seed=3)


def after(lab, text, vector):
    """Log-probabilities of what follows a text and one vector, by the model itself."""
    x, mask = lab.batch(torch.cat([lab.embed(text), vector.view(1, 1, -1)], dim=1))
    with torch.no_grad():
        return lab.model(inputs_embeds=x, attention_mask=mask).logits[0, -1].log_softmax(-1)


def test_prefixes_are_those_of_the_frames():
    prefixes = tables.read_prefixes(["advice", "story"])
    assert len(prefixes) == 100 and prefixes["prefix"].is_unique
    assert prefixes["frame"].unique().tolist() == ["advice", "story"]
    with pytest.raises(ValueError, match=r"'poem' is not a frame of .*, which has story, opinion"):
        tables.read_prefixes(["story", "poem"])


def test_prefixes_are_the_first_whose_next_token_is_open(small, monkeypatch):
    prefixes = tables.read_prefixes(["advice", "story"])
    p1 = small.logits(prefixes["prefix"].tolist()).softmax(-1).max(-1).values
    monkeypatch.setattr(tables, "OPEN", p1.median().item())
    opened = prefixes[(p1 < tables.OPEN).numpy()].groupby("frame", sort=False).head(3)
    assert tables.open_prefixes(small, prefixes, 3)["prefix"].tolist() == opened["prefix"].tolist()
    monkeypatch.setattr(tables, "OPEN", 0)
    with pytest.raises(ValueError, match="has a line that suits this model"):
        tables.open_prefixes(small, prefixes, 3)


def test_weights_sum_to_one_and_follow_their_formulas():
    p = torch.tensor([[0.5, 0.2, 0.1, 0.1, 0.04, 0.03, 0.02, 0.01]])
    weights = {method: tables.weights(method, p, torch.zeros_like(p)) for method in tables.METHODS}
    assert [row.sum().item() for row in weights.values()] == pytest.approx([1] * 6)
    h = -(p * p.log2()).sum() / 3  # bits, of the three that eight tokens can have
    expected = h * p / 2
    expected[0, 0] += (2 - h) / 2
    torch.testing.assert_close(weights[tables.MOI], expected)
    torch.testing.assert_close(weights[tables.GUMBEL], p**2 / (p**2).sum())
    torch.testing.assert_close(weights[tables.SOFT], p)
    assert set(weights[tables.EQUAL][0].tolist()) == {1 / 8}


def test_gumbel_noise_draws_each_token_as_often_as_its_probability(small):
    p = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.04, 0.03, 0.02, 0.01])
    draws = tables.draw(small, range(4), 1000)
    drawn = (p.log() + draws.noise).argmax(-1).flatten()  # (4000,)
    torch.testing.assert_close(drawn.bincount(minlength=8) / len(drawn), p, atol=0.03, rtol=0)
    again = tables.draw(small, [2], 1000)
    assert torch.equal(again.noise[0], draws.noise[2]) and torch.equal(again.ids[0], draws.ids[2])


def test_jensen_shannon_is_0_for_equal_and_1_for_disjoint_distributions():
    p = torch.tensor([[0.5, 0.5, 1e-30, 1e-30], [0.3, 0.3, 0.2, 0.2]]).log()
    q = torch.tensor([[1e-30, 1e-30, 0.5, 0.5], [0.3, 0.3, 0.2, 0.2]]).log()
    assert tables.jensen_shannon(p, q).tolist() == pytest.approx([1, 0], abs=1e-6)
    assert tables.jensen_shannon(q, p).tolist() == pytest.approx([1, 0], abs=1e-6)


def test_each_row_is_what_the_model_itself_gives(small, prefixes, table):
    assert len(table) == len(prefixes) * len(tables.METHODS)
    logits = small.logits(prefixes["prefix"].tolist())
    draws = tables.draw(small, range(len(prefixes)))
    for number, prefix in enumerate(prefixes["prefix"]):
        p, ids = (x[0] for x in tables.likeliest(logits[number : number + 1]))
        tokens = small.embed_ids(ids)
        alone = torch.stack([after(small, prefix, token) for token in tokens])
        marginal = (p[:, None] * alone.exp()).sum(0).log()
        random = small.embed_ids(draws.ids[number, 0])
        fed = {"soft": p @ tokens, "equal weights": tokens.mean(0), "random tokens": p @ random}
        for method, vector in fed.items():
            (row,) = table[(table["prefix"] == prefix) & (table["method"] == method)].itertuples()
            others = torch.stack([alone[0], alone[1], marginal, alone[row.heaviest - 1]])
            expected = tables.jensen_shannon(after(small, prefix, vector).expand_as(others), others).tolist()
            divergences = [row.js_top1, row.js_top2, row.js_marginal, row.js_heaviest]
            assert divergences == pytest.approx(expected, abs=1e-4)
            assert row.norm == pytest.approx(vector.norm().item(), rel=1e-4)
            assert row.p1 == pytest.approx(logits[number].softmax(-1).max().item())
    at_norm = table[table["method"] == tables.AT_NORM]
    assert at_norm["norm"].tolist() == pytest.approx([small.space.median_norm] * len(at_norm))


def test_a_prefix_depends_on_its_own_seed_alone(small, prefixes, table):
    alone = tables.compare(small, prefixes.iloc[2:].reset_index(drop=True), seed=2)
    together = table[table["prefix"] == prefixes["prefix"][2]].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, together, atol=1e-5)


@pytest.mark.parametrize("method", ["soft", "Gumbel-softmax", "random tokens"])
def test_mixtures_are_fed_at_every_step(small, prefixes, steps, method):
    """Beside a loop by hand, which reads the text from its beginning at each step."""
    for seed, prefix in enumerate(prefixes["prefix"], 3):
        draws, x, ids = tables.draw(small, [seed], LENGTH), small.embed(prefix), []
        for step in range(LENGTH):
            logits = small.logits(x)
            ids.append(int(logits.argmax()))
            mixed = tables.mixture(small, method, logits, draws.at([0], step))
            x = torch.cat([x, mixed[None].to(x)], dim=1)
        rows = steps[steps["prefix"] == prefix].set_index("step")
        written = rows[rows["method"] == method].sort_index()
        assert written["id"].tolist() == ids[: len(written)]
        greedy = rows.loc[rows["method"] == tables.GREEDY, "id"].reindex(written.index)
        assert written["same"].tolist() == (written["id"].to_numpy() == greedy.to_numpy()).tolist()


def test_texts_are_greedy_and_have_the_means_of_their_steps(small, prefixes, steps):
    texts = tables.texts(small, steps)
    assert len(texts) == len(prefixes) * (1 + len(tables.METHODS))
    greedy = texts[texts["method"] == tables.GREEDY]
    assert greedy["text"].tolist() == small.generate(prefixes["prefix"].tolist(), LENGTH)
    assert greedy["equal"].all() and (greedy["same"] == 1).all()
    means = steps.groupby(["prefix", "method"])["entropy"].mean()
    for row in texts.itertuples():
        assert row.entropy == pytest.approx(means[row.prefix, row.method])


@pytest.mark.parametrize(
    "ids, share",
    [([1, 2, 3, 4, 5, 6], 0), ([1, 2, 3], 0), ([7] * 8, 4 / 5), ([1, 2, 3, 4, 1, 2, 3, 4], 1 / 5)],
)
def test_runs_that_occurred_earlier_are_repeated(ids, share):
    assert tables.repeated(ids) == pytest.approx(share)
