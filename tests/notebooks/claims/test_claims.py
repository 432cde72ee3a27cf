"""What rows answer: verdicts by their rules, units and not rows, prompts apart, and bad questions refused."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from nokenlab.errors import BadInput
from workbook.claims import claims, statistics
from workbook.claims.claims import FAILS, HOLDS, UNDECIDED, Claim, answers, read_claims, verdict

NAN = float("nan")
ENTRY = {
    "claim": "a is more",
    "sweep": "definitions",
    "question": "Is a more than b?",
    "table": "rows",
    "unit": "unit",
    "each": "prompt",
    "statistic": "paired difference",
    "value": "x",
    "a": "kind == 'a'",
    "b": "kind == 'b'",
    "rule": "> 0",
    "beside": "b",
}
PAIRED = Claim(notebook="08-definitions", **ENTRY)


def rows_of(units=20, draws=4, shift=1.0, seed=0, prompts=("one",)):
    """Rows of kinds a and b: each unit has its own level, each row noise of its own."""
    luck = np.random.default_rng(seed)
    found = [
        {"prompt": prompt, "unit": unit, "kind": kind, "x": level + shift * (kind == "a") + noise}
        for prompt in prompts
        for unit, level in enumerate(luck.normal(5, 2, units))
        for kind in "ab"
        for noise in luck.normal(0, 0.5, draws)
    ]
    return pd.DataFrame(found).assign(y=lambda t: t["x"] * 2, yes=lambda t: t["unit"] % 4 == 0)


def answer(rows, **changes):
    """The one row that a changed PAIRED answers."""
    (row,) = answers([PAIRED._replace(**changes)], {"rows": rows}).itertuples()
    return row


@pytest.mark.parametrize(
    "low, high, rule, said",
    [
        (0.1, 2, "> 0", HOLDS),
        (-2, -0.1, "> 0", FAILS),
        (-0.1, 2, "> 0", UNDECIDED),
        (0, 2, "> 0", UNDECIDED),  # an end on the bound does not meet it
        (-2, 0, "> 0", FAILS),
        (0.1, 0.7, "< 0.8", HOLDS),
        (0.9, 2, "< 0.8", FAILS),
        (0.7, 0.9, "< 0.8", UNDECIDED),
        (0.8, 0.9, "< 0.8", FAILS),
        (-3, -2, "< -1", HOLDS),
        (NAN, NAN, "> 0", UNDECIDED),
        (1, NAN, "> 0", UNDECIDED),
        (1, float("inf"), "> 0", UNDECIDED),
    ],
)
def test_the_whole_interval_must_meet_the_rule(low, high, rule, said):
    assert verdict(low, high, rule) == said


@pytest.mark.parametrize("holm, said", [(0.049, HOLDS), (0.05, UNDECIDED), (0.3, UNDECIDED), (NAN, HOLDS)])
def test_a_correlation_needs_holms_p_too(holm, said):
    assert verdict(0.1, 0.5, "> 0", holm) == said


def test_a_tested_mean_is_a_mean_that_needs_holms_p():
    rows = pd.DataFrame({"unit": [*range(30)] * 12, "layer": np.repeat(range(12), 30)})
    rows["x"] = rows["unit"] < np.where(rows["layer"] == 0, 30, np.where(rows["layer"] == 1, 7, 0))
    changes = {"statistic": "tested mean", "a": "", "each": "layer", "rule": "> 0.1"}
    found = answers([PAIRED._replace(**changes)], {"rows": rows})
    plain = answers([PAIRED._replace(**changes | {"statistic": "mean"})], {"rows": rows})
    assert found["verdict"].tolist()[:2] == [HOLDS, UNDECIDED]  # seven of thirty: p 0.02, of twelve layers
    assert plain["verdict"].tolist()[:2] == [HOLDS, HOLDS] and found["low"].equals(plain["low"])
    assert found["holm"].tolist() == statistics.holm(found["p"]).tolist()


STATISTICS = [
    {},
    {"statistic": "mean"},
    {"statistic": "mean", "value": "yes"},
    {"statistic": "tested mean"},
    {"statistic": "paired ratio", "rule": "> 1"},
    {"statistic": "ratio of columns", "value": "x / y"},
    {"statistic": "difference of groups", "a": "unit < 10", "b": "unit >= 10"},
    {"statistic": "difference of groups", "value": "yes", "a": "unit < 10", "b": "unit >= 10"},
    {"statistic": "sign test", "value": "yes < x"},
    {"statistic": "rank correlation", "value": "x with y"},
]


@pytest.mark.parametrize("changes", STATISTICS)
def test_ten_times_the_rows_are_no_more_facts(changes):
    rows = rows_of()
    tenfold = pd.concat([rows] * 10, ignore_index=True)
    shuffled = tenfold.sample(frac=1, random_state=0)
    once, often = answer(rows, **changes), answer(shuffled, **changes)
    assert often.n_units == once.n_units == 20
    for name in ("estimate", "low", "high"):
        assert getattr(often, name) == pytest.approx(getattr(once, name), nan_ok=True)
    assert often.verdict == once.verdict


def test_a_unit_counts_once_however_many_rows_it_has():
    rows = pd.DataFrame({"unit": [0] * 99 + [1], "x": [0.0] * 99 + [10.0]})
    assert answer(rows, statistic="mean", each="", a="").estimate == 5


def test_estimates_are_those_of_unit_means():
    rows = rows_of()
    a, b = (rows[rows["kind"] == kind].groupby("unit")["x"].mean() for kind in "ab")
    assert answer(rows).estimate == pytest.approx((a - b).mean())
    assert answer(rows, statistic="paired ratio").estimate == pytest.approx(a.mean() / b.mean())
    assert answer(rows, statistic="mean").estimate == pytest.approx(a.mean())
    between = answer(rows, statistic="difference of groups", a="unit < 5 and kind == 'a'")
    assert between.estimate == pytest.approx(a[:5].mean() - b.mean()) and between.n_units == 25
    assert answer(rows, statistic="ratio of columns", value="x / y").estimate == pytest.approx(0.5)
    assert answer(rows, statistic="rank correlation", value="x with y").estimate == pytest.approx(1)


def test_a_sign_test_counts_units_and_leaves_ties_out():
    rows = pd.DataFrame(
        {"unit": [*range(10)] * 2, "x": 0.0, "y": [1.0] * 7 + [-1.0] + [0.0] * 2 + [3.0] * 10}
    )
    rows.loc[rows["unit"] > 7, "y"] = [2.0, -2.0, -2.0, 2.0]  # their means are ties
    rows.loc[rows["unit"] == 7, "y"] = -1.0
    found = answer(rows, statistic="sign test", value="x < y", a="", each="", rule="> 0.5")
    assert (found.n_units, found.estimate) == (8, 7 / 8)
    assert (found.low, found.high) == pytest.approx(stats.binomtest(7, 8).proportion_ci())
    assert found.verdict == UNDECIDED  # the sign test's p is 0.07
    assert answer(rows, statistic="sign test", value="x < x", a="", each="").n_units == 0


def test_a_pair_needs_both_sides():
    rows = rows_of()
    rows = rows[~((rows["unit"] == 3) & (rows["kind"] == "b"))]
    rows.loc[rows["unit"] == 5, "x"] = NAN
    assert answer(rows).n_units == 18


def test_each_prompt_is_answered_by_itself():
    up, down = rows_of(prompts=["up"]), rows_of(prompts=["down"], shift=-1, seed=1)
    both = answers([PAIRED], {"rows": pd.concat([up, down])})
    assert both["each"].tolist() == ["up", "down"]
    assert both["verdict"].tolist() == [HOLDS, FAILS] and both["n_units"].tolist() == [20, 20]
    alone = answers([PAIRED], {"rows": up})
    assert both.loc[0, ["estimate", "low", "high"]].equals(alone.loc[0, ["estimate", "low", "high"]])


def test_claims_without_their_table_are_left_out():
    other = PAIRED._replace(claim="elsewhere", table="other")
    assert answers([other, PAIRED], {"rows": rows_of(), "more": rows_of()})["claim"].tolist() == ["a is more"]
    nothing = answers([other], {"rows": rows_of()})
    assert nothing.empty and list(nothing) == list(claims.COLUMNS) and claims.shown(nothing).empty


@pytest.mark.parametrize("changes", STATISTICS)
def test_no_rows_answer_nothing_and_cannot_tell(changes):
    found = answer(rows_of(), **changes | {"a": "kind == 'c'"})
    assert np.isnan([found.estimate, found.low, found.high]).all() and found.verdict == UNDECIDED


def test_few_units_have_no_interval():
    few, enough = answer(rows_of(units=claims.FEWEST - 1)), answer(rows_of(units=claims.FEWEST))
    assert np.isnan(few.low) and few.verdict == UNDECIDED and few.estimate > 0
    assert few.n_units == claims.FEWEST - 1 and enough.low < enough.estimate < enough.high


def test_an_absence_says_what_it_rules_out():
    rows = rows_of(units=50).assign(no=0, always=1)
    none = answer(rows, statistic="mean", value="no", rule="< 0.02")
    assert (none.low, none.high) == statistics.wilson(0, 50) and none.verdict == UNDECIDED
    same = answer(rows, value="always")
    assert -same.low == same.high == statistics.wilson(0, 50)[1] and same.verdict == UNDECIDED
    assert np.isnan(answer(rows.assign(x=3.5)).low)  # nothing differs, and it is no share: no interval


def test_groups_of_yes_and_no_have_newcombes_interval():
    rows = pd.DataFrame({"unit": range(85), "kind": ["a"] * 56 + ["b"] * 29})
    rows["x"] = [*range(56), *range(29)] < np.where(rows["kind"] == "a", 48, 20)
    found = answer(rows, statistic="difference of groups", each="")
    assert (found.low, found.high) == statistics.newcombe(48, 56, 20, 29)


def test_the_interval_holds_the_truth_about_as_often_as_it_says_of_clustered_rows():
    held, by_rows = [], []
    for seed in range(300):
        rows = rows_of(units=40, draws=5, shift=0, seed=seed)
        found = answer(rows, statistic="mean", a="")
        held.append(found.low <= 5 <= found.high)
        low, high = stats.t.interval(0.95, len(rows) - 1, rows["x"].mean(), stats.sem(rows["x"]))
        by_rows.append(low <= 5 <= high)
    assert 0.91 <= np.mean(held) <= 0.985
    assert np.mean(by_rows) < 0.7  # rows taken for facts


def test_holm_counts_all_correlations_of_all_prompts():
    rows = rows_of(prompts=["one", "two", "three"])
    luck = np.random.default_rng(0)
    rows["z"] = rows["x"] + rows.groupby(["prompt", "unit"])["x"].transform(lambda x: luck.normal(0, 3))
    asked = [PAIRED] + [
        PAIRED._replace(claim=value, statistic="rank correlation", value=value)
        for value in ("x with z", "z with unit")
    ]
    found = answers(asked, {"rows": rows.rename(columns={"unit": "of"}).assign(unit=rows["unit"])})
    tested = found[found["p"].notna()]
    assert len(found) == 9 and len(tested) == 6
    assert tested["holm"].tolist() == statistics.holm(tested["p"]).tolist()
    assert (tested["holm"] >= tested["p"]).all() and tested["holm"].min() >= tested["p"].min() * 6 - 1e-12


def test_what_is_shown_is_short():
    table = claims.shown(answers([PAIRED], {"rows": rows_of()}))
    assert list(table) == ["question", "each", "n_units", "estimate (low to high)", "rule", "verdict"]
    assert claims.interval(-0.91234, -1, 0.5) == "−0.912 (−1 to 0.5)"
    assert claims.interval(2, NAN, NAN) == "2 (no interval)"


# The file


def write(folder, *entries, name="01-some"):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"claims": list(entries)}), encoding="utf-8")
    return folder


def without(name):
    return {key: value for key, value in ENTRY.items() if key != name}


@pytest.mark.parametrize(
    "entry, said",
    [
        (without("rule"), "a is more: missing 1 required positional argument: 'rule'"),
        (ENTRY | {"colour": "red"}, "a is more: got an unexpected keyword argument 'colour'"),
        (ENTRY | {"statistic": "median"}, "a is more: statistic is one of mean, tested mean"),
        (ENTRY | {"rule": ">= 0"}, "a is more: rule wants < or > and a number, such as '> 0', got '>= 0'"),
        (ENTRY | {"rule": "> much"}, "rule wants < or > and a number"),
        (ENTRY | {"rule": 3}, "rule wants < or > and a number"),
        (ENTRY | {"statistic": "sign test"}, "value wants two columns, such as 'x < y', got 'x'"),
        (ENTRY | {"statistic": "rank correlation"}, "value wants two columns, such as 'x with y', got 'x'"),
        (ENTRY | {"statistic": "ratio of columns"}, "value wants two columns, such as 'x / y', got 'x'"),
        ("a is more", "a is more: "),
    ],
)
def test_a_bad_entry_is_refused_in_one_line(tmp_path, entry, said):
    with pytest.raises(BadInput) as error:
        read_claims(folder=write(tmp_path, entry))
    assert str(error.value).startswith("01-some.yaml: ") and said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_claim_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(BadInput, match="a is more: is there twice"):
        read_claims(folder=write(tmp_path, ENTRY, ENTRY))


@pytest.mark.parametrize("text", ["claims: [", "- a", "claims: 3", ""])
def test_a_file_without_claims_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "01-some.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"01-some\.yaml (is not YAML|wants a list)") as error:
        read_claims(folder=tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"value": "z"}, "z"),
        ({"unit": "word"}, "word"),
        ({"each": "model"}, "model"),
        ({"a": "colour == 'red'"}, "colour"),
        ({"a": "kind =="}, "invalid syntax"),
        ({"value": "kind"}, ""),
    ],
)
def test_a_table_that_cannot_answer_is_told_in_one_line(changes, said):
    with pytest.raises(BadInput, match=f"a is more: table rows cannot answer: .*{said}") as error:
        answer(rows_of(), **changes)
    assert "\n" not in str(error.value)


def test_a_file_is_a_notebooks(tmp_path):
    write(write(tmp_path, ENTRY, name="09-other"), ENTRY | {"claim": "b"})
    write(tmp_path, ENTRY, name="withdrawn")  # is no notebook's
    assert [claim.claim for claim in read_claims("01-some", tmp_path)] == ["b"]
    both = read_claims(folder=tmp_path)
    assert [(claim.notebook, claim.claim) for claim in both] == [
        ("01-some", "b"),
        ("09-other", ENTRY["claim"]),
    ]
    with pytest.raises(
        BadInput, match=r"10-none\.yaml cannot be read: No such file or directory; claims are"
    ):
        read_claims("10-none", tmp_path)
    write(tmp_path, ENTRY)
    with pytest.raises(BadInput, match="a is more: is there twice"):  # in two files
        read_claims(folder=tmp_path)


def test_our_own_questions_are_whole():
    ours = read_claims()
    assert {claim.notebook for claim in ours} >= {"03-random-nokens", "08-definitions", "10-semantic-decay"}
    assert all(claim.beside and claim.question.endswith((")", "?", ".")) for claim in ours)


def test_questions_are_found_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "ROOT", tmp_path / "site-packages")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"^notebooks/questions has no claims: a file a notebook is wanted"):
        read_claims()
    write(tmp_path / "questions", ENTRY)  # beside the notebook, as in JupyterLab
    assert len(read_claims()) == 1
    (tmp_path / "notebooks").mkdir()
    write(tmp_path / "notebooks" / "questions", ENTRY, ENTRY | {"claim": "another"})
    assert len(read_claims()) == 2


def test_claims_and_findings_need_no_torch():
    code = "import sys, workbook.claims.page; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
