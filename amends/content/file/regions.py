"""States and provinces of the countries whose duties differ between them, by code and by name."""

import re
from functools import lru_cache

STATES = {
    "US": """
        AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware
        |DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas
        |KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi
        |MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York
        |NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island
        |SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington
        |WV West Virginia|WI Wisconsin|WY Wyoming|AS American Samoa|GU Guam|MP Northern Mariana Islands
        |PR Puerto Rico|VI Virgin Islands
    """,
    "CA": """
        AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|NS Nova Scotia
        |NT Northwest Territories|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Quebec|SK Saskatchewan|YT Yukon
    """,
}

SEATS = {"DE": "BB BE BW BY HB HE HH MV NI NW RP SH SL SN ST TH"}
"""The parts of countries whose authority for data protection depends on the seat of a company, not on homes."""

OTHER_SPELLINGS = {
    "US": {"washington dc": "DC", "washington d.c.": "DC", "washington, d.c.": "DC", "u.s. virgin islands": "VI"},
    "CA": {"québec": "QC", "newfoundland": "NL"},
}


def _names(listed: str) -> dict[str, str]:
    pairs = (entry.split(maxsplit=1) for entry in listed.split("|"))
    return {" ".join(name.split()): code for code, name in pairs}


CODES = {
    country: {name.casefold(): code for name, code in _names(listed).items()} for country, listed in STATES.items()
}
"""The code of each state by its name in small letters, for each country."""


def is_state(place: str) -> bool:
    """Return True when this state, as in US-WA, exists. Every code is accepted for a country without a list here."""
    country, _, code = place.partition("-")
    if country in SEATS:
        return code in SEATS[country].split()
    return country not in CODES or code in CODES[country].values()


@lru_cache(4096)
def state_code(country: str, region: str) -> str | None:
    """Return the code of a state given by its code or name, or None when STATES lacks the state or its country."""
    if country not in CODES:
        return None
    said = " ".join(region.split()).casefold()
    bare = re.sub(rf"^{country.casefold()}[-_ ](?=[a-z]{{2}}$)", "", said)
    names = CODES[country]
    if bare.upper() in names.values():
        return bare.upper()
    return names.get(said) or OTHER_SPELLINGS[country].get(said)


def has_states(country: str) -> bool:
    """Return True when the duties to a person depend on the state of this country in which the person lives."""
    return country in CODES
