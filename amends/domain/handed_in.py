"""At which path the portal takes what others hand in, for each channel that has any."""

from amends.domain.channel import ChannelKind

RECEIPTS = {ChannelKind.SMS: "/receipts/sms", ChannelKind.EMAIL: "/receipts/email"}
"""What providers report of our messages."""
INCOMING = {ChannelKind.SMS: "/incoming/sms"}
"""What people write back."""
