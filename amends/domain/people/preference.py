"""The wishes of a person for optional messages."""

from amends.domain.base.value import Value


class Preference(Value):
    """The language and the channel that a person wants; an empty one is no wish."""

    locale: str = ""
    channel: str = ""
