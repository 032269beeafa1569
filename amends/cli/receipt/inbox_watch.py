"""The part of `amends up` that looks into the mailbox of the settings, again and again, until a signal comes."""

import time
from contextlib import suppress

from amends.cli.terminal.clock import now, use_home
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.prefect import send_on
from amends.delivery.inbox.imap import MailboxTrouble, wait_for_a_mail
from amends.delivery.inbox.take import Intake, MailTaker
from amends.delivery.inbox.watch import MailboxWatch, for_strangers, own_addresses
from amends.domain.base.errors import AmendsError
from amends.domain.base.text import counted
from amends.domain.receipt.incoming import MailOutcome
from amends.settings import InboxSettings, SettingsError
from amends.system.processes import Stopped, stopped_by_signals

WORDS = {
    MailOutcome.QUESTION: ("question", "questions"),
    MailOutcome.STOP: ("stop", "stops"),
    MailOutcome.START: ("start", "starts"),
    MailOutcome.AUTOMATIC: ("automatic", "automatic"),
    MailOutcome.BOUNCE: ("bounce", "bounces"),
    MailOutcome.REPEATED: ("taken in before", "taken in before"),
    MailOutcome.KEPT: ("kept aside", "kept aside"),
    MailOutcome.LEFT: ("left where it lies", "left where they lie"),
}
BREATH = 1.0
"""Seconds between two looks however often the mail server says that a mail came."""
NO_INBOX = "no mailbox is set: [inbox] in amends.toml names one, as docs/inbox.md says"


def in_numbers(total: Intake) -> str:
    """Return the sum as one line, such as: 12 mails: 7 questions, 1 stop, 2 automatic."""
    said = [counted(total.outcomes[one], *words) for one, words in WORDS.items() if total.outcomes[one]]
    return f"{counted(total.outcomes.total(), 'mail')}: {', '.join(said) or 'none'}"


def watch(desk: Desk) -> None:
    """Look until a signal comes; every trouble is only said, so that the next look follows. Raises SettingsError."""
    inbox = desk.settings.inbox
    if inbox is None:
        raise SettingsError(NO_INBOX)
    failed, since = 0, None
    with suppress(Stopped), stopped_by_signals():
        while True:
            try:
                one = _watch(desk, inbox)
                one.failed, one.failing_since = failed, since
                _say(desk, *one.look())
                failed, since = one.failed, one.failing_since
            except (AmendsError, OSError) as error:  # the ledger or the disk is out of reach: the mails wait
                desk.complain(str(error))
            _rest(inbox)


def _rest(inbox: InboxSettings) -> None:
    """Wait until the mail server says that a mail came, at most as long as the settings say."""
    until = time.monotonic() + inbox.every_seconds
    if not inbox.folder:
        with suppress(MailboxTrouble, OSError):  # the next look says what is wrong
            wait_for_a_mail(inbox, inbox.every_seconds)
            time.sleep(BREATH)
            return
    time.sleep(max(until - time.monotonic(), 0))


def _watch(desk: Desk, inbox: InboxSettings) -> MailboxWatch:
    """Return a watch that knows the incidents as they are now."""
    incident = for_strangers(desk.ledger, inbox.incident)
    taker = MailTaker(desk.ledger, desk.settings.home, incident, own_addresses(desk.settings, desk.ledger))
    return MailboxWatch(inbox, desk.ledger, taker, now)


def _say(desk: Desk, total: Intake, why: str) -> None:
    if total.lines:
        desk.show({"outcomes": total.outcomes}, in_numbers(total))
        send_on(desk, total.waiting)
    if why:
        desk.complain(why)


def main() -> None:
    """Watch the mailbox of the home that AMENDS_HOME names."""
    desk = Desk(None)
    use_home(desk.settings.home)
    try:
        watch(desk)
    finally:
        desk.close()


if __name__ == "__main__":
    main()
