"""The public page of an incident's questions and answers, read from the ledger at each visit."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from amends.domain.base.errors import NotInLedger
from amends.domain.base.value import NAME
from amends.ledger import Ledger
from amends.web.portal.cache import RecentCases, Voice
from amends.web.portal.notices import NoticePages
from amends.web.portal.pages import PortalPages


class FaqPart(NamedTuple):
    """One entry as a reader sees it, in the reader's language or in the first one that there is."""

    id: int
    question: str
    parts: tuple[str, ...]
    at: datetime | None


class FaqPage:
    """The page of questions and answers that everybody can read."""

    def __init__(
        self,
        ledger: Ledger,
        pages: PortalPages,
        notices: NoticePages,
        recent: RecentCases,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger, self._pages, self._notices, self._recent, self._clock = ledger, pages, notices, recent, clock

    def show(self, incident: str, locale: str) -> Response:
        """Return the page in this locale. Raises HTTPException 404 when nothing of the incident was published."""
        notice_page = self._notices.path(incident, "index", locale)
        if not (NAME.fullmatch(incident) and notice_page):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        try:
            known = self._recent.read(incident, self._clock())
        except NotInLedger:
            raise HTTPException(HTTPStatus.NOT_FOUND) from None
        voice = known.voice(locale)
        return self._pages.show(
            "faq.html",
            incident=incident,
            voice=voice,
            words=voice.words,
            organisation=known.case.incident.organisation,
            languages={one: phrases.language for one, phrases in known.wording.phrases.items()},
            entries=self.entries(incident, voice),
            notice_page=notice_page,
        )

    def entries(self, incident: str, voice: Voice) -> list[FaqPart]:
        """Return the public entries, the newest first."""
        found = []
        for entry in self._ledger.faq.public(incident):
            question = voice.text({locale: text.question for locale, text in entry.texts.items()})
            answer = voice.text({locale: text.answer for locale, text in entry.texts.items()})
            first = next(iter(entry.texts.values()))
            parts = tuple(part for part in (answer or first.answer).split("\n\n") if part.strip())
            found.append(FaqPart(entry.id, question or first.question, parts, entry.approved_at))
        return found
