"""The case as whoever writes to people needs it: who said what, and what people were told and asked."""

from amends.domain.case.case import Case
from amends.domain.feedback.queue.gaps import ManyAsked
from amends.domain.feedback.survey.survey import SurveyResults
from amends.domain.incident.incident import News


class DraftView(Case):
    """A case with what the text of a notice says beyond the incident file, and whose words the notice rests on."""

    author: str
    """The member who handed in the current version of the incident file, or of the list of people."""
    earlier_authors: tuple[str, ...] = ()
    """Members who handed in earlier versions, parts of which may still be in force."""
    worded_by: dict[str, str] = {}
    """By commitment, the member who gave its evidence or its reason, where there is one."""
    news_told: tuple[News, ...] = ()
    """The news of the incident file of which all have been told."""
    surveys: tuple[SurveyResults, ...] = ()
    """The results of surveys by invitation, the first invitation first."""
    many_asked: tuple[ManyAsked, ...] = ()
    """The questions that so many people ask that the next update must speak of them, see the playbook's `gap_at`."""

    @property
    def authors(self) -> tuple[str, ...]:
        """Return the members who wrote something that the notices rest on, and so can approve none of them."""
        return (self.author, *self.earlier_authors)

    def earlier_authors_about(self, commitment: str) -> tuple[str, ...]:
        """Return the other authors of a notice about this commitment, among them the one who gave its evidence."""
        added = self.worded_by.get(commitment, self.author)
        return tuple(sorted({*self.earlier_authors, added} - {self.author}))
