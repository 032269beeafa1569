"""The public board of an incident's promises to everybody, read from the ledger at each visit."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from amends.domain.base.audience import EVERYONE
from amends.domain.base.errors import NotInLedger
from amends.domain.base.value import NAME
from amends.domain.incident.commitment import fate
from amends.web.portal.cache import RecentCases
from amends.web.portal.notices import NoticePages
from amends.web.portal.pages import PortalPages


class PromiseBoard:
    """The board, which shows each promise as it stands now, and evidence and reasons once a notice has said them."""

    def __init__(
        self, pages: PortalPages, notices: NoticePages, recent: RecentCases, clock: Callable[[], datetime]
    ) -> None:
        self._pages, self._notices, self._recent, self._clock = pages, notices, recent, clock

    def show(self, incident: str, locale: str) -> Response:
        """Return the board in this locale. Raises HTTPException 404 when nothing of the incident was published."""
        notice_page = self._notices.path(incident, "index", locale)
        if not (NAME.fullmatch(incident) and notice_page):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        try:
            known = self._recent.read(incident, now := self._clock())
        except NotInLedger:
            raise HTTPException(HTTPStatus.NOT_FOUND) from None
        voice = known.voice(locale)
        shown = [
            (commitment, fate(commitment, now)) for commitment in known.commitments if commitment.audience == EVERYONE
        ]
        return self._pages.show(
            "board.html",
            incident=incident,
            voice=voice,
            words=voice.words,
            organisation=known.case.incident.organisation,
            languages={one: phrases.language for one, phrases in known.wording.phrases.items()},
            commitments=shown,
            counts=Counter(state for _, state in shown),
            notice_page=notice_page,
        )
