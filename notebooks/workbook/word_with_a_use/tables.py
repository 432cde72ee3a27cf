"""A word with a use: one noken learned from examples of a behaviour, tried on questions it never saw.

After neologism learning (arXiv 2510.08506), which learns a new word's embedding from examples of its use and
then asks the model what it means; and textual inversion (arXiv 2208.01618), which does so for pictures.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.lab import Lab
from nokenlab.learning import adam
from nokenlab.nokens import near_centroid, random_nokens
from nokenlab.prompt import NOKEN, fill
from nokenlab.readout import teacher_forcing
from workbook.word_lists import read_yaml

LEARNING_RATE = 0.3  # per move and coordinate, in units of a typical token's spread
FRAME = f"Question: {{}}\nAnswer {NOKEN}:"  # in which it is learned
FRAMES = {"learned in": FRAME, "another": f"{{}} Say it {NOKEN}:"}
MEANING = (f"A synonym of {NOKEN} is", f"The word {NOKEN} means", f"To speak {NOKEN} is to be")
LEARNED, SHUFFLED, RANDOM = "learned", "shuffled examples", "random noken"
PLAIN, NOTHING = "plain English", "none"


class Examples(NamedTuple):
    """What `read_examples` returns.

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
    content = read_yaml(Path(__file__).with_name("examples.yaml"))
    asked, brief, sentence, question = map(list, zip(*content["examples"], strict=True))
    answers = {
        "capitals": [f" {text.upper()}.\n" for text in sentence],
        "question": [f" {text}. {end}?\n" for text, end in zip(sentence, question, strict=True)],
        "short": [f" {text}.\n" for text in brief],
    }
    plain = {name: behaviour["plain"] for name, behaviour in content["behaviours"].items()}
    words = {name: behaviour["words"] for name, behaviour in content["behaviours"].items()}
    return Examples(asked, answers, content["held_out"], plain, words)


def shows(behaviour: str, response: str) -> bool:
    """Whether the first line of an answer shows the behaviour.

    capitals: it has three letters or more, nine of ten of them capitals. question: it ends with a question
    mark, and a sentence has ended before. short: it has one or two words.
    """
    line = first_line(response)
    letters = [letter for letter in line if letter.isalpha()]
    return {
        "capitals": len(letters) >= 3 and sum(map(str.isupper, letters)) >= 0.9 * len(letters),
        "question": line.endswith("?") and (". " in line or "! " in line),
        "short": 1 <= len(line.split()) <= 2,
    }[behaviour]


def first_line(response: str) -> str:
    """The first line of a response that has text in it, without the spaces around."""
    return response.strip().split("\n")[0].strip()


def learn_words(
    lab: Lab, examples: Examples, count: int = 40, steps: int = 40, seed: int = 0
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """One noken (width,) for each behaviour, from its first `count` examples, and one from shuffled ones.

    Shuffled: the same questions, the behaviour of each answer drawn with `seed`, so that there is no one use.
    All start at the same point near the centroid, drawn with `seed`, and make `steps` moves, by Adam, down
    the mean nll over all examples. The table: behaviour, step, nll (nats per token, before that move). Raises
    ValueError for fewer than 1 example or step.
    """
    if not 1 <= count <= len(examples.asked) or steps < 1:
        most = len(examples.asked)
        raise ValueError(f"1 to {most} examples and at least 1 step are needed, got {count} and {steps}")
    sets = examples.answers | {SHUFFLED: _shuffled(examples, seed)}
    prompts = [FRAME.format(question) for question in examples.asked[:count]]
    templates = teacher_forcing.cached_templates(lab, prompts)
    ids = [[lab.ids_behind(answers[n]).to(lab.device) for answers in sets.values()] for n in range(count)]
    start = near_centroid(lab.space, 1, seed).to(lab.device)  # (1, 1, width)
    vectors = start.repeat(len(sets), 1, 1).requires_grad_()  # (sets, 1, width)
    optimizer = adam(lab, vectors, LEARNING_RATE)
    rows = []
    for step in tqdm(range(steps), unit="step"):
        nll = torch.zeros(len(sets), device=lab.device)
        for template, targets in zip(templates, ids, strict=True):
            with lab.lock, torch.enable_grad():
                loss, _ = teacher_forcing.score(lab, template, vectors, targets)
                (loss.sum() / count).backward()
            nll += loss.detach() / count
        rows += zip(sets, [step] * len(sets), nll.tolist(), strict=True)
        optimizer.step()
        optimizer.zero_grad()
    nokens = dict(zip(sets, vectors.detach().float().cpu()[:, 0], strict=True))
    return nokens, pd.DataFrame(rows, columns=["behaviour", "step", "nll"])


def _shuffled(examples: Examples, seed: int) -> list[str]:
    """An answer to each question, of a behaviour drawn for it."""
    names, generator = list(examples.answers), torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(names), (len(examples.asked),), generator=generator).tolist()
    return [examples.answers[names[which]][number] for number, which in enumerate(drawn)]


def try_words(
    lab: Lab, examples: Examples, nokens: dict[str, Tensor], seed: int = 0, max_new_tokens: int = 24
) -> pd.DataFrame:
    """The answers to the held-out questions, with each noken and with its controls: one row per answer.

    Columns: behaviour, frame ("learned in", "another"), of ("learned", "shuffled examples", "random noken" of
    the learned one's norm, "plain English" in its place, "none": nothing), question, seed, shows (0 or 1),
    words (of the answer), response (its first line). A random noken is drawn anew for each question.
    """
    parts = []
    for behaviour in examples.answers:
        for name, frame in FRAMES.items():
            for of, prompts in _prompts(lab, examples, nokens, behaviour, frame, seed).items():
                names = {"behaviour": behaviour, "frame": name, "of": of}
                part = pd.DataFrame(names | {"question": examples.held_out, "seed": seed})
                responses = [first_line(text) for text in lab.generate(prompts, max_new_tokens)]
                part["shows"] = [int(shows(behaviour, text)) for text in responses]
                part["words"] = [len(text.split()) for text in responses]
                parts.append(part.assign(response=responses))
    return pd.concat(parts, ignore_index=True)


def _prompts(
    lab: Lab, examples: Examples, nokens: dict[str, Tensor], behaviour: str, frame: str, seed: int
) -> dict[str, list]:
    """The held-out questions in a frame, with the noken or a control in its position."""
    texts = [frame.format(question) for question in examples.held_out]
    seeds = range(seed * len(texts), (seed + 1) * len(texts))
    random = random_nokens(lab.width, seeds, norm=nokens[behaviour].norm().item())
    return {
        LEARNED: [fill(lab, text, nokens[behaviour]) for text in texts],
        SHUFFLED: [fill(lab, text, nokens[SHUFFLED]) for text in texts],
        RANDOM: [fill(lab, text, noken) for text, noken in zip(texts, random, strict=True)],
        PLAIN: [text.replace(NOKEN, examples.plain[behaviour]) for text in texts],
        NOTHING: [text.replace(f" {NOKEN}", "") for text in texts],
    }


def meaning(
    lab: Lab, examples: Examples, nokens: dict[str, Tensor], seed: int = 0, max_new_tokens: int = 10
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the model says that each noken means, and how likely it finds the words that mean it.

    The first table: behaviour, of ("learned", "shuffled examples", "random noken"), prompt (of `MEANING`),
    seed, nearest (token), cosine, next_token, response. The second, one row per word of `examples.words`:
    behaviour, of, prompt, seed, word, nll (nats, of its first token as the next one).
    """
    responses, likely = [], []
    for behaviour, words in examples.words.items():
        learned = nokens[behaviour]
        random = random_nokens(lab.width, seed, norm=learned.norm().item())[0]
        ids = torch.tensor([lab.ids_behind(f" {word}")[0].item() for word in words])
        for of, noken in {LEARNED: learned, SHUFFLED: nokens[SHUFFLED], RANDOM: random}.items():
            nearest = lab.space.nearest(noken, k=1).iloc[0]
            for prompt in MEANING:
                x = fill(lab, prompt, noken)
                logits = lab.logits(x).cpu()[0]  # (vocab,)
                row = {"behaviour": behaviour, "of": of, "prompt": prompt, "seed": seed}
                nll = -logits.log_softmax(-1)[ids]
                likely.append(pd.DataFrame(row | {"word": words, "nll": nll.tolist()}))
                row |= {"nearest": nearest["token"], "cosine": nearest["cosine"]}
                row |= {"next_token": lab.token(logits.argmax().item())}
                responses.append(row | {"response": lab.generate(x, max_new_tokens)[0]})
    return pd.DataFrame(responses), pd.concat(likely, ignore_index=True)


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """The share of a `try_words` table that shows the behaviour, by behaviour and frame; columns by of."""
    wide = table.pivot_table("shows", ["behaviour", "frame"], "of", sort=False)
    return wide.rename_axis(columns=None).reset_index()
