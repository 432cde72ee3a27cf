"""Players of clips: written as WAV files, shown beside their names or behind a slider."""

import html
from collections.abc import Sequence
from pathlib import Path

from IPython.display import HTML, Audio
from torch import Tensor

from nokenlab.panels import face
from workbook.fuzz_the_music.sound import wav

SLIDER = str(Path(__file__).with_name("clip_slider"))


def keep(out, clips: Tensor, names: Sequence[str], rate: int) -> list[Audio]:
    """Write each clip (clips, samples) through `out.audio`; returns their players."""
    return [out.audio(wav(clip, rate), name) for clip, name in zip(clips, names, strict=True)]


def players(audio: Sequence[Audio], labels: Sequence[str]) -> HTML:
    """Players, as `keep` returns them, one per line beside its label."""
    rows = [
        f'<tr><td style="text-align:left">{html.escape(label)}</td>'
        f'<td><audio controls src="{player.src_attr()}"></audio></td></tr>'
        for player, label in zip(audio, labels, strict=True)
    ]
    return HTML(f"<table>{''.join(rows)}</table>")


def slider(audio: Sequence[Audio], p: Sequence[float]) -> HTML:
    """A slider over p that shows the player, as `keep` returns them, of the clip at p. It needs no kernel."""
    table = players(audio, [f"p = {value:g}" for value in p]).data
    return HTML(face.page(SLIDER, table))
