"""The team in the ledger: add, remove and authenticate members, and record their deputies and contacts."""

import hmac
import secrets
from datetime import datetime
from unicodedata import category, normalize

from sqlmodel import Session, col, select

from amends.domain.base.errors import AlreadyInLedger, NotAllowed
from amends.domain.base.look_alikes import mixes_look_alikes, spelled_alike
from amends.domain.base.text import minute
from amends.domain.team.approval import why_not_deputy
from amends.domain.team.member import FROM_PREFECT, Member, TeamRole
from amends.ledger.store.encryption import token_hash
from amends.ledger.store.session import ENGINE, Store
from amends.ledger.tables.declared import place
from amends.ledger.tables.team import MemberRow

LONGEST_NAME = 100
UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""The Unicode categories of characters that are invisible, break lines or change the direction of the text."""
JOINERS = "\u200c\u200d"
"""Two characters of these categories that are allowed: Persian and several Indian scripts need them in names."""
ALONE = {"deputy": "", "deputy_until": None}
"""The values of a member without a deputy."""


class Team:
    """The team of the ledger: its members, with their tokens, deputies and contacts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, name: str, role: TeamRole, by: str, now: datetime) -> str:
        """Add a member to the team, and return the member's token, which is shown only this once.

        Raises NotAllowed for an invalid name, AlreadyInLedger for a name in use, even in other capitals.
        """
        _refuse_invalid_name(name)
        token = secrets.token_urlsafe(24)
        with self._store.write() as write:
            _refuse_name_in_use(write.session, name)
            write.session.add(MemberRow(name=name, role=role, token_hash=token_hash(token), active=True, added_at=now))
            write.note(now, "", "member added", name, actor=by, role=role)
        return token

    def remove(self, name: str, by: str, now: datetime) -> None:
        """Remove a member from the team. Raises NotAllowed for a name that is not in the team.

        The member's approvals become void, also those given earlier for notices of which nothing was sent yet.
        """
        with self._store.write() as write:
            row = write.session.get(MemberRow, name, with_for_update=True)
            if row is None or not row.active:
                raise NotAllowed(f"{name} is not in the team")
            row.active = False
            write.note(now, "", "member removed", name, actor=by)

    def delegate(self, name: str, to: str, until: datetime, now: datetime) -> None:
        """Let a deputy approve in the member's place until this time; the deputy replaces an earlier one.

        Raises NotAllowed when the member or the deputy may not approve, and when deputies would form a chain.
        """
        with self._store.write() as write:
            row, *_ = _locked(write.session, name, to)
            known = {one.name: one for one in team(write.session)}
            speaks_for = [one.name for one in known.values() if one.deputy_at(now) == name]
            if refusal := why_not_deputy(known[name], known[to], speaks_for, until, now):
                raise NotAllowed(refusal)
            row.deputy, row.deputy_until = to, until
            write.note(now, "", "word delegated", name, actor=name, to=to, until=minute(until))

    def end_delegation(self, name: str, by: str, now: datetime) -> None:
        """End the delegation of a member's approvals. Raises NotAllowed when the member has no deputy."""
        with self._store.write() as write:
            (row,) = _locked(write.session, name)
            deputy = next(one.deputy_at(now) for one in team(write.session) if one.name == name)
            if not deputy:
                raise NotAllowed(f"nobody stands in for {name}")
            row.deputy, row.deputy_until = "", None
            write.note(now, "", "word taken back", name, actor=by, from_=deputy)

    def set_contact(self, name: str, address: str, by: str, now: datetime) -> None:
        """Store the address for the member's reminders, an Apprise URL, or remove it when it is empty.

        The address is sealed, because it holds passwords. Raises NotAllowed for a name that is not in the team.
        """
        with self._store.write() as write:
            (row,) = _locked(write.session, name)
            seal = self._store.current_keys(write.session).team_seal
            row.sealed_contact = seal.close(address, contact_of(name)) if address else None
            write.note(now, "", "contact set" if address else "contact removed", name, actor=by)

    def contact(self, name: str) -> str:
        """Return the address for the member's reminders, or empty without one. A secret: never log or print it."""
        with self._store.read() as session:
            row = session.get(MemberRow, name)
            sealed = row.sealed_contact if row and row.active else None
            seal = self._store.current_keys(session).team_seal
        return seal.open(sealed, contact_of(name)) if sealed else ""

    def members(self) -> tuple[Member, ...]:
        """Return all present and former members, as `team` does."""
        with self._store.read() as session:
            return team(session)

    def authenticate(self, name: str, token: str) -> Member:
        """Return the member to whom the token belongs.

        Raises NotAllowed, in the same words for a wrong name as for a wrong token.
        """
        with self._store.read() as session:
            row = session.get(MemberRow, name)
        known = row.token_hash if row else b""
        if not hmac.compare_digest(known, token_hash(token)) or row is None or not row.active:
            raise NotAllowed(f"this token does not belong to {name}, or {name} is not in the team any more")
        return as_member(row)


def _refuse_invalid_name(name: str) -> None:
    """Raise NotAllowed for a name that cannot be seen whole, or could be mistaken for the program itself.

    A name stands in approvals for ever, and must mean one person there.
    """
    if not name.strip():
        raise NotAllowed("the name is empty; write who it is, and look whether a variable of your shell is not set")
    if name != name.strip():
        raise NotAllowed(f"the name {name!r} begins or ends with a blank; leave it out")
    if any(category(character) in UNSEEN and character not in JOINERS for character in name):
        raise NotAllowed(f"the name {name!a} holds a line break or another character that nobody sees; leave it out")
    if normalize("NFKC", name) != name:
        raise NotAllowed(f"the name {name!a} has full-width or composed letters; write {normalize('NFKC', name)}")
    if mixes_look_alikes(name):
        raise NotAllowed(f"the name {name!a} mixes letters of several scripts that look alike; write it in one")
    if len(name) > LONGEST_NAME:
        raise NotAllowed(f"the name has {len(name)} characters; {LONGEST_NAME} are the most")
    if (own := spelled_alike(name)) in (ENGINE, FROM_PREFECT):
        raise NotAllowed(f"{own} is how the audit chain names the program itself; take the person's own name")


def _refuse_name_in_use(session: Session, name: str) -> None:
    """Raise AlreadyInLedger for a name that a present or former member has, even in letters that look the same."""
    spelled = spelled_alike(name)
    alike = [known for known in session.exec(select(MemberRow.name)) if spelled_alike(known) == spelled]
    if name in alike:
        raise AlreadyInLedger(f"{name} is in the team already")
    if alike:
        what = "capitals" if alike[0].casefold() == name.casefold() else "letters that look the same"
        raise AlreadyInLedger(f"{alike[0]} is in the team already, and {name} differs only in {what}; add a surname")


def _locked(session: Session, *names: str) -> list[MemberRow]:
    """Lock and return the rows of these members until the transaction ends. Raises NotAllowed for any other name.

    All callers lock in one order, so that two members who delegate to each other at once cause no deadlock.
    """
    rows = {name: session.get(MemberRow, name, with_for_update=True) for name in sorted(names)}
    found = [row for name in names if (row := rows[name]) and row.active]
    if len(found) < len(names):
        missing = next(name for name in names if name not in {row.name for row in found})
        raise NotAllowed(f"{missing} is not in the team")
    return found


def contact_of(name: str) -> str:
    """Return the place for which a member's contact is sealed."""
    """Return the place for which a member's contact is sealed."""
    return place("member", "contact", name)


def team(session: Session) -> tuple[Member, ...]:
    """Return all present and former members; a former member neither is nor has a deputy."""
    rows = session.exec(select(MemberRow).order_by(col(MemberRow.name))).all()
    here = {row.name for row in rows if row.active}
    members = map(as_member, rows)
    return tuple(
        member if {member.name, member.deputy} <= here else member.model_copy(update=ALONE) for member in members
    )


def as_member(row: MemberRow) -> Member:
    """Return the member of a row, even with a deputy who has left the team since."""
    return row.as_value(Member, can_be_reached=row.sealed_contact is not None)
