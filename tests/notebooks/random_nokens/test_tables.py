"""A token replaced: by random nokens at two scales, and by random real tokens."""

import pytest
import torch

import nokenlab as nl
from nokenlab.answers.substitutes import SCALES, real_tokens, substitutes
from workbook.claims import claims
from workbook.random_nokens.tables import by_position, median_moves, medians, nearness, replacements

PROMPT, SEEDS = "Red is a color that is often associated with", [3, 0, 11]


@pytest.fixture(scope="module")
def table(lab):
    return replacements(lab, PROMPT, 0, SEEDS, 6)


def test_columns_and_rows(table, lab):
    assert list(table.columns) == (
        [
            "model",
            "prompt",
            "position",
            "seed",
            "scale",
            "norm",
            "nearest",
            "cosine",
            "next_token",
            "entropy",
            "kl",
            "response",
        ]
    )
    assert table["scale"].tolist() == ["true token", *(s for s in SCALES[1:] for _ in SEEDS)]
    assert table["seed"].isna().tolist() == [True] + [False] * 9
    assert table["seed"].tolist()[1:] == SEEDS * 3
    assert set(table["model"]) == {lab.name}


def test_the_true_token_changes_nothing(table, lab):
    true = table.iloc[0]
    assert true["kl"] == 0 and true["nearest"] == "Red"
    assert true["response"] == lab.generate(PROMPT, 6)[0]
    assert true["entropy"] == pytest.approx(nl.entropy(lab.logits(PROMPT)).item(), abs=1e-3)


def test_scales(table, lab):
    norms = {scale: rows["norm"] for scale, rows in table.groupby("scale")}
    assert norms["article"].to_numpy() == pytest.approx(lab.width**0.5, rel=0.15)
    assert norms["token norm"].to_numpy() == pytest.approx(lab.space.median_norm, rel=1e-4)
    cosines = {scale: rows["cosine"].to_numpy() for scale, rows in table.groupby("scale")}
    assert cosines["article"] == pytest.approx(cosines["token norm"], abs=1e-5)
    assert cosines["real token"] == pytest.approx(1, abs=1e-5)


def test_a_row_depends_on_its_seed_alone(table, lab):
    alone = replacements(lab, PROMPT, 0, [11], 6)
    both = table[table["seed"] == 11].reset_index(drop=True)
    assert alone["nearest"].tolist()[1:] == both["nearest"].tolist()
    assert alone["norm"].to_numpy()[1:] == pytest.approx(both["norm"].to_numpy(), rel=1e-5)
    assert alone["kl"].to_numpy()[1:] == pytest.approx(both["kl"].to_numpy(), abs=1e-3)


def test_the_position_is_the_one_replaced(tiny):
    last = len(tiny.tokens(PROMPT)) - 1
    vectors = substitutes(tiny, PROMPT, last, [5])
    torch.testing.assert_close(vectors["true token"][0], tiny.embed(PROMPT)[0, -1].float())
    expected = nl.replace(tiny.embed(PROMPT), last, vectors["article"])
    found = replacements(tiny, PROMPT, last, [5], 4)
    assert found["response"].tolist()[1] == tiny.generate(expected, 4)[0]
    assert found["response"].tolist() == replacements(tiny, PROMPT, -1, [5], 4)["response"].tolist()


def test_real_tokens_are_real_and_seeded(any_lab):
    vectors = real_tokens(any_lab, [4, 9])
    assert torch.equal(vectors[1:], real_tokens(any_lab, [9]))
    assert any_lab.space.nearest(vectors, k=1)["distance"].max() < 1e-3


def test_medians_by_scale(table):
    found = medians(table).set_index("scale")
    assert list(found.index) == list(SCALES) and found["rows"].tolist() == [1, 3, 3, 3]
    assert found.loc["article", "kl"] == table[table["scale"] == "article"]["kl"].median()


def test_positions_agree_with_the_table_of_one_position_and_answer_the_claims(table, lab):
    moved = by_position(lab, PROMPT, [0, 3], SEEDS)
    assert list(moved.columns) == ["prompt", "position", "kind", "seed", "norm", "entropy", "kl"]
    assert len(moved) == 2 * 3 * len(SEEDS)
    first = moved[moved["position"] == 0]
    assert first["kind"].tolist() == table["scale"].tolist()[1:]
    assert first["seed"].tolist() == table["seed"].tolist()[1:]
    for measure in ("norm", "entropy", "kl"):
        assert first[measure].to_numpy() == pytest.approx(table[measure].to_numpy()[1:], rel=1e-3, abs=1e-3)
    later = moved[moved["position"] == 3]
    assert later["norm"].tolist() == pytest.approx(first["norm"].tolist())  # the same vectors
    medians = median_moves(moved).set_index("kind")["position 3"]
    assert medians["article"] == later[later["kind"] == "article"]["kl"].median()
    found = claims.answers(claims.read_claims("random_nokens/questions.yaml"), {"nokens": moved})
    assert found["n_units"].tolist() == [len(SEEDS), 2 * len(SEEDS)]  # pairs; two groups
    short = moved[moved["kind"] == "token norm"].groupby("position")["kl"].mean()
    assert found["estimate"][0] == pytest.approx(short[3] / short[0])


def test_the_same_vector_moves_nothing(tiny, monkeypatch):
    """The null: put back what stands there, and every kl is 0."""
    own = tiny.embed(PROMPT)[0, 2].float().cpu()[None]
    parts = dict.fromkeys(SCALES, own)
    monkeypatch.setattr("workbook.random_nokens.tables.substitutes", lambda *_: parts)
    moved = by_position(tiny, PROMPT, [2], [7])
    assert moved["kl"].tolist() == pytest.approx([0, 0, 0], abs=1e-6) and moved["seed"].tolist() == [7] * 3


def test_random_nokens_are_near_no_token(lab):
    found = nearness(lab, 20)
    assert list(found.columns) == ["of", "seed", "nearest", "cosine"] and len(found) == 40
    cosines = found.groupby("of")["cosine"]
    assert cosines.max()["random noken"] < cosines.min()["real token"] < cosines.max()["real token"] < 0.9999


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"position": 99}, "outside the prompt"),
        ({"position": -99}, "outside the prompt"),
        ({"seeds": []}, "seeds is empty"),
        ({"seeds": [1, 1]}, "comes twice"),
        ({"max_new_tokens": 0}, "at least 1"),
    ],
)
def test_bad_input_is_one_clear_line(lab, changed, message):
    given = {"prompt": PROMPT, "position": 0, "seeds": [1], "max_new_tokens": 2} | changed
    with pytest.raises(ValueError, match=message) as error:
        replacements(lab, **given)
    assert "\n" not in str(error.value)
