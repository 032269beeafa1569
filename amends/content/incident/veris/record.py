"""The parts of a VERIS record that are read. The rest is ignored: summary, notes and references can name people.

The words of VERIS are listed in `words.yaml`, under the names of fields that VERIS has since 1.3.4.
"""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AliasPath, Field, model_validator
from pydantic_core import PydanticKnownError

from amends.content.file.characters import BREAKS_HEADERS, ODD_IN_TEXT, code_point
from amends.content.file.countries import COUNTRIES
from amends.content.file.document import read_document
from amends.domain.base.value import NAME, Value

Word = TypeVar("Word", bound=str)

Number = Annotated[float, Field(strict=True, ge=0)]
"""A number of JSON, which has only one kind of number: some records count in 12.0."""

ABUSE = AliasPath("plus", "attribute", "confidentiality", "data_abuse")
"""A field of the VERIS Community Database. Any other database may hold anything under `plus`."""


@lru_cache(1)
def words() -> dict[str, dict[str, str]]:
    """Return the words of VERIS for each field, by their spelling in small letters."""
    listed = read_document(Path(__file__).with_name("words.yaml")).content
    listed["country"] = [*sorted(COUNTRIES), *listed["country"]]
    return {field: {word.casefold(): word for word in known} for field, known in listed.items()}


def one_of(field: str) -> AfterValidator:
    """Return a validator that accepts the words of this field, in upper or lower case."""

    def check(word: str) -> str:
        known = words()[field]
        if found := known.get(word.strip().casefold()):
            return found
        raise PydanticKnownError("enum", {"expected": ", ".join(f"'{one}'" for one in known.values())})

    return AfterValidator(check)


def _readable(name: str) -> str:
    """Return the name on one line. Raises ValueError for a character that could become a header of an email."""
    name = " ".join(name.split())
    if odd := ODD_IN_TEXT.search(name):
        raise ValueError(f"{code_point(odd[0])} stands in this name; delete it and type the name again")
    if BREAKS_HEADERS.search(name):
        raise ValueError("'=?' cannot stand in a name")
    return name


def _as_slug(text: str) -> str:
    slug = re.sub("[^a-z0-9_-]+", "-", text.casefold()).strip("-_")[:64]
    if not NAME.fullmatch(slug):
        raise ValueError("an id needs a letter or a digit")
    return slug


def _readable_version(version: str) -> str:
    if not re.fullmatch(r"1\.[34](\.\d{1,2})?", version):
        raise ValueError("records of VERIS 1.3 and 1.4 are read here, 1.3.4 and 1.4.1 best")
    return version


class RecordPart(Value):
    """A part of a record. Keys without a field here are ignored."""

    model_config = {**Value.model_config, "extra": "ignore"}


class Varied(RecordPart, Generic[Word]):
    variety: tuple[Word, ...] = ()


class Social(Varied[Annotated[str, one_of("social")]]):
    vector: tuple[Annotated[str, one_of("social_vector")], ...] = ()


class Action(Value):
    hacking: Varied[Annotated[str, one_of("hacking")]] | None = None
    malware: Varied[Annotated[str, one_of("malware")]] | None = None
    social: Social | None = None
    misuse: Varied[Annotated[str, one_of("misuse")]] | None = None
    physical: Varied[Annotated[str, one_of("physical")]] | None = None
    error: Varied[Annotated[str, one_of("error")]] | None = None
    environmental: RecordPart | None = None
    unknown: RecordPart | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> "Action":
        if not self.kinds:
            raise ValueError("it says nothing; an action that nobody knows is written unknown: {}")
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind, said in self if said is not None)

    def varieties(self, kind: str) -> tuple[str, ...]:
        """Return the varieties of this kind of action."""
        return getattr(getattr(self, kind), "variety", ())


class Insider(RecordPart):
    motive: tuple[Annotated[str, one_of("motive")], ...] = ()


class Outsider(Insider):
    variety: tuple[Annotated[str, one_of("external_actor")], ...] = ()


class Actor(Value):
    external: Outsider | None = None
    internal: Insider | None = None
    partner: Insider | None = None
    unknown: RecordPart | None = None

    @property
    def motives(self) -> dict[str, tuple[str, ...]]:
        """Return the motives of each known actor."""
        return {who: actor.motive for who, actor in self if isinstance(actor, Insider)}


class Asset(RecordPart):
    variety: Annotated[str, one_of("asset")] = "Unknown"


class Assets(RecordPart):
    assets: tuple[Asset, ...] = ()


class Amount(RecordPart):
    variety: Annotated[str, one_of("data")] = "Unknown"
    amount: Number | None = None


class Confidentiality(RecordPart):
    data: tuple[Amount, ...] = ()
    data_total: Number | None = None
    data_disclosure: Annotated[str, one_of("data_disclosure")] = "Unknown"
    data_victim: tuple[Annotated[str, one_of("data_victim")], ...] = ()
    state: tuple[Annotated[str, one_of("data_state")], ...] = ()


class Attribute(Value):
    confidentiality: Confidentiality | None = None
    integrity: Varied[Annotated[str, one_of("integrity")]] | None = None
    availability: Varied[Annotated[str, one_of("availability")]] | None = None
    unknown: RecordPart | None = None


class PartialDate(RecordPart):
    """A date of which the month or the day may be unknown."""

    year: int = Field(strict=True, ge=1950, le=2100)
    month: int | None = Field(default=None, strict=True, ge=1, le=12)
    day: int | None = Field(default=None, strict=True, ge=1, le=31)

    @model_validator(mode="after")
    def _exists(self) -> "PartialDate":
        try:
            self.bounds()
        except ValueError:
            raise ValueError("this day does not exist") from None
        return self

    @property
    def known(self) -> tuple[int, ...]:
        """Return the known ones of year, month and day. A day without a month does not count."""
        return tuple(takewhile(bool, (self.year, self.month or 0, self.day or 0)))

    @property
    def exact(self) -> bool:
        return len(self.known) == 3

    def bounds(self) -> tuple[datetime, datetime]:
        """Return the first and the last second of the day, month or year, in UTC."""
        year, month, day = (*self.known, 0, 0)[:3]
        last_day = day or monthrange(year, month or 12)[1]
        return (
            datetime(year, month or 1, day or 1, tzinfo=UTC),
            datetime(year, month or 12, last_day, 23, 59, 59, tzinfo=UTC),
        )

    def __str__(self) -> str:
        return "-".join(f"{part:02}" for part in self.known)


class Length(RecordPart):
    unit: Annotated[str, one_of("unit")] = "Unknown"
    value: Number | None = None

    def after(self, start: datetime) -> datetime | None:
        """Return the moment this long after the start, or None.

        None means that the length is vaguer than days, or that the moment lies beyond the calendar.
        """
        if self.value is None or self.unit not in ("Seconds", "Minutes", "Hours", "Days"):
            return None
        try:
            return start + timedelta(**{self.unit.lower(): self.value})
        except OverflowError:
            return None

    def __str__(self) -> str:
        return self.unit if self.value is None else f"{self.value:g} {self.unit}"


class RecordTimeline(RecordPart):
    incident: PartialDate | None = None
    compromise: Length | None = None
    discovery: Length | None = None
    containment: Length | None = None

    @property
    def discovered(self) -> datetime | None:
        """Return the time of discovery, or None when the record is not exact to the day.

        VERIS counts from the first compromise; here from the start of its day.
        """
        at_once = self.compromise is None or self.compromise.unit in ("Seconds", "Minutes", "NA")
        if at_once and self.incident and self.incident.exact and self.discovery:
            return self.discovery.after(self.incident.bounds()[0])
        return None

    @property
    def contained(self) -> datetime | None:
        """Return the time of containment, counted from the discovery, or None when one of the two is not exact."""
        start = self.discovered
        return self.containment.after(start) if self.containment and start else None


class Victim(RecordPart):
    victim_id: Annotated[str, AfterValidator(_readable)] | None = None
    country: tuple[Annotated[str, one_of("country")], ...] = ()
    state: str | None = None
    industry: str | None = Field(default=None, pattern=r"^(\d{2}(-\d{2}|\d{0,4})|Unknown)$")
    employee_count: Annotated[str, one_of("employee_count")] = "Unknown"


class Discovery(RecordPart):
    external: Varied[Annotated[str, one_of("reported_by")]] = Varied()


class Record(RecordPart):
    """The parts of a VERIS record that are read."""

    incident_id: Annotated[str, AfterValidator(_as_slug)]
    schema_version: Annotated[str, AfterValidator(_readable_version)] | None = None
    security_incident: Annotated[str, one_of("security_incident")] = "Confirmed"
    action: Action
    actor: Actor = Actor()
    asset: Assets = Assets()
    attribute: Attribute
    timeline: RecordTimeline = RecordTimeline()
    victim: Victim = Victim()
    discovery_method: Discovery = Discovery()
    data_abuse: Annotated[str, one_of("data_abuse")] = Field(default="Unknown", validation_alias=ABUSE)

    @property
    def confidentiality(self) -> Confidentiality:
        return self.attribute.confidentiality or Confidentiality()

    @property
    def assets(self) -> frozenset[str]:
        return frozenset(asset.variety for asset in self.asset.assets)
