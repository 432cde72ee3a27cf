"""A token replaced: by random nokens at two scales, and by random real tokens."""

import pandas as pd
import pytest
import torch

import nokenlab as nl
from nokenlab.answers.substitutes import SCALES, real_tokens, substitutes_for
from workbook.claims import claims
from workbook.random_nokens import tables

PROMPT, SEEDS = "Red is a color that is often associated with", [3, 0, 11]
COLUMNS = "model prompt position seed scale norm nearest cosine next_token entropy kl response"


@pytest.fixture(scope="module")
def table(lab):
    return tables.replacements(lab, PROMPT, 0, SEEDS, 6)


def test_columns_and_rows(table, lab):
    assert " ".join(table.columns) == COLUMNS
    assert table["scale"].tolist() == ["true token", *(scale for scale in SCALES[1:] for _ in SEEDS)]
    assert table["seed"].isna()[0] and table["seed"].tolist()[1:] == SEEDS * 3
    assert set(table["model"]) == {lab.name}


def test_the_true_token_changes_nothing(table, lab):
    true = table.iloc[0]
    assert true["kl"] == 0 and true["nearest"] == "Red"
    assert true["response"] == lab.generate(PROMPT, 6)[0]
    assert true["entropy"] == pytest.approx(nl.entropy(lab.logits(PROMPT)).item(), abs=1e-3)


def test_scales(table, lab):
    groups = dict(list(table.groupby("scale")))
    assert groups["article"]["norm"].to_numpy() == pytest.approx(lab.width**0.5, rel=0.15)
    assert groups["token norm"]["norm"].to_numpy() == pytest.approx(lab.space.median_norm, rel=1e-4)
    cosines = {scale: rows["cosine"].to_numpy() for scale, rows in groups.items()}
    assert cosines["article"] == pytest.approx(cosines["token norm"], abs=1e-5)
    assert cosines["real token"] == pytest.approx(1, abs=1e-5)
    summary = tables.medians(table).set_index("scale")
    assert list(summary.index) == list(SCALES) and summary["rows"].tolist() == [1, 3, 3, 3]
    assert summary.loc["article", "kl"] == groups["article"]["kl"].median()


def test_a_row_depends_on_its_seed_alone(table, lab):
    alone = tables.replacements(lab, PROMPT, 0, [11], 6)[1:]
    both = table[table["seed"] == 11]
    assert alone["nearest"].tolist() == both["nearest"].tolist()
    assert alone["norm"].to_numpy() == pytest.approx(both["norm"].to_numpy(), rel=1e-5)
    assert alone["kl"].to_numpy() == pytest.approx(both["kl"].to_numpy(), abs=1e-3)


def test_the_position_is_the_one_replaced(tiny):
    last = len(tiny.tokens(PROMPT)) - 1
    vectors = substitutes_for(tiny, PROMPT, last, [5])
    torch.testing.assert_close(vectors["true token"][0], tiny.embed(PROMPT)[0, -1].float())
    expected = nl.replace(tiny.embed(PROMPT), last, vectors["article"])
    responses = tables.replacements(tiny, PROMPT, last, [5], 4)["response"].tolist()
    assert responses[1] == tiny.generate(expected, 4)[0]
    assert responses == tables.replacements(tiny, PROMPT, -1, [5], 4)["response"].tolist()


def test_real_tokens_are_real_and_seeded(any_lab):
    vectors = real_tokens(any_lab, [4, 9])
    assert torch.equal(vectors[1:], real_tokens(any_lab, [9]))
    assert any_lab.space.nearest(vectors, k=1)["distance"].max() < 1e-3


def test_positions_agree_with_the_table_of_one_position_and_answer_the_claims(table, lab):
    moved = tables.by_position(lab, PROMPT, [0, 3], SEEDS)
    assert " ".join(moved.columns) == "prompt position kind seed norm entropy kl"
    first, later = (rows for _, rows in moved.groupby("position"))
    assert first["kind"].tolist() == table["scale"].tolist()[1:]
    assert first["seed"].tolist() == table["seed"].tolist()[1:]
    for measure in ("norm", "entropy", "kl"):
        assert first[measure].to_numpy() == pytest.approx(table[measure].to_numpy()[1:], rel=1e-3, abs=1e-3)
    assert later["norm"].tolist() == pytest.approx(first["norm"].tolist())  # the same vectors
    medians = tables.median_moves(moved).set_index("kind")["position 3"]
    assert medians["article"] == later[later["kind"] == "article"]["kl"].median()
    many = pd.concat([moved.assign(prompt=f"{PROMPT} {n}") for n in range(12)])
    answers = claims.answers(claims.read_claims("random_nokens/questions.yaml"), {"nokens": many})
    assert (answers["n_units"] == 12).all()  # a prompt is one fact, however many seeds it has
    means = moved[moved["kind"] == "token norm"].groupby("position")["kl"].mean()
    assert answers["estimate"][0] == pytest.approx(means[3] / means[0])


def test_the_same_vector_moves_nothing(tiny, monkeypatch):
    """The null: put back the true token, and every kl is 0."""
    token = tiny.embed(PROMPT)[0, 2].float().cpu()[None]
    monkeypatch.setattr(tables, "substitutes_for", lambda *_: dict.fromkeys(SCALES, token))
    moved = tables.by_position(tiny, PROMPT, [2], [7])
    assert moved["kl"].tolist() == pytest.approx([0, 0, 0], abs=1e-6) and moved["seed"].tolist() == [7] * 3


def test_random_nokens_are_near_no_token(lab):
    nearness = tables.nearness(lab, 20)
    assert " ".join(nearness.columns) == "of seed nearest cosine" and len(nearness) == 40
    cosines = nearness.groupby("of")["cosine"]
    assert cosines.max()["random noken"] < cosines.min()["real token"] < cosines.max()["real token"] < 0.9999


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"position": 99}, "outside the prompt"),
        ({"position": -99}, "outside the prompt"),
        ({"seeds": []}, "seeds is empty"),
        ({"seeds": [1, 1]}, "repeated"),
        ({"max_new_tokens": 0}, "at least 1"),
    ],
)
def test_bad_input_is_one_clear_line(tiny, changed, message):
    arguments = {"prompt": PROMPT, "position": 0, "seeds": [1], "max_new_tokens": 2} | changed
    with pytest.raises(ValueError, match=f"^[^\n]*{message}[^\n]*$"):
        tables.replacements(tiny, **arguments)
