"""Bad inputs of the Python functions, on a tiny random model; and what is left half-way."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from helpers.tiny_models import PADDING_ROWS, tiny_model, tiny_tokenizer

import nokenlab as nl
from hunt.judge import WELL, Case, Verdict
from nokenlab import measures
from workbook.fuzz_the_music import tiny_musicgen

PROMPT = "Red is the first"
W = 32  # the width of the tiny model


def small_lab() -> nl.Lab:
    """A tiny random Llama."""
    tokenizer = tiny_tokenizer("bytes, start")
    return nl.Lab(tiny_model("llama", len(tokenizer) + PADDING_ROWS), tokenizer, "tiny-llama")


NOT_VECTORS = {  # by what it is: how it is made, what is said
    "NumPy": (lambda: np.ones(W, "float32"), "must be a torch tensor, got ndarray"),
    "a list": (lambda: [0.0] * W, "must be a torch tensor, got list"),
    "None": (lambda: None, "must be a torch tensor, got NoneType"),
    "a text": (lambda: "dog", "must be a torch tensor, got str"),
    "integers": (lambda: torch.ones(W, dtype=torch.long), "floating-point numbers, got torch.int64"),
    "booleans": (lambda: torch.ones(W, dtype=torch.bool), "floating-point numbers, got torch.bool"),
    "complex numbers": (
        lambda: torch.ones(W, dtype=torch.complex64),
        "floating-point numbers, got torch.complex64",
    ),
    "NaN": (lambda: torch.full((W,), torch.nan), "must be finite"),
    "infinity": (lambda: torch.full((W,), torch.inf), "must be finite"),
}
WRONG_SHAPES = {
    "another width": lambda: torch.ones(W + 1),
    "no rows": lambda: torch.ones(0, W),
    "a number": lambda: torch.tensor(1.0),
    "four dimensions": lambda: torch.ones(1, 1, 1, W),
}
TAKERS = {  # functions of a lab and vectors (width,)
    "nl.replace": lambda lab, x: nl.replace(lab.embed(PROMPT), 0, x),
    "nl.insert": lambda lab, x: nl.insert(lab.embed(PROMPT), x),
    "nl.fill": lambda lab, x: nl.fill(lab, "The <noken> is", x),
    "lab.space.nearest": lambda lab, x: lab.space.nearest(x),
}
NUMBER_TAKERS = TAKERS | {
    "nl.rescale": lambda lab, x: nl.rescale(x, 1.0),
    "nl.lerp": lambda lab, x: nl.lerp(x, torch.ones(W), 0.5),
    "nl.slerp": lambda lab, x: nl.slerp(torch.ones(W), x, 0.5),
    "nl.shell": lambda lab, x: nl.shell(x, 0, 1.0),
    "feed": lambda lab, x: lab.generate(PROMPT, 3, feed=lambda step: step.embeddings * 0 if x is None else x),
}
BAD_SEEDS = {
    "-1": (-1, "from 0 to 2\\*\\*63 - 1, got -1"),
    "2**63": (2**63, "from 0 to 2\\*\\*63 - 1"),
    "[2**70]": ([2**70], "from 0 to 2\\*\\*63 - 1"),
    "[0.5]": ([0.5], "must be whole numbers"),
    "[True]": ([True], "must be whole numbers"),
    "['1']": (["1"], "must be whole numbers"),
    "[]": ([], "seeds? "),
    "1.5": (1.5, "must be whole numbers"),
    "10**5000": (10**5000, "from 0 to 2\\*\\*63 - 1"),
}


def raises(*_, **__):
    """As a processor or a feed that has a slip in it."""
    raise ValueError("mine")


def cases() -> list[Case]:
    """All that is tried: each is a function of a lab."""
    return [*_vectors(), *_seeds(), *_texts(), *_numbers(), *_hooks(), *_states(), *_music()]


def _vectors() -> list[Case]:
    found = []
    for name, take in NUMBER_TAKERS.items():
        for what, (make, says) in NOT_VECTORS.items():
            if (name, what) != ("feed", "None"):  # which is for what would be fed anyway
                found.append(Case(f"{name}: {what}", lambda lab, t=take, m=make: t(lab, m()), says))
    for name, take in TAKERS.items():
        for what, make in WRONG_SHAPES.items():
            found.append(
                Case(f"{name}: {what}", lambda lab, t=take, m=make: t(lab, m()), "width|no rows|got \\(")
            )
    prompts = {
        "another width": torch.ones(1, 2, W + 1),
        "no rows": torch.ones(0, 2, W),
        "no tokens": torch.ones(1, 0, W),
        "two dimensions": torch.ones(2, W),
        "integers": torch.ones(1, 2, W, dtype=torch.long),
        "complex": torch.ones(1, 2, W, dtype=torch.complex64),
        "NaN": torch.full((1, 2, W), torch.nan),
        "NumPy": np.ones((1, 2, W), "float32"),
        "None": None,
        "a number": 3,
        "no prompts": [],
        "a list of numbers": [1, 2],
        "an empty text": [PROMPT, ""],
    }
    says = "embeddings|prompt"
    for what, x in prompts.items():
        found.append(Case(f"lab.generate: {what}", lambda lab, x=x: lab.generate(x, 3), says))
        found.append(Case(f"lab.logits: {what}", lambda lab, x=x: lab.logits(x), says))
    return found


def _seeds() -> list[Case]:
    found = []
    for what, (seeds, says) in BAD_SEEDS.items():
        for name, take in {
            "nl.random_nokens": lambda lab, s: nl.random_nokens(W, s),
            "nl.shell": lambda lab, s: nl.shell(torch.ones(W), s, 1.0),
            "lab.generate seeds": lambda lab, s: lab.generate([PROMPT], 3, seeds=s),
            "lab.sample seeds": lambda lab, s: next(lab.sample([PROMPT], 3, seeds=s)),
        }.items():
            found.append(Case(f"{name}={what}", lambda lab, t=take, s=seeds: t(lab, s), says))
    wrong = Case(
        "two seeds for one row", lambda lab: lab.generate(PROMPT, 3, seeds=[1, 2]), "1 rows, 2 seeds"
    )
    return [*found, wrong]


def _texts() -> list[Case]:
    bad = {"empty": "", "lone surrogate": "a\ud800", "bytes": b"red", "None": None, "a number": 5}
    says = {"empty": "is empty", "lone surrogate": "not valid UTF-8"}
    found = []
    for what, text in bad.items():
        for name, take in {
            "lab.ids": lambda lab, x: lab.ids(x),
            "lab.embed": lambda lab, x: lab.embed(x),
            "lab.tokens": lambda lab, x: lab.tokens(x),
            "nl.fill": lambda lab, x: nl.fill(lab, x, torch.ones(W)),
        }.items():
            said = "prompt" if name == "nl.fill" else says.get(what, "must be a text")
            found.append(Case(f"{name}: {what}", lambda lab, t=take, x=text: t(lab, x), said))
    for prompt in ("no place", "a <noken> <noken>", "a <noken> \udce9", "x" * 10_000):
        fill = Case(
            f"nl.fill: {prompt[:20]!r}",
            lambda lab, p=prompt: nl.fill(lab, p, torch.ones(W)),
            "prompt",
        )
        found.append(fill)
    return found


def _numbers() -> list[Case]:
    x = torch.ones(W)
    calls = {
        "max_new_tokens=0": (lambda lab: lab.generate(PROMPT, 0), "max_new_tokens must be a whole number"),
        "max_new_tokens=-1": (lambda lab: lab.generate(PROMPT, -1), "max_new_tokens must be a whole number"),
        "max_new_tokens=1.5": (
            lambda lab: lab.generate(PROMPT, 1.5),
            "max_new_tokens must be a whole number",
        ),
        "max_new_tokens='3'": (
            lambda lab: lab.generate(PROMPT, "3"),
            "max_new_tokens must be a whole number",
        ),
        "max_new_tokens=10**9": (
            lambda lab: lab.generate(PROMPT, 10**9),
            "max_new_tokens is 1000000000, but tiny",
        ),
        "max_new_tokens=10**99": (lambda lab: lab.generate(PROMPT, 10**99), "max_new_tokens is 1000"),
        "a long prompt": (lambda lab: lab.generate("Red is " * 90, 3), "shorten the prompt"),
        "batch_size=0": (
            lambda lab: lab.generate(PROMPT, 3, batch_size=0),
            "batch_size must be a whole number",
        ),
        "batch_size=-1": (lambda lab: lab.generate(PROMPT, 3, batch_size=-1), "batch_size must be a whole"),
        "batch_size=0.5": (
            lambda lab: lab.logits(PROMPT, batch_size=0.5),
            "batch_size must be a whole number",
        ),
        "position=99": (
            lambda lab: nl.replace(lab.embed(PROMPT), 99, x),
            "position 99 is outside the prompt",
        ),
        "position=0.5": (lambda lab: nl.replace(lab.embed(PROMPT), 0.5, x), "position 0.5"),
        "position=None": (lambda lab: nl.replace(lab.embed(PROMPT), None, x), "position None"),
        "two prompts": (
            lambda lab: nl.replace(lab.embed(PROMPT).repeat(2, 1, 1), 0, x),
            "must be of one text",
        ),
        "insert after two": (
            lambda lab: nl.insert(lab.embed("a"), x, torch.ones(2, 1, W)),
            "must be of one text",
        ),
        "width=0": (lambda lab: nl.random_nokens(0, 0), "width must be a whole number"),
        "width=-3": (lambda lab: nl.random_nokens(-3, 0), "width must be a whole number"),
        "width=2.5": (lambda lab: nl.random_nokens(2.5, 0), "width must be a whole number"),
        "norm=nan": (lambda lab: nl.random_nokens(W, 0, float("nan")), "norm must be a finite number"),
        "norm='1'": (lambda lab: nl.random_nokens(W, 0, "1"), "norm must be a finite number"),
        "a vector of length 0": (lambda lab: nl.rescale(torch.zeros(W), 1.0), "length 0"),
        "p=nan": (lambda lab: nl.lerp(x, x, float("nan")), "p holds NaN"),
        "p=[]": (lambda lab: nl.lerp(x, x, []), "p is a number or a list"),
        "p='half'": (lambda lab: nl.lerp(x, x, "half"), "p is a number or a list"),
        "p=1j": (lambda lab: nl.slerp(x, x, 1j), "p is a number or a list"),
        "p=[[1]]": (lambda lab: nl.lerp(x, x, [[0.5]]), "p is a number or a list"),
        "p of 10,000 texts": (lambda lab: nl.lerp(x, x, ["a"] * 10_000), "p is a number or a list"),
        "a and b of two widths": (lambda lab: nl.lerp(x, torch.ones(W + 1), 0.5), "differ in shape"),
        "opposite vectors": (lambda lab: nl.slerp(x, -x, 0.5), "exactly opposite"),
        "nearest k=0": (lambda lab: lab.space.nearest(x, 0), "k must be a whole number"),
        "nearest k=-1": (lambda lab: lab.space.nearest(x, -1), "k must be a whole number"),
        "nearest k=1.5": (lambda lab: lab.space.nearest(x, 1.5), "k must be a whole number"),
        "leading k=0": (lambda lab: nl.leading(lab, lab.logits(PROMPT), 0), "k must be"),
        "leading k=10**9": (lambda lab: nl.leading(lab, lab.logits(PROMPT), 10**9), "k must be"),
        "kl of two sizes": (lambda lab: nl.kl(torch.ones(2, 5), torch.ones(2, 6)), "shape"),
        "entropy of NumPy": (lambda lab: nl.entropy(np.ones((2, 5))), "torch tensor"),
        "entropy of integers": (lambda lab: nl.entropy(torch.ones(2, 5).long()), "floating-point"),
        "an id beyond": (lambda lab: lab.embed_ids(torch.tensor([10**6])), "ids of tiny-llama are 0 to"),
        "an id below 0": (lambda lab: lab.embed_ids(torch.tensor([-1])), "ids of tiny-llama are 0 to"),
        "ids as a list": (lambda lab: lab.embed_ids([1]), "ids must be a torch tensor"),
        "ids that are no whole numbers": (
            lambda lab: lab.embed_ids(torch.ones(2)),
            "ids must be a torch tensor",
        ),
        "a table's bad name": (lambda lab: nl.Results(lab).table(None, "../x"), "may have letters"),
        "no chat model": (lambda lab: lab.ids("red", chat=True), "not a chat model"),
        "next_token k": (lambda lab: measures.next_token(lab, np.ones((1, 5))), "torch tensor"),
        "an id of no word": (
            lambda lab: lab.with_nokens(w=x).embed_ids(torch.tensor([len(lab.tokenizer)]).clamp_min(10**5)),
            "ids of tiny-llama are 0 to",
        ),
        "a start-of-text token alone": (lambda lab: lab.generate("<s>"), "no tokens"),
        "an unfilled <noken>": (lambda lab: lab.generate("The <noken> is"), "fill it: nl.fill"),
        "an unfilled <noken> behind <s>": (lambda lab: lab.embed("<s><noken>"), "fill it"),
        "one vector for two places": (lambda lab: nl.fill(lab, "<noken> <noken>", x), "has 2 <noken>"),
        "nl.load, revision": (lambda lab: nl.load(revision="x"), "leave out revision='x'"),
        "nl.load of a number": (lambda lab: nl.load(3), "model"),
        "nl.load, dtype": (lambda lab: nl.load(dtype="int8"), "dtype 'int8' is not one of"),
        "nl.load, device": (lambda lab: nl.load(device="abacus"), "device 'abacus' is not on this machine"),
    }
    return [Case(name, tried, says) for name, (tried, says) in calls.items()]


def _hooks() -> list[Case]:
    return [
        Case("a processor that raises", lambda lab: lab.generate(PROMPT, 3, processors=[raises]), "^mine$"),
        Case("a processor that is none", lambda lab: lab.generate(PROMPT, 3, processors=[3]), "processors"),
        Case("processors=3", lambda lab: lab.generate(PROMPT, 3, processors=3), "processors"),
        Case("a feed that raises", lambda lab: lab.generate(PROMPT, 3, feed=raises), "^mine$"),
        Case(
            "a feed of a wrong shape",
            lambda lab: lab.generate(PROMPT, 3, feed=lambda s: s.embeddings[0]),
            "what is fed must be",
        ),
        Case("a feed that is none", lambda lab: lab.generate(PROMPT, 3, feed=3), "feed must be"),
        Case(
            "a feed of no vectors",
            lambda lab: lab.generate(PROMPT, 3, feed=none_at_once),
            "what is fed must be",
        ),
        Case("more vectors than fit", lambda lab: lab.generate(PROMPT, 3, feed=many_at_once), "at most"),
        Case("hidden states not asked for", lambda lab: lab.generate(PROMPT, 3, feed=hidden), "hidden=True"),
        *(
            Case(f"stop={stop!r}", lambda lab, stop=stop: lab.generate(PROMPT, 3, stop=stop), "stop")
            for stop in ("", "\n", [""], [3], 3, ["\ud800"])
        ),
    ]


def hidden(step):
    """A feed of hidden states."""
    return step.hidden


def none_at_once(step):
    """A feed of k = 0 vectors."""
    return step.embeddings[:, None][:, :0]


def many_at_once(step):
    """A feed of more vectors than any context has room for."""
    return step.embeddings[:, None].expand(-1, 10_000, -1)


def _states() -> list[Case]:
    def state(lab, rows=1):
        return next(lab.sample([PROMPT] * rows, 2)).state()

    bad = {
        "of another lab": (lambda lab: lab.generate(state=state(small_lab())), "another model"),
        "a step": (lambda lab: lab.generate(state=next(lab.sample(PROMPT, 2))), "must be step.state"),
        "3": (lambda lab: lab.generate(state=3), "must be step.state"),
        "and a text too many": (
            lambda lab: lab.generate(["a", "b", "c"], state=state(lab, 2)),
            "one for each",
        ),
        "and texts of two lengths": (
            lambda lab: lab.generate(["a", " is the first"], state=state(lab, 2)),
            "equally long",
        ),
        "and an empty text": (lambda lab: lab.generate("", state=state(lab)), "the prompt is empty"),
        "and <noken>": (lambda lab: lab.generate("<noken>", state=state(lab)), "fill it"),
        "and another width": (lambda lab: lab.generate(torch.ones(1, 1, W + 1), state=state(lab)), "must be"),
        "and too many tokens": (lambda lab: lab.generate(max_new_tokens=999, state=state(lab)), "at most"),
        "and too many seeds": (lambda lab: lab.generate(seeds=[1, 2], state=state(lab)), "one seed per row"),
    }
    return [Case(f"a state {name}", tried, says) for name, (tried, says) in bad.items()]


def _music() -> list[Case]:
    music = tiny_musicgen.load("default")
    bad = {
        "seconds": ("3", 0, 31, None, float("nan")),
        "guidance": ("3", 0, -1, None, float("nan"), float("inf")),
        "batch_size": ("3", 0, -1, 1.5),
    }
    return [
        Case(
            f"play, {name}={x!r}",
            lambda lab, name=name, x=x: music.play("a", **{name: x}),
            "clip may|must be",
        )
        for name, values in bad.items()
        for x in values
    ]


def left_half_way(lab: nl.Lab) -> list[Verdict]:
    """A generator that is left, hooks that raise, threads side by side: the lab answers as it did before."""
    prompts = [PROMPT, "The best food"]
    before = lab.generate(prompts, 8)

    def left():
        steps = lab.sample(PROMPT, 8)
        next(steps)
        next(steps)
        return steps  # nobody asks it for more

    def closed():
        left().close()

    def raised():
        for hook in ({"feed": raises}, {"processors": [raises]}):
            with contextlib.suppress(ValueError):
                lab.generate(PROMPT, 8, **hook)

    def threads():
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: lab.generate(prompts, 8), range(2)))
        assert answers == [before, before]

    verdicts = []
    for tried in (left, closed, raised, threads):
        generator = tried()
        same = lab.generate(prompts, 8) == before
        verdicts.append(
            Verdict(Case(tried.__name__, tried, ""), WELL if same else "the lab answers otherwise", "", 0.0)
        )
        del generator
    return verdicts
