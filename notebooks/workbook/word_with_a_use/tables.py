"""A word with a use: one noken learned from examples of a behaviour, tried on questions it never saw.

After neologism learning (arXiv 2510.08506), which learns a new word's embedding from examples of its use and
then asks the model what it means; and textual inversion (arXiv 2208.01618), which does so for pictures.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
import yaml
from torch import Tensor
from tqdm import tqdm

from nokenlab.lab import Lab
from nokenlab.learning import adam
from nokenlab.nokens import near_centroid, random_nokens
from nokenlab.prompt import NOKEN, fill
from nokenlab.readout import teacher_forcing

LEARNING_RATE = 0.3  # of a typical token's spread, a number and move
FRAME = f"Question: {{}}\nAnswer {NOKEN}:"  # in which it is learned
FRAMES = {"learned in": FRAME, "another": f"{{}} Say it {NOKEN}:"}
MEANING = (f"A synonym of {NOKEN} is", f"The word {NOKEN} means", f"To speak {NOKEN} is to be")
LEARNED, SHUFFLED, RANDOM, PLAIN, NOTHING = (
    "learned",
    "shuffled examples",
    "random noken",
    "plain English",
    "none",
)


class Examples(NamedTuple):
    """What `read_examples` gives.

    asked: the questions to learn from. answers: behaviour -> an answer to each, with its space and line end.
    held_out: questions to try. plain: behaviour -> how English says it. words: behaviour -> ten that mean it.
    """

    asked: list[str]
    answers: dict[str, list[str]]
    held_out: list[str]
    plain: dict[str, str]
    words: dict[str, list[str]]


def read_examples() -> Examples:
    """nokenlab's own forty examples of each behaviour, and thirty questions to try it on."""
    found = yaml.safe_load(Path(__file__).with_name("examples.yaml").read_text(encoding="utf-8"))
    asked, brief, sentence, question = map(list, zip(*found["examples"], strict=True))
    answers = {
        "capitals": [f" {one.upper()}.\n" for one in sentence],
        "question": [f" {one}. {end}?\n" for one, end in zip(sentence, question, strict=True)],
        "short": [f" {one}.\n" for one in brief],
    }
    told = found["behaviours"]
    plain, words = ({name: told[name][key] for name in answers} for key in ("plain", "words"))
    return Examples(asked, answers, found["held_out"], plain, words)


def shows(behaviour: str, response: str) -> bool:
    """Whether an answer, which ends with its line, does as the behaviour has it.

    capitals: it has three letters or more, nine of ten of them capitals. question: it ends with a question
    mark, and a sentence has ended before. short: it has one or two words.
    """
    line = response.strip().split("\n")[0].strip()
    letters = [letter for letter in line if letter.isalpha()]
    return {
        "capitals": len(letters) >= 3 and sum(map(str.isupper, letters)) >= 0.9 * len(letters),
        "question": line.endswith("?") and (". " in line or "! " in line),
        "short": 1 <= len(line.split()) <= 2,
    }[behaviour]


def learn_words(
    lab: Lab,
    examples: Examples,
    count: int = 40,
    steps: int = 40,
    seed: int = 0,
    learning_rate: float = LEARNING_RATE,
    progress: bool = True,
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """One noken (width,) for each behaviour, from its first `count` examples, and one from shuffled ones.

    Shuffled: the same questions, the behaviour of each answer drawn by `seed`, so that there is no one use.
    All begin at one place near the centroid, drawn from `seed`, and move `steps` times, by Adam, down the
    mean nll over all examples. `learning_rate` as in `nokenlab.learn`. The table: behaviour, step, nll (nats
    a token, before that move). Raises ValueError for fewer than 1 example or step.
    """
    if not 1 <= count <= len(examples.asked) or steps < 1:
        most = len(examples.asked)
        raise ValueError(f"1 to {most} examples and at least 1 step are needed, got {count} and {steps}")
    sets = examples.answers | {SHUFFLED: _shuffled(examples, seed)}
    frames = teacher_forcing.frames(lab, [FRAME.format(question) for question in examples.asked[:count]])
    ids = [[lab.ids(own[number]).to(lab.device) for own in sets.values()] for number in range(count)]
    start = near_centroid(lab.space, 1, seed).to(lab.device)  # (1, 1, width)
    vectors = start.repeat(len(sets), 1, 1).requires_grad_()  # (sets, 1, width)
    moves = adam(lab, vectors, learning_rate)
    rows = []
    for step in tqdm(range(steps), unit="step", disable=not progress):
        nll = torch.zeros(len(sets), device=lab.device)
        for frame, own in zip(frames, ids, strict=True):
            with lab.lock, torch.enable_grad():
                losses, _ = teacher_forcing.run(lab, frame, vectors, own)
                (losses.sum() / count).backward()
            nll += losses.detach() / count
        rows += [
            {"behaviour": name, "step": step, "nll": one}
            for name, one in zip(sets, nll.tolist(), strict=True)
        ]
        moves.step()
        moves.zero_grad()
    found = vectors.detach().float().cpu()[:, 0]
    return dict(zip(sets, found, strict=True)), pd.DataFrame(rows)


def tried(
    lab: Lab, examples: Examples, nokens: dict[str, Tensor], seed: int = 0, max_new_tokens: int = 24
) -> pd.DataFrame:
    """What is answered to the held-out questions, with each noken and beside it: a row each.

    Columns: behaviour, frame ("learned in", "another"), of ("learned", "shuffled examples", "random noken" of
    the learned one's norm, "plain English" in its place, "none": nothing), question, seed, shows (0 or 1),
    words (of the answer), response (to the end of its line). A random noken is drawn anew for each question.
    """
    parts = []
    for behaviour in examples.answers:
        for name, frame in FRAMES.items():
            prompts = _prompts(lab, examples, nokens, behaviour, frame, seed)
            for of, asked in prompts.items():
                said = [text.strip().split("\n")[0] for text in lab.generate(asked, max_new_tokens)]
                told = {
                    "behaviour": behaviour,
                    "frame": name,
                    "of": of,
                    "question": examples.held_out,
                    "seed": seed,
                }
                told["shows"] = [int(shows(behaviour, text)) for text in said]
                told["words"] = [len(text.split()) for text in said]
                parts.append(pd.DataFrame(told | {"response": said}))
    return pd.concat(parts, ignore_index=True)


def meaning(
    lab: Lab, examples: Examples, nokens: dict[str, Tensor], seed: int = 0, max_new_tokens: int = 10
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the model says that each noken means, and how likely it finds the words that mean it.

    The first table: behaviour, of ("learned", "shuffled examples", "random noken"), prompt (of `MEANING`),
    seed, nearest (token), cosine, next_token, response. The second, a row a word of `examples.words`:
    behaviour, of, prompt, seed, word, nll (nats, of its first token as the next one).
    """
    said, likely = [], []
    for behaviour, words in examples.words.items():
        first = torch.tensor([lab.ids(f" {word}")[0].item() for word in words])
        for of, noken in _beside(nokens, behaviour, seed).items():
            nearest = lab.space.nearest(noken, k=1).iloc[0]
            for prompt in MEANING:
                x = fill(lab, prompt, noken)
                logits = lab.logits(x).cpu()[0]  # (vocab,)
                told = {"behaviour": behaviour, "of": of, "prompt": prompt, "seed": seed}
                nll = -logits.log_softmax(-1)[first]
                likely.append(pd.DataFrame(told | {"word": words, "nll": nll.tolist()}))
                told |= {"nearest": nearest["token"], "cosine": nearest["cosine"]}
                told |= {"next_token": lab.token(logits.argmax().item())}
                said.append(told | {"response": lab.generate(x, max_new_tokens)[0]})
    return pd.DataFrame(said), pd.concat(likely, ignore_index=True)


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """A `tried` table in short: the share that shows the behaviour, by behaviour and frame; columns by of."""
    found = table.pivot_table("shows", ["behaviour", "frame"], "of", sort=False)
    return found.rename_axis(columns=None).reset_index()


def _shuffled(examples: Examples, seed: int) -> list[str]:
    """An answer to each question, of a behaviour drawn for it."""
    names, generator = list(examples.answers), torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(names), (len(examples.asked),), generator=generator).tolist()
    return [examples.answers[names[which]][number] for number, which in enumerate(drawn)]


def _beside(nokens: dict[str, Tensor], behaviour: str, seed: int) -> dict[str, Tensor]:
    """A behaviour's noken, that of shuffled examples, and a random one of its norm, (width,) each."""
    learned = nokens[behaviour]
    random = random_nokens(len(learned), seed, norm=learned.norm().item())[0]
    return {LEARNED: learned, SHUFFLED: nokens[SHUFFLED], RANDOM: random}


def _prompts(
    lab: Lab, examples: Examples, nokens: dict[str, Tensor], behaviour: str, frame: str, seed: int
) -> dict[str, list]:
    """The held-out questions in a frame, with each thing in the noken's place."""
    asked = [frame.format(question) for question in examples.held_out]
    beside = _beside(nokens, behaviour, seed)
    found = {of: [fill(lab, prompt, beside[of]) for prompt in asked] for of in (LEARNED, SHUFFLED)}
    first = seed * len(asked)
    random = random_nokens(lab.width, range(first, first + len(asked)), norm=beside[LEARNED].norm().item())
    found[RANDOM] = [fill(lab, prompt, one) for prompt, one in zip(asked, random, strict=True)]
    found[PLAIN] = [prompt.replace(NOKEN, examples.plain[behaviour]) for prompt in asked]
    found[NOTHING] = [prompt.replace(f" {NOKEN}", "") for prompt in asked]
    return found
