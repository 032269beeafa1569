"""Reading of the form of the European Data Protection Board, and of what each duty's content codes ask for."""

from pathlib import Path

from amends.content.file.binding import bind
from amends.content.file.document import read_document
from amends.content.file.shipped import library
from amends.domain.filing.form import Contents, Form


def read_form(folder: Path | None = None) -> Form:
    """Return the shipped form, or the form of another folder. Raises ContentError."""
    forms = folder or library() / "duties" / "forms"
    contents = bind(read_document(forms / "content.yaml"), Contents)
    return bind(read_document(forms / "edpb-2026.yaml"), Form).model_copy(update={"contents": contents})
