"""Pages that stand alone: everything in one file, everything escaped."""

from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from amends.domain.base.text import minute, say
from amends.domain.base.value import some_text

FOLDER = Path(__file__).parent / "templates"


def render(name: str, **values: object) -> str:
    """The page of this name with these values."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"minute": minute, "say": say, "percent": percent, "in_english": in_english}
    return environment.get_template(name).render(**values)


def in_english(texts: dict[str, str]) -> str:
    """In the language of these pages, else in whichever there is."""
    return some_text(texts, "en")


def percent(part: float, whole: float) -> str:
    """For lengths and places in a drawing; nothing of nothing is 0."""
    return f"{100 * part / whole:.2f}" if whole else "0"


def share_of_time(at: datetime, start: datetime, end: datetime) -> float:
    """Where a moment lies between two others, from 0 to 1."""
    return (at - start) / (end - start) if end > start else 0.0
