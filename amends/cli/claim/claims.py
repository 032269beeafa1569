"""Commands for claims of compensation: read them, take one in, decide, object, and say what was paid."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.claim import payments
from amends.cli.claim.said import HEAD, in_words, parsed_time, row, tell_now, terms_of_claims, values
from amends.cli.people.person import ByNumber, ByRef, chosen_person
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.files import whole
from amends.cli.terminal.options import As, IncidentId, noun, number, place
from amends.cli.terminal.text import table
from amends.domain.base.errors import NotAllowed
from amends.domain.base.money import Money, read_money
from amends.domain.base.text import counted, minute
from amends.domain.claim.account import UnfitAccount, read_account
from amends.domain.claim.claim import OPEN_STATES, ClaimState, ClaimWay, CompensationClaim, NewClaim
from amends.domain.claim.rules import ClaimRules, ClaimVerdict, lacks_evidence

if TYPE_CHECKING:
    from amends.domain.claim.account import Account
    from amends.domain.claim.words import ClaimTerms

ClaimId = Annotated[int, typer.Argument(metavar="CLAIM", parser=number, help="The claim's number.")]
Holder = Annotated[str, typer.Option(metavar="NAME", help="The name of the account's holder.")]
AccountNumber = Annotated[str, typer.Option("--account", metavar="IBAN", help="The IBAN, or the account's number.")]
Bank = Annotated[str, typer.Option(metavar="BIC", help="The BIC, or the name or code of the bank.")]

app = noun()


@app.command("list")
def listed(
    ctx: typer.Context,
    incident: IncidentId,
    unsettled: Annotated[bool, typer.Option("--open", help="Only those that are not settled.")] = False,
    suspicious: Annotated[bool, typer.Option("--signals", help="Only those with signals of fraud.")] = False,
) -> None:
    """List the claims, the one due first in front. Signals of fraud are shown; nothing is decided by them."""
    desk: Desk = ctx.obj
    signals = desk.ledger.claims.signals(incident)
    found = desk.ledger.claims.all(incident, states=OPEN_STATES if unsettled else None)
    found = tuple(one for one in found if one.id in signals or not suspicious)
    desk.show(
        [values(one, signals.get(one.id, ())) for one in found], table(HEAD, [row(one, signals) for one in found])
    )
    if late := [one.id for one in found if one.overdue(now())]:
        desk.hint(f"overdue: {', '.join(map(str, late))}")
    if waiting := [one.id for one in found if one.state is ClaimState.RECEIVED]:
        desk.hint(f"`amends claims show {incident} {waiting[0]} --as NAME`, then `amends claims decide`")


@app.command()
def show(ctx: typer.Context, incident: IncidentId, claim: ClaimId, name: As) -> None:
    """Show one claim with its words, its account and its evidence; the audit chain names who looked."""
    desk: Desk = ctx.obj
    by = desk.member(name)
    found = desk.ledger.claims.get(incident, claim)
    desk.ledger.claims.note_shown(incident, claim, by.name, now())
    signals = desk.ledger.claims.signals(incident).get(claim, ())
    most = ""
    if found.state is ClaimState.RECEIVED:
        rules = terms_of_claims(desk, incident).rules
        minor = desk.ledger.claims.most(incident, claim, rules)
        most = str(Money(minor, found.asked.currency))
        _hint_at_evidence(desk, rules, found.asked, found.files)
    files = desk.ledger.evidence.all(incident, claim)
    desk.show(found, "\n".join(in_words(found, files, signals, most)))
    if found.source is ClaimWay.MAIL:
        desk.hint(f"files of its mail: `amends inbox files {incident}` shows those of question {found.question}")
    if files:
        desk.hint(f"`amends claims evidence {incident} {files[0].id} --to PATH --as NAME` writes a file")
    if found.state is ClaimState.LAPSED:
        desk.hint(
            f"`amends claims account {incident} {claim} --holder NAME --account IBAN --as NAME` takes it up again"
        )
    if found.state is ClaimState.RECEIVED:
        desk.hint(f"`amends claims decide {incident} {claim} --grant AMOUNT --as NAME`, or --reject --reason TEXT")


@app.command()
def add(
    ctx: typer.Context,
    incident: IncidentId,
    name: As,
    amount: Annotated[str, typer.Option(metavar="AMOUNT", help="What is asked for, as in 49.90.")],
    person: ByRef = "",
    by_number: ByNumber = None,
    question: Annotated[
        int | None, typer.Option(metavar="QUESTION", parser=number, help="The mail or question that becomes the claim.")
    ] = None,
    text: Annotated[str, typer.Option(metavar="TEXT", help="What the money was for, in the person's words.")] = "",
    holder: Holder = "",
    account: AccountNumber = "",
    bank: Bank = "",
    evidence: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A receipt: PDF, JPEG, PNG, HEIC; repeat it."),
    ] = None,
    received: Annotated[str, typer.Option(metavar="TIME", help="When it came, as in 2026-12-01T09:30+01:00.")] = "",
) -> None:
    """Take in a claim for somebody: of a mail or question (--question), or of what they said (--person, --text).

    Files that came with the mail are its evidence when they are PDF, JPEG, PNG or HEIC. Whoever enters a claim never
    decides it. The person hears at once that it has come.
    """
    from amends.cli.claim.evidence import take_evidence
    from amends.ledger import once_for

    desk: Desk = ctx.obj
    by, terms, at = desk.member(name), terms_of_claims(desk, incident), _received(received)
    if why := terms.why_late(at):
        raise NotAllowed(why)
    asked = _amount(amount, terms)
    whose, locale, said = _said_by(desk, incident, question or 0, person, by_number, text)
    once = once_for("desk claim", question or (whose, said, asked.minor, at.date()))
    found = take_evidence(desk, incident, once, question, evidence or ())
    new = NewClaim(
        person=whose,
        text=said,
        asked=asked,
        locale=locale,
        source=ClaimWay.MAIL if question else ClaimWay.DESK,
        once=once,
        at=at,
        due_at=at + terms.rules.reply_within,
        account=_account(holder, account, bank),
        files=found.files,
        question=question,
    )
    claim = desk.ledger.claims.add(incident, new, terms, now(), by.name)
    tell_now(desk, incident)
    of_mail = f", {counted(found.of_mail, 'file')} of its mail as evidence" if found.of_mail else ""
    values = {"claim": claim, "person": whose, "files": len(found.files), "left_out": found.left_out}
    desk.show(values, f"claim {claim} of person {whose} over {asked}{of_mail}")
    for file in found.left_out:
        desk.hint(f"left out of the evidence: {file}")
    _hint_at_evidence(desk, terms.rules, asked, len(found.files))
    desk.hint(f"another member decides: `amends claims decide {incident} {claim} --grant {asked.amount} --as NAME`")


def _hint_at_evidence(desk: Desk, rules: ClaimRules, asked: Money, files: int) -> None:
    if lacks_evidence(rules, asked.minor, files):
        above = Money(rules.minor("evidence_above"), asked.currency)
        desk.hint(f"it has no evidence, which is needed above {above}: it is granted with --without-evidence alone")


@app.command()
def decide(
    ctx: typer.Context,
    incident: IncidentId,
    claim: Annotated[int | None, typer.Argument(metavar="[CLAIM]", parser=number, help="The claim's number.")] = None,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Who you are in the team.")] = "",
    grant: Annotated[str, typer.Option(metavar="AMOUNT", help="Grant this much.")] = "",
    reject: Annotated[bool, typer.Option("--reject", help="Grant nothing.")] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why less, for the person, in their language.")] = "",
    without_evidence: Annotated[
        str, typer.Option(metavar="REASON", help="Why to grant it although evidence is missing, without names.")
    ] = "",
    by_rules: Annotated[bool, typer.Option("--by-rules", help="Grant all that the playbook grants by itself.")] = False,
) -> None:
    """Decide on a claim: --grant AMOUNT, or --reject, with a --reason for less than was asked for.

    Above `one_approver_up_to` two different members must say the same, and above `evidence_above` a claim needs
    evidence, or --without-evidence REASON, which stands in the audit chain. The person hears the decision at once.
    """
    desk: Desk = ctx.obj
    if by_rules:
        if claim or grant or reject or without_evidence:
            raise typer.BadParameter("--by-rules decides all that the rules can, and takes nothing else")
        count = desk.ledger.claims.decide_by_rules(incident, terms_of_claims(desk, incident), now())
        tell_now(desk, incident)
        desk.show({"granted": count}, f"{counted(count, 'claim')} granted by the rules of the playbook")
        return
    if not claim or not name or bool(grant) == reject:
        raise typer.BadParameter("name a CLAIM, either --grant AMOUNT or --reject, and --as NAME")
    by, terms = desk.member(name), terms_of_claims(desk, incident)
    verdict = ClaimVerdict(_amount(grant, terms).minor if grant else 0, reason, without_evidence)
    found = desk.ledger.claims.decide(incident, claim, verdict, terms, by, now())
    _say_decided(desk, incident, found)


def _say_decided(desk: Desk, incident: str, found: CompensationClaim) -> None:
    if found.state is ClaimState.RECEIVED:
        desk.show(values(found, ()), f"claim {found.id} waits for a second, different member who says the same")
        raise typer.Exit(Exit.WAITING)
    tell_now(desk, incident)
    desk.show(values(found, ()), f"claim {found.id} is {found.state}{f': {found.granted}' if found.granted else ''}")
    if found.state is ClaimState.GRANTED:
        what = f"`amends claims pay {incident} --as NAME` makes a payment file"
        until = f" by {minute(found.account_due_at)}, else the claim lapses" if found.account_due_at else ""
        desk.hint(what if found.account else f"the person is asked for an account{until}; then {what}")


@app.command("object")
def object_(
    ctx: typer.Context,
    incident: IncidentId,
    claim: ClaimId,
    name: As,
    why: Annotated[str, typer.Option(metavar="TEXT", help="What the person says, in their words.")] = "",
) -> None:
    """Note that the person does not agree with a decision: once, and others decide anew."""
    desk: Desk = ctx.obj
    by, terms = desk.member(name).name, terms_of_claims(desk, incident)
    due = desk.ledger.claims.object(incident, claim, why, terms, now(), by).due_at
    tell_now(desk, incident)
    desk.show({"claim": claim, "due_at": due}, f"claim {claim} is open again, to be decided until {minute(due)}")
    desk.hint("members who have not decided on it decide now")


@app.command()
def account(
    ctx: typer.Context,
    incident: IncidentId,
    claim: ClaimId,
    name: As,
    holder: Holder,
    account: AccountNumber,
    bank: Bank = "",
) -> None:
    """Note the account to which a claim is paid, also a new one after a payment came back or the claim has lapsed."""
    desk: Desk = ctx.obj
    by, rules = desk.member(name).name, terms_of_claims(desk, incident).rules
    given = _account(holder, account, bank)
    if given is None:
        raise typer.BadParameter("give --holder and --account")
    desk.ledger.claims.give_account(incident, claim, given, rules, now(), by)
    desk.show({"claim": claim}, f"the account of claim {claim} is noted")


@app.command()
def evidence(
    ctx: typer.Context,
    incident: IncidentId,
    file: Annotated[int, typer.Argument(metavar="EVIDENCE", parser=number, help="The number of the file.")],
    to: Annotated[Path, typer.Option(metavar="PATH", help="Where to write it.", parser=place)],
    name: As,
) -> None:
    """Write a file with evidence, readable by you alone. It is a stranger's: open it nowhere but apart."""
    from amends.delivery.claims import EvidenceFolder

    desk: Desk = ctx.obj
    by = desk.member(name).name
    found = desk.ledger.evidence.get(incident, file)
    content = EvidenceFolder(desk.settings.home, desk.ledger).content(incident, found)
    desk.ledger.evidence.note_opened(incident, file, by, now())
    with whole(to) as written:
        written.write(content)
    desk.show({"evidence": file, "saved": str(to)}, f"{to} has evidence {file} of claim {found.claim}")


@app.command()
def totals(ctx: typer.Context, incident: IncidentId) -> None:
    """Show the claims in numbers: asked for, granted, on its way, paid, beside the playbook's budget."""
    desk: Desk = ctx.obj
    found = desk.ledger.views.closing(incident, now()).claims
    lines = [f"{count} {state.replace('_', ' ')}" for state, count in found.claims.items()]
    sums = ("asked", "granted", "in_payment", "paid")
    lines += [f"{what.replace('_', ' ')}: {found.money(getattr(found, what))}" for what in sums]
    if found.budget is not None:
        left = found.budget - found.granted
        lines.append(f"budget: {found.money(found.budget)}, of which {found.money(left)} are left")
    if found.overdue:
        lines.append(f"overdue: {found.overdue}")
    desk.show(found, "\n".join(lines))


app.command()(payments.pay)
app.command()(payments.paid)


def _amount(text: str, terms: "ClaimTerms") -> Money:
    try:
        return read_money(text.removesuffix(terms.rules.currency).strip(), terms.rules.currency)
    except ValueError as error:
        raise typer.BadParameter(f"{text[:40]!r}: {error}; claims are in {terms.rules.currency}") from None


def _account(holder: str, number: str, bank: str) -> "Account | None":
    if not (holder or number or bank):
        return None
    try:
        return read_account(holder, number, bank)
    except UnfitAccount as error:
        raise typer.BadParameter(f"--{error.field}: {error}") from None


def _received(text: str) -> datetime:
    try:
        return parsed_time(text, now()) if text else now()
    except ValueError as error:
        raise typer.BadParameter(f"--received: {error}") from None


def _said_by(
    desk: Desk, incident: str, question: int, person: str, by_number: int | None, text: str
) -> tuple[int, str, str]:
    """Return the person, the locale and the words of a claim. Raises BadParameter."""
    named = bool(person or by_number)
    if bool(question) == (named or bool(text)):
        raise typer.BadParameter("say either --question, or --person with --text")
    if not question:
        if not (named and text.strip()):
            raise typer.BadParameter("a claim needs --person and --text: what the money was for")
        whose = chosen_person(desk.ledger, incident, person, by_number)
        return whose, desk.ledger.people.get(incident, whose).locale, text
    found = desk.ledger.questions.get(incident, question)
    if found.person is None:
        raise NotAllowed(f"nobody knows who asked question {question}: take the claim in with --person and --text")
    return found.person, found.locale, found.text
