"""Figures from tables: along the way between two prompts, and token by token."""

from .style import MARKERS, OKABE_ITO, figure, shown, wrap  # noqa: F401
