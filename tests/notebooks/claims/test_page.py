"""The page of findings: one row per prompt, disagreement, claims not run yet, withdrawn sentences."""

import pandas as pd
import pytest
import yaml

from nokenlab.cli import main
from nokenlab.errors import BadInput
from workbook.claims import claims, page

ENTRY = {
    "claim": "it is more",
    "sweep": "some",
    "question": "Is it more?",
    "table": "rows",
    "unit": "unit",
    "each": "prompt",
    "statistic": "mean",
    "value": "x",
    "rule": "> 0",
    "beside": "nothing",
}
LATER = ENTRY | {"claim": "later", "sweep": "another"}
GONE = {"sentence": "It is.", "notebook": "01-some", "why": "It was not.", "claims": ["it is more"]}


@pytest.fixture
def write(tmp_path):
    """Writes the findings of questions, over two prompts with these means; returns the page's text."""

    def write(*entries, means=(1, 1), withdrawn=()):
        folder = tmp_path / "sweeps" / "some"
        folder.mkdir(parents=True, exist_ok=True)
        prompts = zip(("It is <noken>", "None"), means, strict=True)
        rows = [{"prompt": p, "unit": u, "x": m + (u - 9.5) / 20} for p, m in prompts for u in range(20)]
        pd.DataFrame(rows).to_parquet(folder / "rows.parquet")
        workbook = tmp_path / "workbook"
        files = {
            "some/questions.yaml": {"notebook": "01-some", "claims": list(entries)},
            page.WITHDRAWN: {"withdrawn": list(withdrawn)},
        }
        for name, content in files.items():
            (workbook / name).parent.mkdir(parents=True, exist_ok=True)
            (workbook / name).write_text(yaml.safe_dump(content), encoding="utf-8")
        return page.write(tmp_path, workbook).read_text(encoding="utf-8")

    return write


@pytest.mark.parametrize(
    "means, verdict",
    [
        ((1, 1), "holds"),
        ((-1, -1), "does not hold"),
        ((0, 0), "cannot tell"),
        ((1, -1), "answers disagree: does not hold in 1 of 2, holds in 1 of 2"),
        ((1, 0), "cannot tell in 1 of 2, holds in 1 of 2"),
    ],
)
def test_prompts_are_never_pooled_and_their_disagreement_is_named(write, means, verdict):
    text = write(ENTRY, means=means)
    assert f"### It is more: {verdict}\n" in text and f"[it is more](#it-is-more) | {verdict} |" in text
    rows = [line for line in text.splitlines() if line.startswith(("| It is", "| None"))]
    assert [row.split(" | ")[:2] for row in rows] == [["| It is &lt;noken&gt;", "20"], ["| None", "20"]]


def test_a_section_has_the_question_its_rule_and_its_null(write):
    text = write(ENTRY | {"a": "unit > 2", "beside": "the null"})
    for part in ("Is it more?", "mean of `x` &gt; 0", "the null", "*Unit:* unit", "`unit > 2`", "`rows`"):
        assert part in text
    assert "nokenlab sweep notebooks/sweeps/some.yaml --workers 2" in text and "SmolLM2-135M-Instruct" in text


def test_a_claim_without_rows_is_not_run_yet(write, tmp_path):
    text = write(LATER, ENTRY)
    assert "### Later: not run yet" in text and "### It is more: holds" in text
    assert set(pd.read_csv(tmp_path / "findings.csv")["claim"]) == {"it is more"}
    assert "### Later: not run yet" in write(LATER)
    assert list(page.read_csv(tmp_path / "findings.csv")) == ["notebook", "sweep", *claims.COLUMNS]


def test_correlations_have_holms_p_over_all_of_their_sweep(write, tmp_path):
    ranks = ENTRY | {"statistic": "rank correlation", "value": "x with unit"}
    text = write(ENTRY, ranks | {"claim": "c"}, ranks | {"claim": "d"})
    assert text.count("| prompt | n | estimate (low to high) | Holm's p | verdict |") == 2
    table = page.read_csv(tmp_path / "findings.csv")
    assert (table["holm"].dropna() == 4 * table["p"].dropna()).all()  # two claims, two prompts


def test_a_withdrawn_sentence_stands_beside_what_replaces_it_and_bytes_repeat(write, tmp_path):
    words = {"sentence": "Old.", "notebook": "01-some", "why": "Wrong.", "now": "New."}
    text = write(ENTRY, LATER, withdrawn=[GONE, words])
    assert "**“It is.”** (01-some) It was not. *In its place:* [it is more](#it-is-more): holds." in text
    assert "**“Old.”** (01-some) Wrong. *In its place:* New." in text
    table = (tmp_path / "findings.csv").read_bytes()
    assert write(ENTRY, LATER, withdrawn=[GONE, words]) == text
    assert (tmp_path / "findings.csv").read_bytes() == table


@pytest.mark.parametrize(
    "entry, message",
    [
        (GONE | {"claims": ["it is less"]}, "withdrawn.yaml: there is no claim it is less"),
        ({"sentence": "It is."}, "withdrawn.yaml: .*missing 2 required positional arguments"),
        (GONE | {"colour": "red"}, "withdrawn.yaml: .*unexpected keyword argument 'colour'"),
        ({k: v for k, v in GONE.items() if k != "claims"}, "an entry must have `now` or `claims`: It is."),
    ],
)
def test_an_invalid_withdrawn_entry_is_refused(write, entry, message):
    with pytest.raises(BadInput, match=message):
        write(ENTRY, withdrawn=[entry])


def test_the_command_writes_our_own_questions(tmp_path, capsys):
    assert main(["findings", "--results", str(tmp_path)]) == 0
    text = (tmp_path / "findings.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == str(tmp_path / "findings.md")
    assert text.count(": not run yet\n") == len(claims.read_claims())
    assert main(["findings", "--results", str(tmp_path / "none")]) == 2
    assert "there is no results folder" in capsys.readouterr().err
