"""Alerts: what a person must look at, known by its kind, subject and window, whatever its words."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class AlertKind(StrEnum):
    """A kind of alert, with what its subject and its window are."""

    # Sending.
    SEND_STOPPED = "send_stopped"
    """A notice and the part of its send; the minute, or the day of a trouble that passes by itself."""
    SEND_PAUSED = "send_paused"
    """A notice whose send passed a limit, with the channel if one is to blame; the minute."""
    SEND_CLOSE_TO_LIMIT = "send_close_to_limit"
    """A notice; the day."""
    CLOCK_JUMPED = "clock_jumped"
    """A notice whose send stopped; the minute."""
    CHANNEL_STOPPED = "channel_stopped"
    """A kind of outgoing messages and a channel; the minute."""
    DOMAIN_STOPPED = "domain_stopped"
    """The number of the stop, because a domain is personal; no window, because each stop has a number of its own."""
    NOTICE_WAITS = "notice_waits"
    """A notice that is approved; the cause for which it may not leave."""
    MESSAGES_PARKED = "messages_parked"
    """A notice; the day."""
    NO_CODE_LEFT = "no_code_left"
    """A notice and a part of the stock; the number of the last code that was imported."""
    LETTERS_WAIT = "letters_wait"
    """A notice; the day."""
    BOUNCED_BY_OUR_FAULT = "bounced_by_our_fault"
    """A notice and a channel; the codes of the reason."""
    BOUNCED_AFTER_END = "bounced_after_end"
    """A notice; the day."""
    # Notices and steps.
    STEP_HELD = "step_held"
    """A step and the number of its occurrence; the minute."""
    NOT_DRAFTED = "not_drafted"
    """A notice; the versions of facts and playbook, and the code of the first finding."""
    NOT_APPROVABLE = "not_approvable"
    """A notice that too few members could approve; its draft."""
    NOT_READY = "not_ready"
    """A notice with messages that cannot be put together, or that lack something; its draft."""
    NO_RECIPIENTS = "no_recipients"
    """A notice that is for nobody, or `claims`; its draft, or the playbook."""
    NOTICE_ENDED = "notice_ended"
    """A notice; its version."""
    EMERGENCY = "emergency"
    """A notice with its version; the minute."""
    NEWS_AWAITED = "news_awaited"
    """The time that was named for the next update; the share of the time for approvals that is left."""
    NEWS_MISSED = "news_missed"
    """The time that was named for the next update."""
    TASK = "task"
    """A step and the number of its occurrence; the time by which it is to be done."""
    TASK_LATE = "task_late"
    """A step and the number of its occurrence."""
    BY_FORM = "by_form"
    """A form in Prefect; the minute."""
    # Law and the case.
    ASSESSMENT_CHANGED = "assessment_changed"
    """The number of the assessment."""
    DUTY = "duty"
    """A duty; its due time and the number of the reminder."""
    SUBSTITUTE_DUE = "substitute_due"
    """A duty that demands a substitute notice; the day."""
    EMBARGO_ENDS = "embargo_ends"
    """No subject; the minute in which the embargo ends."""
    STAYS_OPEN = "stays_open"
    """No subject; the criteria that keep the case from closing."""
    CLOCK_DOUBT = "clock_doubt"
    LEDGER_DOUBT = "ledger_doubt"
    """No subject; the day."""
    # People.
    QUESTION_LEAKS = "question_leaks"
    """A question that holds data of other people."""
    SURVEY_LEAKS = "survey_leaks"
    """The invitation to a survey; the moment in which its ballots were opened."""
    PERSON_DAMAGED = "person_damaged"
    """A person whose data cannot be opened; the day."""
    REPORTS = "reports"
    DATA_REQUESTS = "data_requests"
    """No subject; the day."""
    REPLY = "reply"
    """A question; the stage."""
    REPLIES = "replies"
    """The owner of many questions; the stage and the day."""
    OVERDUE = "overdue"
    """Questions or claims; the day."""
    MAILBOX_UNREAD = "mailbox_unread"
    """No subject; the minute since which the mailbox cannot be read."""
    # Commitments.
    COMMITMENT = "commitment"
    """A commitment; the stage, and what makes it another one than before, such as the due date."""
    RESULTS_OWED = "results_owed"
    """A commitment that is kept person by person; the stage and the day."""
    # Outgoing messages.
    ANSWER_UNCERTAIN = "answer_uncertain"
    ANSWER_NOT_ARRIVED = "answer_not_arrived"
    """An answer and the question; the channel and the number of the attempt."""
    REMINDER_UNCERTAIN = "reminder_uncertain"
    REMINDER_NOT_ARRIVED = "reminder_not_arrived"
    """A notice and the member; the reminder."""
    MEMBER_NOT_REACHABLE = "member_not_reachable"
    """A member without an address for reminders."""


class AlertId(NamedTuple):
    """The identity of an alert: a second alert with the same identity is no news, whatever its words."""

    kind: AlertKind
    subject: str = ""
    """The id of the notice, commitment or question that the alert is about; empty for the incident as a whole."""
    window: str = ""
    """The occasion within which the alert is given once: a minute, a day, a stage; empty for once and for all."""

    @property
    def about(self) -> str:
        """Return kind and subject as one text; a kind has no space, so no two pairs are the same text."""
        return f"{self.kind} {self.subject}"


class Alert(NamedTuple):
    """An alert with its words, which never hold personal data."""

    id: AlertId
    what: str
    at: datetime
