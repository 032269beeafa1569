"""Verbs about the people of the team."""

import hmac
import secrets
from datetime import datetime

from sqlmodel import col, select

from amends.domain.errors import AlreadyInLedger, NotAllowed
from amends.domain.team import Member, TeamRole
from amends.ledger.sealing import token_hash
from amends.ledger.store import Store
from amends.ledger.tables import MemberRow


class Team(Store):
    """Who works here, and who somebody is."""

    def add_member(self, name: str, role: TeamRole, by: str, now: datetime) -> str:
        """Add a person to the team; their token, shown this once. Raises AlreadyInLedger for a name in use."""
        token = secrets.token_urlsafe(24)
        with self.write() as write:
            if write.session.get(MemberRow, name):
                raise AlreadyInLedger(f"{name} is in the team already")
            write.session.add(MemberRow(name=name, role=role, token_hash=token_hash(token), active=True, added_at=now))
            write.note(now, "", "member added", name, actor=by, role=role)
        return token

    def remove_member(self, name: str, by: str, now: datetime) -> None:
        """The person's word counts no more, not even where it was given already and nothing has left yet."""
        with self.write() as write:
            row = write.session.get(MemberRow, name, with_for_update=True)
            if row is None or not row.active:
                raise NotAllowed(f"{name} is not in the team")
            row.active = False
            write.note(now, "", "member removed", name, actor=by)

    def members(self) -> tuple[Member, ...]:
        """Everybody who is or was in the team."""
        with self.read() as session:
            rows = session.exec(select(MemberRow).order_by(col(MemberRow.name)))
            return tuple(_member(row) for row in rows)

    def authenticate(self, name: str, token: str) -> Member:
        """The member whom this token proves. Raises NotAllowed, with the same words for a wrong name or token."""
        with self.read() as session:
            row = session.get(MemberRow, name)
        known = row.token_hash if row else b""
        if not hmac.compare_digest(known, token_hash(token)) or row is None or not row.active:
            raise NotAllowed(f"this token does not belong to {name}, or {name} is not in the team any more")
        return _member(row)


def _member(row: MemberRow) -> Member:
    return Member(name=row.name, role=TeamRole(row.role), active=row.active)
