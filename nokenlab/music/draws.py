"""How codes of sound are drawn: with the same luck for every row, whoever its neighbours are.

transformers draws each row of a batch apart, from one generator for all. Here seeded *Gumbel noise* is added
to the logits, and the largest is taken: that is a draw from their softmax (Gumbel 1954; Maddison et al. 2014,
"A* sampling"). Rows of one seed get the same noise, so that they differ by their logits alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

TOP_K = 50  # transformers' own, where a model's generation_config.json has none; 0 leaves it out


class GumbelNoise(LogitsProcessor):
    """Logits processor: noise for each row, from a CPU generator of the row's own seed."""

    def __init__(self, seeds: Sequence[int], codebooks: int = 1):
        """`seeds`: one a row of the batch; each row has `codebooks` rows of logits, one after the other."""
        distinct = sorted(set(seeds))
        self.generators = [torch.Generator().manual_seed(int(seed)) for seed in distinct]
        self.which = torch.tensor([distinct.index(seed) for seed in seeds])
        self.codebooks = codebooks

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """`scores` (rows · codebooks, vocab) and noise of the next step."""
        shape = (self.codebooks, scores.shape[-1])
        noise = torch.stack([gumbel(shape, generator) for generator in self.generators])
        noise = noise.to(scores.device, non_blocking=True)  # a GPU's queue goes on
        self.which = self.which.to(scores.device)
        return scores + noise[self.which].flatten(0, 1)


class AfterGuidance(LogitsProcessorList):
    """Processors that run behind guidance, which transformers appends to the list that it is given."""

    def append(self, processor) -> None:
        """Put a processor in front of all."""
        self.insert(0, processor)


def processors(settings: GenerationConfig, seeds: Sequence[int], codebooks: int) -> AfterGuidance:
    """What makes a greedy `generate` draw: temperature, top-k and top-p as in `settings`, then noise."""
    temperature, top_k, top_p = settings.temperature, settings.top_k, settings.top_p
    warpers = []
    if temperature not in (None, 1.0):
        warpers.append(TemperatureLogitsWarper(temperature))
    if top_k := TOP_K if top_k is None else top_k:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p is not None and top_p < 1:
        warpers.append(TopPLogitsWarper(top_p))
    return AfterGuidance([*warpers, GumbelNoise(seeds, codebooks)])


def gumbel(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise, float32: from uniform numbers of 53 bits, so that rare codes keep their share.

    It may be -infinity, once in 10^16, and is never +infinity, which would choose what top-k has ruled out.
    """
    return -torch.rand(shape, generator=generator, dtype=torch.float64).log().neg().log().float()
