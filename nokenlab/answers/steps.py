"""One decode step: the usual logits processors, and the choices a step has."""

import pandas as pd
from transformers import MinNewTokensLengthLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper

from nokenlab.decode.loop import Step
from nokenlab.lab import Lab
from nokenlab.measures import leading


def processors(lab: Lab, temperature: float, top_k: int, min_new_tokens: int = 0) -> list:
    """transformers' logits processors for drawing: no early end, then temperature, then top-k.

    `temperature` above 0 (1 leaves the model's probabilities as they are); `top_k` at least 1.
    """
    drawing = [TemperatureLogitsWarper(float(temperature)), TopKLogitsWarper(top_k)]
    if not lab.eos_ids:  # a model without an end-of-sequence token never ends early
        return drawing
    no_end = MinNewTokensLengthLogitsProcessor(0, min_new_tokens, lab.eos_ids, device=str(lab.device))
    return [no_end, *drawing]


def choices(lab: Lab, step: Step, k: int = 10) -> pd.DataFrame:
    """The k likeliest tokens of one row of a step, with what the logits processors make of them.

    Columns: rank, token, id, probability (the model's own), chance (after the processors; 0 if ruled out).
    """
    best = leading(lab, step.logits[:1], k).drop(columns="row")
    return best.assign(chance=step.scores[0].softmax(dim=-1)[best["id"].tolist()].tolist())
