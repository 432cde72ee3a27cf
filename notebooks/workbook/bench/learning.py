"""How fast nokens are learned here: in a batch, beside a plain loop, one at a time, with transformers' model.

`make bench CASE=learning` runs it, `QUICK=1` for a first look. Both ways take the same steps in one process,
in turn: forward, backward and Adam, weights frozen. The learning rate is so small that no row becomes exact,
so all rows take all steps; then nokens are learned in earnest, where rows that are exact stop.
"""

from functools import partial

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

import nokenlab as nl
from nokenlab.nokens import near_centroid
from nokenlab.prompt import Template
from workbook.bench import harness

PROMPT = "A typical definition of <noken> is"
WORDS = (
    "the of river seven under green bread slowly table wolf paper sings north glass old tomorrow heavy "
    "spoon window thin music stone yellow runs winter between lamp quiet apple road"
)
TOKENS = 8  # of a target
NOWHERE = 1e-9  # a learning rate
PLAIN, BATCH, EARNEST = "plain loop", "nokenlab", "nokenlab, rows that are exact stop"


def targets(lab: nl.Lab, count: int) -> list[str]:
    """So many texts of about `TOKENS` tokens, words in a row without a meaning."""
    texts, words = [], WORDS.split()
    for number in range(count):
        text, stride = "", 1 + number % 7
        while not text or len(lab.ids(text)) < TOKENS:
            text += f" {words[(number + stride * text.count(' ')) % len(words)]}"
        texts.append(text)
    return texts


class PlainLoop:
    """One noken as a script learns it: the whole text through the model, its own loss, one step of Adam."""

    def __init__(self, lab: nl.Lab, target: str, start: Tensor):
        template = Template(lab, PROMPT)
        self.lab, self.ids = lab, lab.ids(target).to(lab.device)
        start_of_text = lab.embed_ids(torch.tensor(lab.start_ids, dtype=torch.long))
        self.before = torch.cat([start_of_text, template.before])  # (tokens, width)
        self.after = torch.cat([*template.after, lab.embed_ids(self.ids)])
        self.vector = start.to(lab.device).requires_grad_()
        self.adam = torch.optim.Adam([self.vector], lr=NOWHERE)
        labels = torch.full((len(self.before) + 1 + len(self.after),), -100, device=lab.device)
        labels[-len(self.ids) :] = self.ids
        self.labels = labels[None]

    def step(self) -> float:
        """One step; nll in nats per token."""
        x = torch.cat([self.before, self.vector[None].to(self.before), self.after])[None]
        loss = self.lab.model(inputs_embeds=x, labels=self.labels).loss
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return loss.item()


def measure(plain: nl.Lab, lab: nl.Lab, pairs: int, steps: int, bar: tqdm) -> tuple[pd.DataFrame, float]:
    """Seconds for so many pairs and steps. Columns: way, pairs, steps, seconds, times_plain (a ratio).

    And the largest difference between the nll of plain loop and batch, in nats per token.
    """
    texts, start = targets(lab, pairs), near_centroid(lab.space, 1, 0)[0]
    batch = nl.Learner(lab, PROMPT, texts, starts=start, learning_rate=NOWHERE)
    loops = [PlainLoop(plain, text, start[0].clone()) for text in texts]
    nll = batch.step()["nll"]  # this step and the next warm up
    differences = [abs(loop.step() - in_batch) for loop, in_batch in zip(loops[:4], nll, strict=False)]
    times = {PLAIN: 0.0, BATCH: 0.0}
    for _ in range(steps):
        times[BATCH] += harness.elapsed(batch.step, lab)
        times[PLAIN] += sum(harness.elapsed(loop.step, lab) for loop in loops)
        bar.update(pairs)
    assert len(batch.history) == pairs * (batch.steps + 1), "a row has stopped"
    earnest = {"starts": start, "steps": steps, "batch_size": pairs, "progress": False}
    times[EARNEST] = harness.elapsed(partial(nl.learn, lab, PROMPT, texts, **earnest), lab)
    table = pd.DataFrame({"way": list(times), "pairs": pairs, "steps": steps, "seconds": times.values()})
    return table.assign(times_plain=times[PLAIN] / table["seconds"]), max(differences)


def bound(lab: nl.Lab, pairs: int) -> float:
    """Seconds of a step of all pairs if it were only the products of linear layers, forward and backward for
    their inputs, at this machine's best rate."""
    learner = nl.Learner(lab, PROMPT, targets(lab, pairs))
    body = sum(p.numel() for p in lab.model.parameters()) - lab.model.get_input_embeddings().weight.numel()
    head = lab.model.get_output_embeddings().weight
    body -= 0 if lab.model.config.tie_word_embeddings else head.numel()
    template, new = learner.templates[0], sum(map(len, learner.ids))
    positions = pairs * (template.tokens - template.position - 1) + new  # a target's last token is not fed
    return 4 * (body * positions + head.numel() * new) / harness.best_rate(lab)


def peak(count: int, model: str | None = None) -> tuple[int, float]:
    """So many targets, and the peak memory in GB of this process, or of the GPU, after two steps of them."""
    lab = nl.load(model)
    nl.learn(lab, PROMPT, targets(lab, count), steps=1, batch_size=16, progress=False)
    return count, harness.peak_gb(lab)


def main() -> None:
    """Measure, print, and write tables into RESULTS/learning; a quick look is printed only."""
    args = harness.arguments(
        "learning",
        __doc__,
        pairs={"type": int, "help": "nokens learned at once; by default 16, on a GPU 64"},
        steps={"type": int, "default": 100},
        quick={"action": "store_true", "help": "8 steps, printed only"},
    )
    steps = 8 if args.quick else args.steps
    lab = nl.load(args.model)
    plain = harness.untouched(args.model, str(lab.dtype).removeprefix("torch."))
    pairs = args.pairs or (64 if lab.device.type == "cuda" else 16)
    with tqdm(total=pairs * steps, unit="step") as bar:
        table, difference = measure(plain, lab, pairs, steps, bar)
    least = bound(lab, pairs)
    batch = table.set_index("way").loc[BATCH, "seconds"] / steps
    print(f"\n{lab}\n{table.round(2).to_string(index=False)}")
    print(f"a step of {pairs} takes {batch:.3f} s; its products alone would take {least:.3f} s")
    print(f"nll of both differs by at most {difference:.1e}")
    if args.quick:
        return
    peaks = harness.in_new_processes(partial(peak, model=args.model), [pairs, 4 * pairs])
    memory = pd.DataFrame(peaks, columns=["targets", "peak_gb"])
    print(memory.round(2).to_string(index=False))
    facts = {"lab": lab.provenance(), "bound_seconds_a_step": least, "nll_differs_by": difference}
    harness.save(args.results / "learning", {"learning": table, "memory": memory}, facts)


if __name__ == "__main__":
    main()
