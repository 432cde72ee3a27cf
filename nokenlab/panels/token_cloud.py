"""All tokens as points on the plane where they differ most, to be searched, picked and joined."""

import base64
import io
from functools import cached_property, partial

import ipywidgets as w
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nokenlab.answers.planes import plane_through
from nokenlab.lab import Lab
from nokenlab.panels.face import quiet
from nokenlab.panels.lerp_slider import LerpSlider
from nokenlab.panels.panel import Panel, check_one_noken, check_prompt, watched, with_ids
from nokenlab.panels.territories import Territories
from nokenlab.prompt import NOKEN, fill
from nokenlab.spelling import spelled_token

NEAREST = 8  # tokens that are shown
PICTURE = 400  # pixels of each side of the picture without scripts


class TokenCloud(Panel):
    """Every token of the model, and every named noken of `lab.with_nokens`, as a point.

    The plane is that of the two principal directions of the tokens. A picked point stands at <noken> in the
    prompt; two that are joined open a `LerpSlider`, three a map of `Territories`. Raises ValueError for a
    prompt without one <noken>.
    """

    name = "token_cloud"

    def __init__(self, lab: Lab, prompt: str = f"The {NOKEN} is a kind of", max_new_tokens: int = 12):
        super().__init__(lab)
        self.max_new_tokens, self.point = max_new_tokens, None
        self.opened = w.VBox()  # the panel of the points that were joined last
        self._set_prompt(prompt)

    def _set_prompt(self, prompt: str) -> None:
        check_prompt(self.lab, prompt)
        check_one_noken(prompt)
        self.prompt = prompt

    @cached_property
    def widget(self) -> w.VBox:
        """The live face, and below it what was opened."""
        return w.VBox([super().widget, self.opened])

    @cached_property
    def points(self) -> Tensor:
        """Where each token lies, then each named noken, (points, 2): from -1 to 1."""
        space, axes = self.lab.space, self.lab.space.principal[1][:2].T  # (width, 2)
        nokens = [noken[None] @ axes for noken in self.lab.nokens.values()]
        xy = torch.cat([(space.vectors.float() @ axes.to(space.vectors.device)).cpu(), *nokens])
        xy -= space.centroid.cpu() @ axes
        return xy / xy.abs().max()

    @cached_property
    def names(self) -> list[str]:
        """The name of each point, on one line."""
        tokens = map(self.lab.space.text, self.lab.space.ids.tolist())
        return [*map(spelled_token, tokens), *self.lab.nokens]

    def state(self) -> dict:
        return {
            "about": self._about(),
            "names": "\n".join(self.names),
            "points": base64.b64encode((self.points * 32767).numpy().astype("<i2").tobytes()).decode(),
            "zoom": 1 / self.points.abs().amax(dim=1).quantile(0.99).item(),  # a few are far out
            "count": len(self.lab.space),
            "prompt": self.prompt,
            "picked": {},
        }

    def _about(self) -> str:
        variances = self.lab.space.principal[0]
        share = (variances[:2].sum() / variances.sum()).item()
        return (
            f"{len(self.lab.space):,} tokens on the plane in which they differ most; it has {share:.0%} of "
            "their variance: near on it need not be near"
        )

    def still(self) -> str:
        """A picture of the cloud: the more tokens at a place, the darker."""
        x, y = self.points.numpy().T
        counts, *_ = np.histogram2d(-y, x, PICTURE, range=[(-1, 1), (-1, 1)])
        pixels = np.zeros((PICTURE, PICTURE, 4), np.uint8)
        pixels[..., :3], pixels[..., 3] = (0, 114, 178), np.minimum(counts * 80, 255)
        png = io.BytesIO()
        Image.fromarray(pixels).save(png, "PNG")
        data = base64.b64encode(png.getvalue()).decode()
        return quiet(self._about()) + f'<img alt="the cloud of tokens" src="data:image/png;base64,{data}">'

    def receive(self, content: dict) -> None:
        if "pick" in content:
            self.point = content["pick"]
            self.latest.ask(partial(self._answer, self.point), "answer")
        elif "prompt" in content:
            self.latest.ask(partial(self._new_prompt, content["prompt"]), "prompt")
        elif "open" in content:
            self.latest.ask(partial(self._open, content["open"]), "open", long=True)
        else:
            self.stop()

    def vector(self, point: int) -> Tensor:
        """The vector (width,) of a token, by its row, or of a named noken, numbered after the tokens."""
        space = self.lab.space
        if point < len(space):
            return space.vectors[point].float().cpu()
        return list(self.lab.nokens.values())[point - len(space)]

    def _answer(self, point: int, check) -> None:
        """What is near a point, and what the model says with it at <noken>, token by token."""
        self.say()
        vector, space = self.vector(point), self.lab.space
        offset = vector - space.centroid.cpu()
        along = space.principal[1][:2] @ offset  # (2,)
        near = space.nearest(vector, NEAREST + 1)
        rows = zip(
            space.rows(torch.tensor(near["id"].tolist())).tolist(), near["cosine"].tolist(), strict=True
        )
        answer = {
            "point": point,
            "near": [[row, cosine] for row, cosine in rows if row != point][:NEAREST],
            "norm": vector.norm().item(),
            "off": (offset.square().sum() - along.square().sum()).clamp_min(0).sqrt().item(),
            "before": self.prompt.replace(NOKEN, "▢"),
        }
        steps = watched(self.lab, check).sample(fill(self.lab, self.prompt, vector), self.max_new_tokens)
        for _, ids in with_ids(self.lab, steps):
            self.update(picked=answer | {"text": self.lab.text(ids), "running": True})
        check()
        self.update(picked=answer | {"text": self.lab.text(ids), "running": False})

    def _new_prompt(self, prompt: str, check) -> None:
        self._set_prompt(prompt)
        self.say()
        self.update(prompt=prompt)
        if self.point is not None:
            self.latest.ask(partial(self._answer, self.point), "answer")

    def _open(self, points: list[int], check) -> None:
        """Show what the model says between two points, or three."""
        self.say("answering what lies between …")
        nokens: dict[str, Tensor] = {}
        for point in points:
            nokens[self._word(point, nokens)] = self.vector(point)
        known, words = self.lab.with_nokens(**nokens), [f"<{name}>" for name in nokens]
        lab = watched(known, check)
        if len(points) == 2:
            panel = LerpSlider(lab, *(self.prompt.replace(NOKEN, word) for word in words))
        else:
            panel = Territories(
                lab, self.prompt, plane_through(lab, words), max_new_tokens=self.max_new_tokens
            )
        panel.lab = known  # what it answers from now on, no request of the cloud ends
        self.opened.children = [panel.widget]
        self.say()

    def _word(self, point: int, taken: dict) -> str:
        """A name for a point, such as dog for the token " dog"."""
        space = self.lab.space
        if point >= len(space):
            return list(self.lab.nokens)[point - len(space)]
        name = space.text(int(space.ids[point])).strip()
        return name if name.isidentifier() and name not in {"noken", *taken} else f"token{point}"
