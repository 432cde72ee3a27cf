"""The article's facts, compared with a stand-in for its model."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from workbook import article

ANSWERS = "abbcccdddee"  # what is said at p = 0, 0.1, … 1 in the article


class StandIn:
    """As much of a Lab as the checks use."""

    name, width, space = "microsoft/phi-2", 2560, SimpleNamespace(centroid=torch.zeros(4))

    def __init__(self, answers=ANSWERS):
        self.answers = answers

    def ids(self, text):
        ids = {"Hello world :)": [15496, 995, 14373]}
        return torch.tensor(ids.get(text, [sum(map(ord, text)), 2, 3]))

    def tokens(self, text):
        return pd.DataFrame({"token": text.split(), "id": self.ids(text).tolist()})

    def embed(self, text):
        return torch.full((1, 3, 4), 1.0 if text.startswith("Black") else 0.0)

    def generate(self, rows, max_new_tokens):
        assert max_new_tokens == 27  # 30, the prompt's three tokens counted
        return [self.answers[round(row.mean().item() * 10)] for row in rows]

    def logits(self, rows):
        return torch.zeros(len(rows), 10)

    def token(self, id):
        return str(id)


@pytest.mark.parametrize("name", ["microsoft/phi-2", "phi-2"])
def test_on_phi_2_the_facts_come_back(name):
    lab = StandIn()
    lab.name = name
    tokens = article.check_tokens(lab)
    assert list(tokens.columns) == ["fact", "article", "here", "same"]
    assert tokens["article"].tolist() == tokens["here"].tolist() == ["15496, 995, 14373", "2560"]
    assert tokens["same"].tolist() == ["yes", "yes"]
    plateaus = article.check_plateaus(lab)
    assert plateaus["here"][0] == "{0}, {0.1, 0.2}, {0.3, 0.4, 0.5}, {0.6, 0.7, 0.8}, {0.9, 1}"
    assert plateaus["same"][0] == "yes"


def test_a_fact_that_does_not_come_back_is_reported():
    plateaus = article.check_plateaus(StandIn("aabcccdddee"))
    assert plateaus["same"][0] == "no"
    assert plateaus["here"][0].startswith("{0, 0.1}, {0.2}, {0.3")


def test_on_another_model_nothing_is_compared(lab):
    for table in (article.check_tokens(lab), article.check_plateaus(lab)):
        assert set(table["here"]) == {""}
        assert set(table["same"]) == {"only on microsoft/phi-2"}
        assert "" not in set(table["article"])
