"""The page of findings: one row per prompt, disagreement, claims not run yet, withdrawn sentences."""

import pandas as pd
import pytest
import yaml

from nokenlab.cli import main
from nokenlab.errors import BadInput
from nokenlab.runs.sweep_file import sweep_folder
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
    """Writes the findings of questions, over two prompts with these means; returns both pages."""

    def write(*entries, means=(1, 1), withdrawn=(), headlines=(), model=None):
        folder = sweep_folder(tmp_path, "some", model)
        folder.mkdir(parents=True, exist_ok=True)
        prompts = zip(("It is <noken>", "None"), means, strict=True)
        rows = [{"prompt": p, "unit": u, "x": m + (u - 9.5) / 20} for p, m in prompts for u in range(20)]
        pd.DataFrame(rows).to_parquet(folder / "rows.parquet")
        workbook = tmp_path / "workbook"
        files = {
            "some/questions.yaml": {"notebook": "01-some", "claims": list(entries)},
            page.WITHDRAWN: {"withdrawn": list(withdrawn)},
            page.HEADLINES: {"headlines": list(headlines)},
        }
        for name, content in files.items():
            (workbook / name).parent.mkdir(parents=True, exist_ok=True)
            (workbook / name).write_text(yaml.safe_dump(content), encoding="utf-8")
        summary = page.write(tmp_path, workbook).read_text(encoding="utf-8")
        full = tmp_path / "findings" / "01-some.md"
        return summary, full.read_text(encoding="utf-8") if full.exists() else ""

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
    summary, full = write(ENTRY, means=means)
    assert f"## It is more: {verdict}\n" in full
    assert f"[it is more](findings/01-some.md#it-is-more) | {verdict} |" in summary
    rows = [line.split(" | ")[1:3] for line in full.splitlines() if line.startswith(f"| {page.DEFAULT}")]
    assert rows == [["It is &lt;noken&gt;", "20"], ["None", "20"]]


def test_a_section_has_the_question_its_rule_and_its_null(write):
    _, text = write(ENTRY | {"a": "unit > 2", "beside": "the null"})
    for part in ("Is it more?", "mean of `x` &gt; 0", "the null", "*Unit:* unit", "`unit > 2`", "`rows`"):
        assert part in text
    assert "nokenlab sweep notebooks/sweeps/some.yaml --workers 2" in text


def test_a_claim_without_rows_is_not_run_yet(write, tmp_path):
    summary, full = write(LATER, ENTRY)
    assert "## Later: not run yet" in full and "## It is more: holds" in full and "| not run yet |" in summary
    assert set(pd.read_csv(tmp_path / "findings.csv")["claim"]) == {"it is more"}
    assert "## Later: not run yet" in write(LATER)[1]
    assert list(page.read_csv(tmp_path / "findings.csv")) == ["notebook", "sweep", "model", *claims.COLUMNS]


def test_rows_that_are_older_than_the_question_do_not_answer_it(write):
    assert "## Newer: not run yet" in write(ENTRY, ENTRY | {"claim": "newer", "value": "new_column"})[1]


def test_models_stand_side_by_side_and_a_headline_is_checked_against_both(write):
    line = {"title": "More", "says": "It is.", "claim": "it is more", "verdicts": {"default": "holds"}}
    summary, _ = write(ENTRY, headlines=[line])
    assert "## 1. More\n\nIt is. *Beside it:* nothing." in summary and "out of date" not in summary
    summary, full = write(ENTRY, headlines=[line], means=(-1, -1), model="gemma-3-270m")
    assert "| holds | does not hold |" in summary and full.count("| gemma-3-270m |") == 2
    assert "out of date" in summary
    line["verdicts"] = {"default": "holds", "gemma-3-270m": "does not hold"}
    assert "out of date" not in write(ENTRY, headlines=[line])[0]
    with pytest.raises(BadInput, match=r"headlines\.yaml: there is no claim it is less"):
        write(ENTRY, headlines=[line | {"claim": "it is less"}])


def test_correlations_have_holms_p_over_all_of_their_sweep(write, tmp_path):
    ranks = ENTRY | {"statistic": "rank correlation", "value": "x with unit"}
    _, text = write(ENTRY, ranks | {"claim": "c"}, ranks | {"claim": "d"})
    assert text.count("| model | prompt | n | estimate (low to high) | Holm's p | verdict |") == 2
    table = page.read_csv(tmp_path / "findings.csv")
    assert (table["holm"].dropna() == 4 * table["p"].dropna()).all()  # two claims, two prompts


def test_a_withdrawn_sentence_stands_beside_what_replaces_it_and_bytes_repeat(write, tmp_path):
    words = {"sentence": "Old.", "notebook": "01-some", "why": "Wrong.", "now": "New."}
    texts = write(ENTRY, LATER, withdrawn=[GONE, words])
    link = "[it is more](findings/01-some.md#it-is-more)"
    assert f"**“It is.”** (01-some) It was not. *In its place:* {link}." in texts[0]
    assert "**“Old.”** (01-some) Wrong. *In its place:* New." in texts[0]
    table = (tmp_path / "findings.csv").read_bytes()
    assert write(ENTRY, LATER, withdrawn=[GONE, words]) == texts
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
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "findings").iterdir()]
    assert capsys.readouterr().out.strip() == str(tmp_path / "findings.md")
    assert sum(text.count(": not run yet\n") for text in pages) == len(claims.read_claims())
    assert main(["findings", "--results", str(tmp_path / "none")]) == 2
    assert "there is no results folder" in capsys.readouterr().err
