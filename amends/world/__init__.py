"""The outside world on this machine's loopback: a mail relay and web services for the demo, rehearsals and tests."""

from amends.world.mail import MailServer
from amends.world.web import WebServices

__all__ = ["MailServer", "WebServices"]
