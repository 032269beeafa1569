"""The case as the team watches it: with everything that waits for a person, and what people contact us about."""

from amends.domain.case.views.closing import ClosingView
from amends.domain.feedback.load.load import ContactDay
from amends.domain.feedback.queue.gaps import ManyAsked
from amends.domain.incident.alert import Alert
from amends.domain.incident.stops import StoppedDomain, StoppedSend
from amends.domain.people.person import MailboxRuling


class TimelineView(ClosingView):
    """A case with all that a timeline tells of it."""

    alerts: tuple[Alert, ...] = ()
    alarms: frozenset[str] = frozenset()
    """The keys of the alarms that Prefect was told of."""
    mailboxes: MailboxRuling | None = None
    """The decision on mailboxes that several people share, or None as long as nobody has decided."""
    stopped_sends: tuple[StoppedSend, ...] = ()
    stopped_domains: tuple[StoppedDomain, ...] = ()
    leaks: tuple[int, ...] = ()
    """The questions without an answer that hold contact data of other people of the list."""
    many_asked: tuple[ManyAsked, ...] = ()
    """The questions that so many people ask that the next update must speak of them, see the playbook's `gap_at`."""
    contacts: tuple[ContactDay, ...] = ()
    """The contacts of each day that had any, in the organisation's time zone."""
