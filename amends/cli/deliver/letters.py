"""The command `amends letters`: paper letters for people whom no other channel reaches.

Lists for a print shop, and letters that the post brought back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.law.substitute import as_values, hint_at_publishing, in_words, substitutes
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import IncidentId, NoticeId, number
from amends.domain.base.text import counted
from amends.domain.notice.notice import Slot

if TYPE_CHECKING:
    from amends.cli.deliver.letter_files import PaperLetter
    from amends.domain.law.substitute import SubstituteDue
    from amends.domain.team.member import Member
    from amends.ledger import Ledger
    from amends.ledger.deliver.letters import LetterBatch, Moved, PrintedFrom, Returned

RETURNED = "letters --returned"
WHO_NOTES = "say with --as NAME who notes that the letter came back"
NAMED = 20
"""People named in one line; --json has all of them."""


def letters(
    ctx: typer.Context,
    incident: IncidentId,
    notice: NoticeId,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", file_okay=False, help="Hand over all letters that wait: write them into this folder."
        ),
    ] = None,
    again: Annotated[
        int | None, typer.Option(metavar="N", parser=number, help="With --out: write batch N once more, nothing new.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="With --out: also write the letters as pages to print.")] = False,
    returned: Annotated[
        str, typer.Option(metavar="REF", help="The post brought back the letter with this reference.")
    ] = "",
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who does it; needed with --out and --returned.")
    ] = "",
) -> None:
    """Hand paper letters to a print shop; note those that came back.

    Without options it says how they stand. A letter has the text of the email that was approved. Each is handed over
    once; --again writes its batch anew.
    """
    desk: Desk = ctx.obj
    if wrong := _conflict(out, again, pdf=pdf, returned=returned, name=name):
        raise typer.BadParameter(wrong)
    if not returned:
        desk.ledger.notices.latest_draft(incident, notice)  # raises for an unknown notice before anything is written
    if out:
        _hand_over(desk, incident, notice, out, again, pdf=pdf, by=desk.member(name))
        return
    if returned:
        _record_returned(desk, incident, notice, returned, desk.member_if_any(name, WHO_NOTES, RETURNED))
    due = substitutes(desk, incident, notice, desk.ledger.statistics.numbers(incident, notice))
    if not returned:
        _status(desk, incident, notice, due)
    for one in due:
        desk.hint(in_words(one))
    hint_at_publishing(desk, incident, due)


def _record_returned(desk: Desk, incident: str, notice: str, reference: str, by: str) -> None:
    found = desk.ledger.letters.returned(incident, notice, reference, now(), by)
    desk.show(
        {**asdict(found), "state": "bounced"},
        f"the letter to person {found.person} came back; {_what_follows(incident, notice, found)}",
    )


def _what_follows(incident: str, notice: str, found: "Returned") -> str:
    if found.in_doubt:
        again = f"`amends deliver {incident} {notice} --again {found.person} --as NAME`"
        return f"what they get instead may have left before a backup was restored: {again} sends it"
    return "they are written to elsewhere" if found.handed_over else "nothing new is sent to them"


def _conflict(out: Path | None, again: int | None, *, pdf: bool, returned: str, name: str) -> str:
    """Return why these options make no sense together, or an empty text."""
    if out and returned:
        return "--out hands letters over and --returned takes one back: call it twice"
    if (again is not None or pdf) and not out:
        return "--again and --pdf write files: say with --out DIR where"
    return "say with --as NAME who hands the letters over" if out and not name else ""


def _hand_over(
    desk: Desk, incident: str, notice: str, out: Path, again: int | None, *, pdf: bool, by: "Member"
) -> None:
    """Hand over the waiting letters as a batch, or write a batch once more.

    All checks come before the batch is recorded; afterwards its files can be written as often as needed.
    """
    from amends.cli.deliver.letter_files import private_folder, require_typst

    private_folder(out)
    if pdf:
        require_typst("".join(text.text for text in desk.ledger.notices.latest_draft(incident, notice).variants))
    batch = (
        desk.ledger.letters.take(incident, notice, by, now())
        if again is None
        else desk.ledger.letters.take_again(incident, notice, again, by, now())
    )
    if batch is None:
        desk.show({"batch": None, "letters": 0, "moved": [], "files": []}, "no letter waits that could be handed over")
        _status_hint(desk, incident, notice)
        return
    desk.hint(  # before the files are written, which may fail
        f"if the files are lost: `amends letters {incident} {notice} --out DIR --again {batch.number} --as NAME`; "
        "delete them when the print shop has them"
    )
    files, written = _write(desk, incident, notice, batch, out, pdf=pdf)
    moved = desk.ledger.letters.moved_since(incident, notice, batch.number)
    of_all = f" of the {batch.letters}" if written < batch.letters else ""
    desk.show(
        {"batch": batch.number, "letters": batch.letters, "written": written, "moved": moved, "files": files},
        f"batch {batch.number}: {counted(written, 'letter')}{of_all}\n" + "\n".join(map(str, files)),
    )
    _hint_at_moved(desk, incident, notice, moved)
    _status_hint(desk, incident, notice)


def _hint_at_moved(desk: Desk, incident: str, notice: str, moved: Sequence["Moved"]) -> None:
    """Say which letters were left out, and what a person can do about them; nothing when none were."""
    if moved:
        who = ", ".join(f"person {one.person} ({one.reference})" for one in moved[:NAMED])
        have = counted(len(moved), "letter has", "letters have")
        desk.hint(
            f"left out, because by a corrected list {have} another address, or none: {who}"
            f"{', …' if len(moved) > NAMED else ''}; of one that never left or came back say "
            f"`amends letters {incident} {notice} --returned REF`, and a letter to the new address waits"
        )


def _write(
    desk: Desk, incident: str, notice: str, batch: "LetterBatch", out: Path, *, pdf: bool
) -> tuple[list[Path], int]:
    """Write the batch's files; return their paths and how many letters are in them."""
    from amends.cli.deliver.letter_files import write_letters

    source = desk.ledger.letters.printed_from(incident, notice, batch.number)
    letters = paper_letters(desk.ledger, source, batch.number, desk.settings.public_url)
    return write_letters(out, batch.number, letters, source.draft.dated, pdf=pdf)


def paper_letters(ledger: "Ledger", source: "PrintedFrom", batch: int, public_url: str) -> Iterator["PaperLetter"]:
    """Yield every letter of a batch, with the text of the email that the person cannot get."""
    from amends.cli.deliver.letter_files import PaperLetter
    from amends.delivery.compose import Composer
    from amends.delivery.markdown import blocks_of
    from amends.domain.base.link_code import on_paper
    from amends.domain.base.value import text_for
    from amends.domain.draft.writer import Links
    from amends.domain.notice.wording import say_date
    from amends.ledger.deliver.letters import reference_of

    draft, organisation, links = source.draft, source.incident.organisation, Links(public_url)
    composer = Composer(source.incident, draft, source.wording, links)
    for claim in ledger.letters.of_batch(draft.incident, draft.notice, batch):
        to, link = claim.to, on_paper(claim.link)
        if to is None:
            continue
        message = composer.on_paper(claim._replace(link=link))
        address = " ".join(text_for(organisation.contacts.postal_address, message.locale).split())
        yield PaperLetter(
            name=message.values[Slot.NAME],
            address=to.postal_address,
            locale=message.locale,
            subject=message.subject,
            blocks=blocks_of(message.html),
            link=links.personal.replace(Slot.PERSONAL_LINK.mark, link),
            reference=reference_of(claim.key),
            sender=" · ".join(filter(None, (message.sender, address))),
            date=say_date(source.wording.phrases[message.locale], draft.dated, organisation.timezone),
        )


def _status(desk: Desk, incident: str, notice: str, due: Sequence["SubstituteDue"]) -> None:
    draft = desk.ledger.notices.latest_draft(incident, notice)
    waiting, batches = desk.ledger.letters.to_print(incident, notice), desk.ledger.letters.batches(incident, notice)
    lines = [f"{waiting} letters wait to be handed over"]
    lines += [f"batch {batch.number}: {batch.letters} letters, {batch.returned} came back" for batch in batches]
    substitute = [as_values(one) for one in due]
    desk.show({"waiting": waiting, "batches": batches, "substitute": substitute}, "\n".join(lines))
    if not any(kind.printed for kind in draft.cascade):
        desk.hint(f"{notice} has no letter in its cascade, so nobody gets one")
    elif not waiting and not batches:
        desk.hint("no letter was needed so far: it comes last in the cascade, for whoever has a postal address")
    _status_hint(desk, incident, notice)


def _status_hint(desk: Desk, incident: str, notice: str) -> None:
    if waiting := desk.ledger.letters.to_print(incident, notice):
        desk.hint(
            f"{waiting} wait: `amends letters {incident} {notice} --out DIR --as NAME`; one that waits even then is of "
            "a wave that has not begun, or has no approved text for where the person lives"
        )
