"""What rows answer: verdicts by rules, units and not rows, prompts apart, and invalid questions refused."""

import itertools
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
from workbook.claims.statistics import FEWEST

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


def rows_of(units=20, draws=4, shift=1.0, seed=0, prompts=("one",)):
    """Rows of kinds a and b: each unit has its own level, each row its own noise."""
    rng = np.random.default_rng(seed)
    rows = [
        {"prompt": prompt, "unit": unit, "kind": kind, "x": level + shift * (kind == "a") + noise}
        for prompt in prompts
        for unit, level in enumerate(rng.normal(5, 2, units))
        for kind in "ab"
        for noise in rng.normal(0, 0.5, draws)
    ]
    return pd.DataFrame(rows).assign(y=lambda t: t["x"] * 2, yes=lambda t: t["unit"] % 4 == 0)


def answer(rows, **changes):
    """The one row that a changed PAIRED answers."""
    (row,) = answers([PAIRED._replace(**changes)], {"rows": rows}).itertuples()
    return row


@pytest.mark.parametrize(
    "low, high, rule, numbers, expected",
    [
        (0.1, 2, "> 0", {}, HOLDS),
        (-2, -0.1, "> 0", {}, FAILS),
        (-0.1, 2, "> 0", {}, UNDECIDED),
        (0, 2, "> 0", {}, UNDECIDED),  # an end on the bound does not meet it
        (-2, 0, "> 0", {}, FAILS),
        (0.1, 0.7, "< 0.8", {}, HOLDS),
        (0.7, 0.9, "< 0.8", {}, UNDECIDED),
        (0.8, 0.9, "< 0.8", {}, FAILS),
        (-3, -2, "< -1", {}, HOLDS),
        (NAN, NAN, "> 0", {}, UNDECIDED),
        (1, NAN, "> 0", {}, UNDECIDED),
        (1, float("inf"), "> 0", {}, UNDECIDED),
        (0.1, 0.5, "> 0", {"holm": 0.049}, HOLDS),
        (0.1, 0.5, "> 0", {"holm": 0.05}, UNDECIDED),
        (0.3, 0.6, "> 0.2, estimate > 0.4", {"estimate": 0.5}, HOLDS),
        (0.3, 0.6, "> 0.2, estimate > 0.4", {"estimate": 0.39}, UNDECIDED),  # it may be that much
        (0.25, 0.38, "> 0.2, estimate > 0.4", {"estimate": 0.3}, UNDECIDED),  # it is over the bound
        (0.1, 0.2, "> 0.2, estimate > 0.4", {"estimate": 0.15}, FAILS),
        (0.1, 0.6, "> 0.2, estimate > 0.4", {"estimate": 0.5}, UNDECIDED),
        (-0.6, -0.3, "< -0.2, estimate < -0.4", {"estimate": -0.5}, HOLDS),
        (-0.38, -0.25, "< -0.2, estimate < -0.4", {"estimate": -0.3}, UNDECIDED),
        (-0.2, -0.1, "< -0.2, estimate < -0.4", {"estimate": -0.15}, FAILS),
    ],
)
def test_the_complete_interval_must_meet_the_rule(low, high, rule, numbers, expected):
    assert verdict(low, high, rule, **numbers) == expected


def test_a_tested_mean_is_a_mean_that_needs_holms_p():
    rows = pd.DataFrame({"unit": [*range(30)] * 12, "layer": np.repeat(range(12), 30)})
    rows["x"] = rows["unit"] < np.where(rows["layer"] == 0, 30, np.where(rows["layer"] == 1, 7, 0))
    changes = {"statistic": "tested mean", "a": "", "each": "layer", "rule": "> 0.1"}
    tested = answers([PAIRED._replace(**changes)], {"rows": rows})
    plain = answers([PAIRED._replace(**changes | {"statistic": "mean"})], {"rows": rows})
    assert tested["verdict"].tolist()[:2] == [HOLDS, UNDECIDED]  # seven of thirty: p 0.02, of twelve layers
    assert plain["verdict"].tolist()[:2] == [HOLDS, HOLDS] and tested["low"].equals(plain["low"])
    assert tested["holm"].tolist() == statistics.holm(tested["p"]).tolist()


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


@pytest.mark.parametrize("changes", STATISTICS)
def test_no_rows_answer_nothing_and_cannot_tell(changes):
    nothing = answer(rows_of(), **changes | {"a": "kind == 'c'"})
    assert np.isnan([nothing.estimate, nothing.low, nothing.high]).all() and nothing.verdict == UNDECIDED


def test_estimates_are_those_of_unit_means():
    uneven = pd.DataFrame({"unit": [0] * 99 + [1], "x": [0.0] * 99 + [10.0]})
    assert answer(uneven, statistic="mean", each="", a="").estimate == 5
    rows = rows_of()
    a, b = (rows[rows["kind"] == kind].groupby("unit")["x"].mean() for kind in "ab")
    assert answer(rows).estimate == pytest.approx((a - b).mean())
    assert answer(rows, statistic="paired ratio").estimate == pytest.approx(a.mean() / b.mean())
    assert answer(rows, statistic="mean").estimate == pytest.approx(a.mean())
    groups = answer(rows, statistic="difference of groups", a="unit < 5 and kind == 'a'")
    assert groups.estimate == pytest.approx(a[:5].mean() - b.mean()) and groups.n_units == 25
    assert answer(rows, statistic="ratio of columns", value="x / y").estimate == pytest.approx(0.5)
    assert answer(rows, statistic="rank correlation", value="x with y").estimate == pytest.approx(1)


def test_a_sign_test_counts_units_and_leaves_ties_out():
    columns = {"unit": [*range(10)] * 2, "x": 0.0, "y": [1.0] * 7 + [-1.0] + [0.0] * 2 + [3.0] * 10}
    rows = pd.DataFrame(columns)
    rows.loc[rows["unit"] > 7, "y"] = [2.0, -2.0, -2.0, 2.0]  # their means are ties
    rows.loc[rows["unit"] == 7, "y"] = -1.0
    signs = answer(rows, statistic="sign test", value="x < y", a="", each="", rule="> 0.5")
    assert (signs.n_units, signs.estimate) == (8, 7 / 8)
    assert (signs.low, signs.high) == pytest.approx(stats.binomtest(7, 8).proportion_ci())
    assert signs.verdict == UNDECIDED  # the sign test's p is 0.07
    assert answer(rows, statistic="sign test", value="x < x", a="", each="").n_units == 0


def test_a_pair_needs_both_sides():
    rows = rows_of()
    rows = rows[~((rows["unit"] == 3) & (rows["kind"] == "b"))]
    rows.loc[rows["unit"] == 5, "x"] = NAN
    assert answer(rows).n_units == 18


def test_each_prompt_is_answered_separately():
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


def test_few_units_have_no_interval():
    few, enough = answer(rows_of(units=FEWEST - 1)), answer(rows_of(units=FEWEST))
    assert np.isnan(few.low) and few.verdict == UNDECIDED and few.estimate > 0
    assert few.n_units == FEWEST - 1 and enough.low < enough.estimate < enough.high
    groups = {"statistic": "difference of groups", "a": f"unit < {FEWEST - 1}", "b": f"unit >= {FEWEST - 1}"}
    assert np.isnan(answer(rows_of(units=2 * FEWEST - 1), **groups).low)
    assert answer(rows_of(units=2 * FEWEST), **groups | {"a": f"unit < {FEWEST}"}).low < 0


def test_an_absence_says_what_it_rules_out():
    rows = rows_of(units=50).assign(no=0, always=1)
    absent = answer(rows, statistic="mean", value="no", rule="< 0.02")
    assert (absent.low, absent.high) == statistics.share_interval(0, 50) and absent.verdict == UNDECIDED
    same = answer(rows, value="always")
    assert -same.low == same.high == statistics.share_interval(0, 50)[1] and same.verdict == UNDECIDED
    assert np.isnan(answer(rows.assign(x=3.5)).low)  # nothing differs, and it is no share: no interval


def test_groups_of_yes_and_no_have_newcombes_interval():
    rows = pd.DataFrame({"unit": range(85), "kind": ["a"] * 56 + ["b"] * 29})
    rows["x"] = [*range(56), *range(29)] < np.where(rows["kind"] == "a", 48, 20)
    groups = answer(rows, statistic="difference of groups", each="")
    assert (groups.low, groups.high) == statistics.newcombe(48, 56, 20, 29)


def test_rows_of_one_unit_are_not_taken_for_facts():
    by_units, by_rows = [], []
    for seed in range(60):
        rows = rows_of(units=40, draws=5, shift=0, seed=seed)
        mean = answer(rows, statistic="mean", a="")
        by_units.append(mean.low <= 5 <= mean.high)
        low, high = stats.t.interval(0.95, len(rows) - 1, rows["x"].mean(), stats.sem(rows["x"]))
        by_rows.append(low <= 5 <= high)
    assert np.mean(by_units) > 0.87  # 0.95 of many
    assert np.mean(by_rows) < 0.7


def test_holm_counts_all_correlations_of_all_prompts():
    rows = rows_of(prompts=["one", "two", "three"])
    rng = np.random.default_rng(0)
    rows["z"] = rows["x"] + rows.groupby(["prompt", "unit"])["x"].transform(lambda x: rng.normal(0, 3))
    rows["level"] = rows["unit"]
    correlation = PAIRED._replace(statistic="rank correlation")
    asked = [correlation._replace(claim=value, value=value) for value in ("x with z", "z with level")]
    table = answers([PAIRED, *asked], {"rows": rows})
    tested = table[table["p"].notna()]
    assert len(table) == 9 and len(tested) == 6
    assert tested["holm"].tolist() == statistics.holm(tested["p"]).tolist()


def test_shown_answers_are_short():
    table = claims.shown(answers([PAIRED], {"rows": rows_of()}))
    assert list(table) == ["question", "each", "n_units", "estimate (low to high)", "rule", "verdict"]
    assert claims.interval(-0.91234, -1, 0.5) == "−0.912 (−1 to 0.5)"
    assert claims.interval(2, NAN, NAN) == "2 (no interval)"


# Explained shares

WORDS = [f"w{number:02}" for number in range(12)]
PAIRS = list(itertools.combinations(WORDS, 2))
EXPLAINED = {
    "unit": "first, second",
    "statistic": "explained share",
    "value": "y by guess",
    "each": "",
    "b": "",
}


def pairs_of(guess, kind="a", noise=0.0):
    """One row per pair: y is the first word's level less the second's, plus noise; `guess(y)` predicts it."""
    rng = np.random.default_rng(0)
    level = dict(zip(WORDS, rng.normal(size=len(WORDS)), strict=True))
    y = np.array([level[a] - level[b] for a, b in PAIRS])
    table = pd.DataFrame(PAIRS, columns=["first", "second"]).assign(kind=kind, guess=guess(y))
    return table.assign(y=y + rng.normal(0, noise + 1e-12, len(y)))


@pytest.mark.parametrize("factor, share", [(1, 1), (0, 0), (0.5, 0.75), (-1, -3)])
def test_the_explained_share_is_about_zero(factor, share):
    explained = answer(pairs_of(lambda y: factor * y), **EXPLAINED)
    assert explained.n_units == 12 and explained.estimate == pytest.approx(share, abs=1e-9)


def test_the_order_of_a_pairs_words_changes_nothing():
    rows = pairs_of(lambda y: 0.8 * y, noise=0.5)
    swapped = rows.assign(first=rows["second"], second=rows["first"], y=-rows["y"], guess=-rows["guess"])
    first, other = (answer(r, **EXPLAINED) for r in (rows, pd.concat([rows[::2], swapped[1::2]])))
    for name in ("n_units", "estimate", "low", "high"):
        assert getattr(first, name) == pytest.approx(getattr(other, name))


def test_a_control_is_taken_off_on_the_same_pairs():
    rows, control = pairs_of(lambda y: y), pairs_of(lambda y: 0.5 * y, "b")
    control.loc[3, "guess"] = np.nan
    both = answer(pd.concat([rows, control]), **EXPLAINED | {"b": "kind == 'b'"})
    assert both.estimate == pytest.approx(0.25)


def test_words_are_resampled_and_not_pairs():
    rows = pairs_of(lambda y: 0.6 * y, noise=0.8)
    y, guess = rows["y"].to_numpy(), rows["guess"].to_numpy()
    pairs = np.random.default_rng(0).multinomial(len(y), np.full(len(y), 1 / len(y)), size=2000)
    low, high = statistics.middle_95(statistics.explained_share(y, guess, pairs))
    by_words = answer(rows, **EXPLAINED)
    assert by_words.high - by_words.low > high - low


def test_few_words_and_nothing_to_explain_have_no_interval():
    rows = pairs_of(lambda y: 0.5 * y)
    few = rows[rows["first"].isin(WORDS[:9]) & rows["second"].isin(WORDS[:9])]
    assert np.isnan(answer(few, **EXPLAINED).low) and not np.isnan(answer(rows, **EXPLAINED).low)
    assert np.isnan(answer(rows, **EXPLAINED, fewest=13).low)
    nothing = answer(rows.assign(y=0.0), **EXPLAINED)
    assert np.isnan(nothing.low) and nothing.verdict == UNDECIDED


# The files


def write(folder, *entries, experiment="some", notebook="01-some"):
    (folder / experiment).mkdir(parents=True, exist_ok=True)
    content = {"notebook": notebook, "claims": list(entries)}
    (folder / experiment / "questions.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def without(name):
    return {key: value for key, value in ENTRY.items() if key != name}


@pytest.mark.parametrize(
    "entry, message",
    [
        (without("rule"), "some/questions.yaml: .*missing 1 required positional argument: 'rule'"),
        (ENTRY | {"colour": "red"}, "some/questions.yaml: .*unexpected keyword argument 'colour'"),
        ("a is more", "some/questions.yaml: 'a is more': "),
        (ENTRY | {"statistic": "median"}, "a is more: statistic must be one of mean, tested mean"),
        (ENTRY | {"rule": ">= 0"}, "a is more: rule must be < or > and a number, like '> 0'; got '>= 0'"),
        (ENTRY | {"rule": "> much"}, "rule must be < or > and a number"),
        (ENTRY | {"rule": 3}, "rule must be < or > and a number"),
        (ENTRY | {"statistic": "sign test"}, "value must be like 'x < y'; got 'x'"),
        (ENTRY | {"statistic": "rank correlation"}, "value must be like 'x with y'; got 'x'"),
        (ENTRY | {"statistic": "ratio of columns"}, "value must be like 'x / y'; got 'x'"),
    ],
)
def test_an_invalid_entry_is_refused_in_one_line(tmp_path, entry, message):
    with pytest.raises(BadInput, match=message) as error:
        read_claims(folder=write(tmp_path, entry))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["claims: [", "- a", "claims: 3", ""])
def test_a_file_without_claims_is_refused_in_one_line(tmp_path, text):
    write(tmp_path)
    (tmp_path / "some" / "questions.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"questions\.yaml (is not valid YAML|must have a list)") as error:
        read_claims(folder=tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"value": "z"}, "z"),
        ({"unit": "word"}, "word"),
        ({"each": "model"}, "model"),
        ({"a": "colour == 'red'"}, "colour"),
        ({"a": "kind =="}, "invalid syntax"),
        ({"value": "kind"}, ""),
    ],
)
def test_a_table_that_cannot_answer_is_named_in_one_line(changes, message):
    with pytest.raises(BadInput, match=f"a is more: table rows cannot answer: .*{message}") as error:
        answer(rows_of(), **changes)
    assert "\n" not in str(error.value)


def test_claims_are_read_from_one_file_or_all_in_the_order_of_notebooks(tmp_path):
    write(tmp_path, ENTRY, experiment="another", notebook="09-other")
    write(tmp_path, ENTRY | {"claim": "b"})
    assert [claim.claim for claim in read_claims("some/questions.yaml", tmp_path)] == ["b"]
    both = [(claim.notebook, claim.claim) for claim in read_claims(folder=tmp_path)]
    assert both == [("01-some", "b"), ("09-other", ENTRY["claim"])]
    with pytest.raises(BadInput, match=r"none/questions\.yaml cannot be read: No such file or directory"):
        read_claims("none/questions.yaml", tmp_path)
    with pytest.raises(BadInput, match="has no claims"):
        read_claims("*/none.yaml", tmp_path)
    write(tmp_path, ENTRY)
    with pytest.raises(BadInput, match="2 claims are named 'a is more'"):
        read_claims(folder=tmp_path)


def test_our_own_questions_are_complete():
    ours = read_claims()
    assert {claim.notebook for claim in ours} >= {"03-random-nokens", "08-definitions", "10-semantic-decay"}
    assert all(claim.beside and claim.question.endswith((")", "?", ".")) for claim in ours)


def test_claims_and_findings_need_no_torch():
    code = "import sys, workbook.claims.page; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
