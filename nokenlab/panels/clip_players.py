"""Players of clips: written as WAV files, shown one beside its name or behind a slider."""

import html
from collections.abc import Sequence

from torch import Tensor

from nokenlab.music.sound import wav


def keep(out, clips: Tensor, names: Sequence[str], rate: int) -> list:
    """Write each clip (clips, samples) through `out.audio`; returns their players."""
    return [out.audio(wav(clip, rate), name) for clip, name in zip(clips, names, strict=True)]


def players(audio: Sequence, labels: Sequence[str]):
    """Players, as `keep` returns them, one a line beside its label."""
    from IPython.display import HTML

    rows = [
        f'<tr><td style="text-align:left">{html.escape(label)}</td>'
        f'<td><audio controls src="{player.src_attr()}"></audio></td></tr>'
        for player, label in zip(audio, labels, strict=True)
    ]
    return HTML(f"<table>{''.join(rows)}</table>")


def slider(audio: Sequence, p: Sequence[float]):
    """A slider over p that shows the player, as `keep` returns them, of the clip at p.

    It needs no kernel: it works in a saved page too.
    """
    import ipywidgets as w

    clips = [w.Audio(value=player.data, autoplay=False, loop=False) for player in audio]
    clips = w.Stack(clips, selected_index=0)
    names = w.Stack([w.HTML(f"p = {value:g}") for value in p], selected_index=0)
    handle = w.IntSlider(min=0, max=len(audio) - 1, readout=False, description="a to b")
    for shown in (clips, names):
        w.jslink((handle, "value"), (shown, "selected_index"))
    return w.VBox([w.HBox([handle, names]), clips])
