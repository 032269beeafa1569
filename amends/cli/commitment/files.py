"""The files that show how a promise was kept: read from disk, added, and written out again for a reviewer."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.files import whole
from amends.cli.terminal.options import As, CommitmentId, IncidentId, number
from amends.domain.base.errors import ContentError, Finding
from amends.ledger.commitment.files import NewFile, why_not_store


def read_files(paths: Iterable[Path]) -> list[NewFile]:
    """Return the files with their contents. Raises ContentError that names each one that cannot be stored."""
    from amends.content.file.codes import Code

    files, found = list[NewFile](), list[Finding]()
    for index, path in enumerate(paths):
        try:
            file = NewFile(path.name, path.read_bytes())
        except OSError as error:
            found.append(Finding(str(path), Code.UNREADABLE, error.strerror or type(error).__name__))
            continue
        if why := why_not_store(file, index):
            found.append(Finding(str(path), Code.WRONG_FORM, why))
        files.append(file)
    if found:
        raise ContentError(*found)
    return files


def file(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    name: As,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the file out here; it may hold personal data.")
    ] = None,
    which: Annotated[
        int | None, typer.Option("--number", metavar="N", parser=number, help="The file to write out; else the first.")
    ] = None,
    add: Annotated[
        list[Path], typer.Option("--add", metavar="FILE", help="Add a file to the evidence; repeat it.")
    ] = [],  # noqa: B006 - typer copies the default
) -> None:
    """List the files of evidence with their hashes, add some, or write one out; that is noted in the audit chain."""
    desk: Desk = ctx.obj
    by, files = desk.member(name).name, desk.ledger.commitment_files
    if add:
        files.add(incident, commitment, read_files(add), by, now())
    if out:
        found = files.content(incident, commitment, which or 1, by, now())
        with whole(out) as target:
            target.write(found.content)
        desk.show({"file": str(out), "name": found.name}, f"{out}: {found.name}")
        return
    given = files.all(incident, commitment)
    lines = (f"{one.number}  {one.name}, {one.size:,} bytes, by {one.by}\n   SHA-256 {one.digest}" for one in given)
    desk.show(given, "\n".join(lines) or f"{commitment} has no file")
