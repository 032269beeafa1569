"""Verbs about the people of the team."""

import hmac
import secrets
from datetime import datetime
from unicodedata import category

from sqlmodel import Session, col, select

from amends.domain.base.errors import AlreadyInLedger, NotAllowed
from amends.domain.base.text import minute
from amends.domain.team.approval import why_not_deputy
from amends.domain.team.member import Member, TeamRole
from amends.ledger.store.encryption import token_hash
from amends.ledger.store.session import ENGINE, Store
from amends.ledger.store.tables import MemberRow

LONGEST_NAME = 100
UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Kinds of characters that show nothing, break lines or turn the text around."""
JOINERS = "\u200c\u200d"
"""Of that kind, yet part of how Persian and several Indian scripts write a name."""


class Team:
    """Who works here, and who somebody is."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, name: str, role: TeamRole, by: str, now: datetime) -> str:
        """Add a person to the team; their token, shown this once.

        Raises NotAllowed for what is no name, AlreadyInLedger for one in use, be it in other capitals.
        """
        _refuse_what_is_no_name(name)
        token = secrets.token_urlsafe(24)
        with self._store.write() as write:
            _refuse_name_in_use(write.session, name)
            write.session.add(MemberRow(name=name, role=role, token_hash=token_hash(token), active=True, added_at=now))
            write.note(now, "", "member added", name, actor=by, role=role)
        return token

    def remove(self, name: str, by: str, now: datetime) -> None:
        """The person's word counts no more, not even where it was given already and nothing has left yet."""
        with self._store.write() as write:
            row = write.session.get(MemberRow, name, with_for_update=True)
            if row is None or not row.active:
                raise NotAllowed(f"{name} is not in the team")
            row.active = False
            write.note(now, "", "member removed", name, actor=by)

    def delegate(self, name: str, to: str, until: datetime, now: datetime) -> None:
        """Until then this deputy may give the member's word; a deputy before is none any more.

        Raises NotAllowed when one of the two could not approve anything themselves, and when it would make a chain.
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
        """The member speaks for themselves again. Raises NotAllowed when they did all the time."""
        with self._store.write() as write:
            (row,) = _locked(write.session, name)
            deputy = next(one.deputy_at(now) for one in team(write.session) if one.name == name)
            if not deputy:
                raise NotAllowed(f"nobody stands in for {name}")
            row.deputy, row.deputy_until = "", None
            write.note(now, "", "word taken back", name, actor=by, from_=deputy)

    def set_contact(self, name: str, address: str, by: str, now: datetime) -> None:
        """Where the member is reminded, as Apprise writes it; empty for nowhere. Kept sealed: it holds passwords."""
        with self._store.write() as write:
            (row,) = _locked(write.session, name)
            row.sealed_contact = self._store.keys.team_seal.close(address, _contact_of(name)) if address else None
            write.note(now, "", "contact set" if address else "contact removed", name, actor=by)

    def contact(self, name: str) -> str:
        """Where the member is reminded; empty when nobody has said so. A secret: never log or print it."""
        with self._store.read() as session:
            row = session.get(MemberRow, name)
            sealed = row.sealed_contact if row and row.active else None
        return self._store.keys.team_seal.open(sealed, _contact_of(name)) if sealed else ""

    def members(self) -> tuple[Member, ...]:
        """Everybody who is or was in the team."""
        with self._store.read() as session:
            return team(session)

    def authenticate(self, name: str, token: str) -> Member:
        """The member whom this token proves. Raises NotAllowed, with the same words for a wrong name or token."""
        with self._store.read() as session:
            row = session.get(MemberRow, name)
        known = row.token_hash if row else b""
        if not hmac.compare_digest(known, token_hash(token)) or row is None or not row.active:
            raise NotAllowed(f"this token does not belong to {name}, or {name} is not in the team any more")
        return as_member(row)


def _refuse_what_is_no_name(name: str) -> None:
    """Raises NotAllowed: a name stands in approvals for ever, so it must be seen there whole and mean one person."""
    if not name.strip():
        raise NotAllowed("the name is empty; write who it is, and look whether a variable of your shell is not set")
    if name != name.strip():
        raise NotAllowed(f"the name {name!r} begins or ends with a blank; leave it out")
    if any(category(character) in UNSEEN and character not in JOINERS for character in name):
        raise NotAllowed(f"the name {name!a} holds a line break or another character that nobody sees; leave it out")
    if len(name) > LONGEST_NAME:
        raise NotAllowed(f"the name has {len(name)} characters; {LONGEST_NAME} are the most")
    if name.casefold() == ENGINE:
        raise NotAllowed(f"{ENGINE} is how the audit chain names the program itself; take the person's own name")


def _refuse_name_in_use(session: Session, name: str) -> None:
    """Raises AlreadyInLedger."""
    alike = [known for known in session.exec(select(MemberRow.name)) if known.casefold() == name.casefold()]
    if name in alike:
        raise AlreadyInLedger(f"{name} is in the team already")
    if alike:
        raise AlreadyInLedger(f"{alike[0]} is in the team already, and {name} differs only in capitals; add a surname")


def _locked(session: Session, *names: str) -> list[MemberRow]:
    """The rows of these members until the transaction ends. Raises NotAllowed for who is not in the team.

    In one order for all, so that two who delegate to each other at once do not wait for each other for ever.
    """
    rows = {name: session.get(MemberRow, name, with_for_update=True) for name in sorted(names)}
    found = [row for name in names if (row := rows[name]) and row.active]
    if len(found) < len(names):
        missing = next(name for name in names if name not in {row.name for row in found})
        raise NotAllowed(f"{missing} is not in the team")
    return found


def _contact_of(name: str) -> str:
    """The place that a contact is sealed for."""
    return f"member:contact:{name}"


def team(session: Session) -> tuple[Member, ...]:
    """Everybody who is or was in the team; who left stands in for nobody, and nobody for them."""
    rows = session.exec(select(MemberRow).order_by(col(MemberRow.name))).all()
    here = {row.name for row in rows if row.active}
    members = map(as_member, rows)
    return tuple(one if {one.name, one.deputy} <= here else one.model_copy(update=ALONE) for one in members)


ALONE = {"deputy": "", "deputy_until": None}
"""Of a member who speaks for themselves."""


def as_member(row: MemberRow) -> Member:
    """The row as a value, also with a word that was given to somebody who left since."""
    return Member(
        name=row.name,
        role=TeamRole(row.role),
        active=row.active,
        deputy=row.deputy,
        deputy_until=row.deputy_until,
        can_be_reached=row.sealed_contact is not None,
    )
