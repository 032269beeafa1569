"""The part of a commitment that is kept for each person alone: the words in which a person hears their own result."""

from typing import Self

from pydantic import Field, model_validator

from amends.domain.base.value import Slug, Texts, Value

DECLINED = "declined"
"""The word for a person who wants nothing done; no result and no reason may have this name."""


class PerPerson(Value):
    """The words for each person of a commitment that is kept person by person."""

    results: dict[Slug, Texts] = Field(min_length=1)
    """By its name, each result that a person can have, in full sentences to that person."""
    reasons: dict[Slug, Texts] = {}
    """By its name, each reason why it was not possible for a person, in full sentences to that person."""

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if both := sorted({*self.results, DECLINED} & self.reasons.keys() | {DECLINED} & self.results.keys()):
            raise ValueError(f"{both[0]} cannot be the name of a reason, or of a result, as well")
        return self

    @property
    def words(self) -> dict[str, Texts]:
        """Return all results and reasons by name."""
        return {**self.results, **self.reasons}
