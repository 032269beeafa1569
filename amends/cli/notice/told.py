"""The command `amends told`: each statement with the number of people told, and whether it is wrong by now."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import AsLooker, IncidentId, number_or_none
from amends.cli.terminal.text import fitted
from amends.domain.base.errors import NotInLedger
from amends.domain.base.text import counted, minute
from amends.domain.incident.incident import StatementKey

if TYPE_CHECKING:
    from amends.domain.notice.statement import Statement
    from amends.domain.notice.told import Heard, ToldValue
    from amends.ledger import Ledger

OF_PERSON = "told --person"
HEAD = ("statement", "what was said", "people", "uncertain", "public", "first", "last", "notices", "by now")
HEARD = ("when", "notice", "channel", "state", "statements")


def told(
    ctx: typer.Context,
    incident: IncidentId,
    statement: Annotated[
        str, typer.Option(metavar="KEY", help="Only statements about this, such as people or commitment:audit.")
    ] = "",
    person: Annotated[
        int | None, typer.Option(metavar="PERSON", parser=number_or_none, help="What this person was told.")
    ] = None,
    name: AsLooker = "",
) -> None:
    """Say what people were told, to how many, and what is wrong by now.

    A message that may have arrived counts, and is counted as uncertain too; one that came back does not count.
    """
    desk: Desk = ctx.obj
    if person is not None:
        by = desk.looker(name, OF_PERSON)
        desk.ledger.people.get(incident, person)
        desk.looked(incident, by, f"person {person}", person)
        heard = desk.ledger.told.person(incident, person)
        desk.show([_as_heard(one) for one in heard], _heard(heard))
        return
    from amends.domain.notice.told import by_statement

    made = by_statement(desk.ledger.told.sayings(incident))
    chosen = [one for one in made if statement in ("", one.statement.key)]
    if statement and not chosen:
        raise NotInLedger(_nothing_about(statement, made))
    rows = list(_rows(desk.ledger, incident, chosen))
    desk.show([dict(zip(HEAD, row, strict=True)) for row in rows], fitted(HEAD, rows))


def _nothing_about(key: str, made: Iterable["ToldValue"]) -> str:
    about = ", ".join(dict.fromkeys(one.statement.key for one in made)) or "nothing yet"
    return f"nobody was told anything about {key}; people were told about {about}"


def _rows(ledger: "Ledger", incident: str, made: Sequence["ToldValue"]) -> Iterable[tuple[Any, ...]]:
    from amends.domain.notice.statement import stated_by

    case = ledger.cases.read(incident)
    known = stated_by(case.incident, case.audience.people)
    for one in made:
        people, uncertain = ledger.told.people(incident, [text.saying for text in one.personal])
        by_now = _by_now(one, known)
        public = "yes" if one.public else "no"
        said = f"{one.statement.value} ({one.statement.certainty})"
        yield (
            one.statement.key,
            said,
            people,
            uncertain,
            public,
            minute(one.first),
            minute(one.last),
            ", ".join(one.notices),
            by_now,
        )


def _by_now(told: "ToldValue", known: Mapping[str, "Statement"]) -> str:
    """Return whether the statement is wrong by what is known, or "" where that is nothing to be asked of it.

    A person's own data elements are held against the list, and a commitment has notices of its own.
    """
    from amends.domain.notice.statement import CAN_BE_WRONG, contradicts

    key, own_data = told.statement.key, told.statement.key == StatementKey.ELEMENTS and not told.public
    if key not in CAN_BE_WRONG or own_data:
        return ""
    now = known.get(key)
    return f"wrong: {now.value or now.certainty}" if now and contradicts(told.statement, now) else "stands"


def _heard(heard: Sequence["Heard"]) -> str:
    rows = [
        (minute(one.at), f"{one.saying.notice} v{one.saying.version}", one.saying.channel, one.state, _statements(one))
        for one in heard
    ]
    return f"{fitted(HEARD, rows)}\n{counted(len(rows), 'message')}"


def _statements(one: "Heard") -> str:
    return "; ".join(f"{key}: {said.value}" for key, said in one.saying.statements.items())


def _as_heard(one: "Heard") -> dict[str, Any]:
    return {
        "at": one.at,
        "notice": one.saying.notice,
        "version": one.saying.version,
        "channel": one.saying.channel,
        "text": one.saying.name,
        "state": one.state,
        "statements": {key: said.value for key, said in one.saying.statements.items()},
    }
