"""The page of findings: a row a prompt, disagreement said, what is not run yet, what is withdrawn."""

import pandas as pd
import pytest
import yaml

from nokenlab.cli import main
from nokenlab.errors import BadInput
from workbook.claims import claims
from workbook.claims import page as findings

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
GONE = {"said": "It is.", "notebook": "01-some", "why": "It was not.", "claims": ["it is more"]}


@pytest.fixture
def write(tmp_path):
    """Writes the findings of questions, over two prompts with these means; gives the page's text."""

    def write(*entries, means=(1, 1), withdrawn=()):
        folder = tmp_path / "sweeps" / "some"
        folder.mkdir(parents=True, exist_ok=True)
        prompts = zip(("It is <noken>", "None"), means, strict=True)
        rows = [{"prompt": p, "unit": u, "x": m + (u - 9.5) / 20} for p, m in prompts for u in range(20)]
        pd.DataFrame(rows).to_parquet(folder / "rows.parquet")
        questions = tmp_path / "questions"
        questions.mkdir(exist_ok=True)
        for name, said in {
            "01-some": {"claims": entries},
            "withdrawn": {"withdrawn": list(withdrawn)},
        }.items():
            (questions / f"{name}.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
        return findings.write(tmp_path, questions).read_text(encoding="utf-8")

    return write


@pytest.mark.parametrize(
    "means, said",
    [
        ((1, 1), "holds"),
        ((-1, -1), "does not hold"),
        ((0, 0), "cannot tell"),
        ((1, -1), "answers disagree: does not hold in 1 of 2, holds in 1 of 2"),
        ((1, 0), "cannot tell in 1 of 2, holds in 1 of 2"),
    ],
)
def test_prompts_are_never_pooled_and_their_disagreement_is_said(write, means, said):
    page = write(ENTRY, means=means)
    assert f"### It is more: {said}\n" in page and f"[it is more](#it-is-more) | {said} |" in page
    rows = [line for line in page.splitlines() if line.startswith(("| It is", "| None"))]
    assert [row.split(" | ")[:2] for row in rows] == [["| It is &lt;noken&gt;", "20"], ["| None", "20"]]


def test_a_section_has_all_that_was_written_before(write):
    page = write(ENTRY | {"a": "unit > 2", "beside": "the null"})
    for text in ("Is it more?", "mean of `x` &gt; 0", "the null", "*Unit:* unit", "`unit > 2`", "`rows`"):
        assert text in page
    assert "nokenlab sweep notebooks/sweeps/some.yaml --workers 2" in page and "SmolLM2-135M-Instruct" in page


def test_what_has_no_rows_is_not_run_yet(write, tmp_path):
    page = write(LATER, ENTRY)
    assert "### Later: not run yet" in page and "### It is more: holds" in page
    assert set(pd.read_csv(tmp_path / "findings.csv")["claim"]) == {"it is more"}
    assert "### Later: not run yet" in write(LATER)
    assert list(findings.read_csv(tmp_path / "findings.csv")) == ["notebook", "sweep", *claims.COLUMNS]


def test_correlations_have_holms_p_over_all_of_their_sweep(write, tmp_path):
    ranks = ENTRY | {"statistic": "rank correlation", "value": "x with unit"}
    page = write(ENTRY, ranks | {"claim": "c"}, ranks | {"claim": "d"})
    assert page.count("| prompt | n | estimate (low to high) | Holm's p | verdict |") == 2
    table = findings.read_csv(tmp_path / "findings.csv")
    assert (table["holm"].dropna() == 4 * table["p"].dropna()).all()  # two claims, two prompts


def test_what_is_withdrawn_stands_beside_what_holds_now(write):
    words = {"said": "Old.", "notebook": "01-some", "why": "Wrong.", "now": "New."}
    page = write(ENTRY, LATER, withdrawn=[GONE, words])
    assert "**“It is.”** (01-some) It was not. *In its place:* [it is more](#it-is-more): holds." in page
    assert "**“Old.”** (01-some) Wrong. *In its place:* New." in page


@pytest.mark.parametrize(
    "entry, said",
    [
        (GONE | {"claims": ["it is less"]}, "withdrawn.yaml names no claim of ours: it is less"),
        ({"said": "It is."}, "withdrawn.yaml: an entry wants said, notebook, why, and now or claims"),
        (GONE | {"colour": "red"}, "an entry wants"),
        ({k: v for k, v in GONE.items() if k != "claims"}, "an entry wants"),
    ],
)
def test_a_bad_entry_of_what_is_withdrawn_is_refused(write, entry, said):
    with pytest.raises(BadInput, match=said):
        write(ENTRY, withdrawn=[entry])


def test_the_same_rows_make_the_same_bytes(write, tmp_path):
    names = ("findings.md", "findings.csv")
    write(ENTRY, LATER, withdrawn=[GONE])
    first = [(tmp_path / name).read_bytes() for name in names]
    write(ENTRY, LATER, withdrawn=[GONE])
    assert [(tmp_path / name).read_bytes() for name in names] == first


def test_the_command_writes_our_own_questions(tmp_path, capsys):
    assert main(["findings", "--results", str(tmp_path)]) == 0
    page = (tmp_path / "findings.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == str(tmp_path / "findings.md")
    assert page.count(": not run yet\n") == len(claims.read_claims())
    assert main(["findings", "--results", str(tmp_path / "none")]) == 2
    assert "there is no results folder" in capsys.readouterr().err
