"""Bad inputs of what learns nokens, keeps them in a file and gives them names; of panels that take a seed."""

import tempfile
from pathlib import Path

import torch

import nokenlab as nl
from hunt.judge import Case

PROMPT, TARGETS = "The <noken> is", ["red"]
W = 32  # the width of the tiny model
LEARNING = {  # what is wrong: the arguments that are, what is said
    "no targets": ({"targets": []}, "target"),
    "an empty target": ({"targets": ["red", ""]}, "target|empty"),
    "a target that is a number": ({"targets": [3]}, "target|text"),
    "no <noken>": ({"prompt": "The dog is"}, "<noken>"),
    "no prompts": ({"prompt": []}, "prompt"),
    "two kinds of prompts": ({"prompt": [PROMPT, "<noken> and <noken>"]}, "<noken>"),
    "a prompt of no UTF-8": ({"prompt": "caf\udce9 <noken>"}, "UTF-8"),
    "starts of another width": ({"starts": torch.ones(1, W + 1)}, "starts must be"),
    "starts with NaN": ({"starts": torch.full((1, W), torch.nan)}, "starts must be finite"),
    "starts that are a list": ({"starts": [[0.0] * W]}, "starts must be a torch tensor"),
    "no starts": ({"starts": torch.ones(0, W)}, "starts must be"),
    "whole numbers for starts": ({"starts": torch.ones(1, W).long()}, "starts must be floating-point"),
    "steps=-1": ({"steps": -1}, "steps must be"),
    "batch_size=0": ({"batch_size": 0}, "batch_size"),
    "learning_rate=0": ({"learning_rate": 0}, "learning_rate"),
    "learning_rate=nan": ({"learning_rate": float("nan")}, "learning_rate"),
    "seed=-1": ({"seed": -1}, "from 0 to 2\\*\\*63 - 1"),
    "seed=2**63": ({"seed": 2**63}, "from 0 to 2\\*\\*63 - 1"),
    "pinned to many tokens": ({"constraint": nl.constraints.pinned("red red red")}, "tokens"),
}
CONSTRAINTS = {
    "at_norm(0)": (lambda: nl.constraints.at_norm(0), "must be a number above 0"),
    "at_norm(nan)": (lambda: nl.constraints.at_norm(float("nan")), "must be a number above 0"),
    "near('red', -1)": (lambda: nl.constraints.near("red", -1), "must be a number above 0"),
}
NAMES = {
    "no word": ({"a b": torch.ones(W)}, "choose another word"),
    "noken": ({"noken": torch.ones(W)}, "choose another word"),
    "another width": ({"blorp": torch.ones(W + 1)}, "must be one vector"),
    "NaN": ({"blorp": torch.full((W,), torch.nan)}, "must be finite"),
    "a list": ({"blorp": [0.0] * W}, "must be a torch tensor"),
}
PROMPTS_OF_STATES = {
    "an empty text": ("", "empty"),
    "two texts": (["red", "blue"], "prompt|text"),
    "two rows": (torch.ones(2, 3, W), "prompt|row"),
    "another width": (torch.ones(1, 3, W + 1), "width|embeddings"),
    "no tokens": (torch.ones(1, 0, W), "tokens|embeddings"),
    "a number": (3, "prompt|text"),
}
SEEDS = {
    "-1": (-1, "from 0 to 2\\*\\*63 - 1"),
    "2**63": (2**63, "from 0 to 2\\*\\*63 - 1"),
    "0.5": (0.5, "whole numbers"),
    "'1'": ("1", "whole numbers"),
    "None": (None, "whole numbers"),
    "True": (True, "whole numbers"),
}


def cases() -> list[Case]:
    """All that is tried: each is a function of a lab."""
    return [*_learning(), *_files(), *_panels()]


def _learning() -> list[Case]:
    given = {"prompt": PROMPT, "targets": TARGETS, "steps": 1, "progress": False}
    found = [
        Case(f"nl.learn: {what}", lambda lab, own=own: nl.learn(lab, **given | own), says)
        for what, (own, says) in LEARNING.items()
    ]
    for what, (make, says) in CONSTRAINTS.items():
        found.append(Case(f"constraints: {what}", lambda lab, make=make: make(), says))
    for what, (own, says) in NAMES.items():
        found.append(Case(f"lab.with_nokens: {what}", lambda lab, own=own: lab.with_nokens(**own), says))
    for what, (prompt, says) in PROMPTS_OF_STATES.items():
        found.append(Case(f"lab.states: {what}", lambda lab, p=prompt: lab.states(p), says))
    return found


def _files() -> list[Case]:
    vectors = {"another width": torch.ones(1, W + 1), "none": torch.ones(0, W), "a list": [0.0] * W}
    found = [
        Case(f"nl.save_nokens: {what}", lambda lab, x=x: _saved(lab, x), "nokens")
        for what, x in vectors.items()
    ]
    for what, data, says in (
        ("no file", None, "there is no file"),
        ("a text", b"hello", "is not a file of nokens"),
        ("no bytes", b"", "is not a file of nokens"),
        ("a pickle", b"\x80\x04N.", "is not a file of nokens"),
    ):
        found.append(Case(f"nl.load_nokens: {what}", lambda lab, data=data: _loaded(lab, data), says))
    return found


def _saved(lab: nl.Lab, vectors) -> None:
    with tempfile.TemporaryDirectory() as folder:
        nl.save_nokens(Path(folder) / "nokens", lab, vectors)


def _loaded(lab: nl.Lab, data: bytes | None):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nokens"
        if data is not None:
            path.write_bytes(data)
        return nl.load_nokens(path, lab)


def _panels() -> list[Case]:
    panels = {
        "nl.NokenExplorer": lambda lab, seed: nl.NokenExplorer(lab, "Red is", 0, seed),
        "nl.NokenForge": lambda lab, seed: nl.NokenForge(lab, PROMPT, "red", start="random", seed=seed),
    }
    return [
        Case(f"{name}: seed={what}", lambda lab, make=make, seed=seed: make(lab, seed), says)
        for name, make in panels.items()
        for what, (seed, says) in SEEDS.items()
    ]
