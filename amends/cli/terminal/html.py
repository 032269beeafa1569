"""Standalone pages: everything in one file, everything escaped."""

from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from amends.domain.base.text import minute, say
from amends.domain.base.value import some_text
from amends.domain.feedback.survey.text import in_short, result_tables
from amends.domain.review import figure_lines

FOLDER = Path(__file__).parent / "templates"


def render(name: str, **values: object) -> str:
    """Return the template of this name, filled with these values."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"minute": minute, "say": say, "percent": percent, "in_english": in_english}
    environment.filters |= {"survey_in_short": in_short, "survey_tables": result_tables, "figure_lines": figure_lines}
    return environment.get_template(name).render(**values)


def in_english(texts: dict[str, str]) -> str:
    """Return the text in English, the language of these pages, or in another language when there is no English."""
    return some_text(texts, "en")


def percent(part: float, whole: float) -> str:
    """Return the part in percent, for lengths and places in a drawing; 0 when the whole is 0."""
    return f"{100 * part / whole:.2f}" if whole else "0"


def share_of_time(at: datetime, start: datetime, end: datetime) -> float:
    """Return where a moment lies between two others, from 0 to 1; 0 when the two are no time apart."""
    return (at - start) / (end - start) if end > start else 0.0
