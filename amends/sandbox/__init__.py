"""The outside world on this machine's loopback: a mail relay and web services for the demo, rehearsals and tests."""

from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices

__all__ = ["MailServer", "WebServices"]
