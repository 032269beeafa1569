"""The public page of a question hour: when and where, and afterwards what was asked, with the answers."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from amends.delivery.send.postpone import zones
from amends.domain.base.errors import NotInLedger
from amends.domain.base.value import NAME
from amends.domain.feedback.hour import HourState, QuestionHour, clocks
from amends.domain.notice.wording import say_hour
from amends.ledger import Ledger
from amends.web.http.languages import best_locale, preferred
from amends.web.portal.cache import RecentCases, Voice
from amends.web.portal.pages import PortalPages

UTC_ZONE = "UTC"


class HourPages:
    """The pages of announced question hours; any other address is not found."""

    def __init__(self, ledger: Ledger, pages: PortalPages, recent: RecentCases, clock: Callable[[], datetime]) -> None:
        self._ledger, self._pages, self._recent, self._clock = ledger, pages, recent, clock

    def show(self, request: Request, incident: str, hour: str) -> Response:
        """Return the page in the chosen language, else in that of the browser. Raises HTTPException 404."""
        now = self._clock()
        try:
            found = self._find(incident, hour)
            known = self._recent.read(incident, now)
        except NotInLedger:
            raise HTTPException(HTTPStatus.NOT_FOUND) from None
        accepted, chosen = request.headers.get("accept-language", ""), request.query_params.get("lang", "")
        offered = known.locales
        locale = chosen if chosen in offered else best_locale(accepted, offered, known.case.incident.default_locale)
        voice = known.voice(locale)
        countries = [request.query_params.get("country", ""), *(one.rpartition("-")[2] for one in preferred(accepted))]
        return self._pages.show(
            "hour.html",
            headers={"Vary": "Accept-Language"},
            incident=incident,
            voice=voice,
            words=voice.words,
            organisation=known.case.incident.organisation,
            languages={one: phrases.language for one, phrases in known.wording.phrases.items()},
            hour=found,
            state=found.state(now),
            states=HourState,
            times=times(found, voice, next(filter(None, (zones("", country) for country in countries)), ())),
        )

    def _find(self, incident: str, hour: str) -> QuestionHour:
        if not (NAME.fullmatch(incident) and NAME.fullmatch(hour)):
            raise NotInLedger("no such page")
        found = self._ledger.hours.get(incident, hour)
        if found.announced_at is None:
            raise NotInLedger("not announced")
        return found


def times(hour: QuestionHour, voice: Voice, theirs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return when the hour begins on the reader's clocks, on the organisation's and in UTC, each with its place."""
    shown: dict[str, str] = {}
    for zone in (*clocks(hour.begins_at, theirs), voice.zone, UTC_ZONE):
        shown.setdefault(say_hour(voice.phrases, hour.begins_at, zone), zone)
    return tuple((zone.rpartition("/")[2].replace("_", " "), said) for said, zone in shown.items())
