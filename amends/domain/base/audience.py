"""Audiences: the people to whom a notice, a commitment or the right to claim is addressed."""

from functools import lru_cache
from typing import Any, ClassVar, Self


class Audience(str):
    """One audience, of the class of its kind. Files and tables have its short spelling, as in `place:US-MA`."""

    __slots__ = ()
    word: ClassVar[str]
    """The beginning of the spelling."""
    by_list: ClassVar[bool] = False
    """True when the list of people alone says who belongs to the audience, in words that people of one copy share."""

    def __new__(cls, of: str = "") -> Self:
        """Return the audience of this kind for what its spelling names behind the word."""
        return super().__new__(cls, f"{cls.word}{of}")

    @property
    def of(self) -> str:
        """Return what the spelling names behind the word."""
        return self[len(self.word) :]

    def __getnewargs__(self) -> tuple[str]:
        return (self.of,)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
        from pydantic_core import core_schema

        spelled = core_schema.to_string_ser_schema()
        return core_schema.no_info_after_validator_function(
            audience_of, core_schema.str_schema(), serialization=spelled
        )


class Everyone(Audience):
    """All people of an incident."""

    __slots__ = ()
    word, by_list = "everyone", True


class Segment(Audience):
    """The people of one segment of the list."""

    __slots__ = ()
    word, by_list = "", True


class Residents(Audience):
    """All people who live in a country or state: DE, US-MA."""

    __slots__ = ()
    word, by_list = "place:", True


class Persons(Audience):
    """The persons to whom the commitment with this id is made."""

    __slots__ = ()
    word = "persons:"


class Promised(Audience):
    """The people who were told of the commitment with this id; they get its news."""

    __slots__ = ()
    word = "promised:"


class Unredeemed(Audience):
    """The people who have a code of the commitment with this id and have not redeemed it."""

    __slots__ = ()
    word = "unredeemed:"


class ToldOtherwise(Audience):
    """The people whom the notice with this id corrects: they were told otherwise."""

    __slots__ = ()
    word = "told-otherwise:"


class NoLonger(Audience):
    """The people to whom the notice with this id says that their data was not affected, although they were told so."""

    __slots__ = ()
    word = "no-longer-affected:"


class ToldWrongly(Audience):
    """The people whose own result is corrected: by the commitment's id and the correction's number, as in locks:1."""

    __slots__ = ()
    word = "told-wrong-result:"


class Sampled(Audience):
    """The random sample that the notice with this id invites to a survey."""

    __slots__ = ()
    word = "sample:"


EVERYONE = Everyone()
NAMED_BY_WORD = (Residents, Persons, Promised, Unredeemed, ToldOtherwise, NoLonger, ToldWrongly, Sampled)


@lru_cache(4096)
def audience_of(spelled: str) -> Audience:
    """Return the audience of this spelling; a name without a known word is that of a segment."""
    if spelled == EVERYONE:
        return EVERYONE
    kind = next((kind for kind in NAMED_BY_WORD if spelled.startswith(kind.word)), Segment)
    return kind(spelled[len(kind.word) :])
