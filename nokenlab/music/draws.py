"""How codes of sound are drawn: with the same random draws for every row, whatever else is in the batch.

transformers draws all rows of a batch from one generator. Here seeded *Gumbel noise* is added to the logits,
and the largest is taken: that is a draw from their softmax (Gumbel 1954; Maddison et al. 2014,
"A* sampling"). Rows of one seed get the same noise, so that they differ only by their logits.
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

TOP_K = 50  # the default of transformers, for models without one; 0 leaves it out


class GumbelNoise(LogitsProcessor):
    """Logits processor: noise for each row, from a CPU generator with the row's seed."""

    def __init__(self, seeds: Sequence[int], codebooks: int = 1):
        """`seeds`: one per row of the batch; each row has `codebooks` rows of logits, one after the other."""
        distinct = sorted(set(seeds))
        self.generators = [torch.Generator().manual_seed(int(seed)) for seed in distinct]
        self.generator_of_row = torch.tensor([distinct.index(seed) for seed in seeds])
        self.codebooks = codebooks

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """`scores` (rows · codebooks, vocab) plus the noise of the next step."""
        shape = (self.codebooks, scores.shape[-1])
        noise = torch.stack([gumbel(shape, generator) for generator in self.generators])
        noise = noise.to(scores.device, non_blocking=True)  # a GPU's queue goes on
        self.generator_of_row = self.generator_of_row.to(scores.device)
        return scores + noise[self.generator_of_row].flatten(0, 1)


class AfterGuidance(LogitsProcessorList):
    """Processors that run after guidance, which transformers appends to the list that it is given."""

    def append(self, processor) -> None:
        """Put a processor before all others."""
        self.insert(0, processor)


def processors(settings: GenerationConfig, seeds: Sequence[int], codebooks: int) -> AfterGuidance:
    """Processors that make greedy `generate` draw: temperature, top-k and top-p of `settings`, noise."""
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
