"""Bounds on what a template may make: the work of one text is counted, and no value may grow beyond its bound."""

import re
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from string import Formatter
from typing import Any

from jinja2.exceptions import SecurityError

MOST_TEXT = 1_000_000
"""Characters of a text, and of each value on the way to the text."""
MOST_WORK = 20_000_000
"""The cost of one text at most: a character that is copied costs 1."""
STEP, CALL = 50, 500
"""The costs of a round of a loop or an operation, and of a call of a function, a macro or a filter."""
MOST_WIDTH = 1_000
MOST_RANGE = 10_000
MOST_NUMBER = 10**18
MOST_POWER = 10
MOST_GROWTH = 100_000_000
"""Characters that a filter or a method could make at most, by the sizes of what it is given."""
WIDTH_DIGITS = 4
LESS = "a notice is a page of text: take out the loop, the repetition or the call; docs/playbooks.md names the limits"
"""The advice to the author of a template that asks for too much."""
NUMBER, OLD_FORMAT = re.compile(r"\d+"), re.compile(r"%(?:\([^)]*\))?([^a-zA-Z%]*)")
"""A number, as in the width of a form; and a place of %-formatting, such as %-20s, with its width."""
_left: ContextVar[list[int] | None] = ContextVar("left", default=None)


class TooMuch(SecurityError):
    """Raised when a template asks for more text, steps or time than a notice may take; its author must correct it."""


@contextmanager
def metered() -> Iterator[None]:
    """Count the work in the block. Outside such a block work costs nothing."""
    token = _left.set([MOST_WORK])
    try:
        yield
    finally:
        _left.reset(token)


def spend(work: int) -> None:
    """Count this work. Raises TooMuch when more was done than one text may take."""
    left = _left.get()
    if left is None:
        return
    left[0] -= work
    if left[0] < 0:
        raise TooMuch("it takes more steps than a text needs: a loop in a loop, or a macro that calls itself")


def size(value: Any) -> int:
    """Return the number of characters and values in a value, also within lists; to count them is work too.

    Raises TooMuch for more than MOST_TEXT, without looking at the rest.
    """
    total, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            total += len(one)
        elif isinstance(one, Collection):
            total += len(one) + 1
            waiting.extend((*one.keys(), *one.values()) if isinstance(one, Mapping) else one)
        if total > MOST_TEXT:
            raise TooMuch(f"it makes a value of more than {MOST_TEXT:,} characters")
    spend(total)
    return total


def not_too_long(pieces: Generator[str, None, None]) -> Iterator[str]:
    """Yield the pieces of a text. Raises TooMuch, in the template itself, as soon as they are longer than MOST_TEXT."""
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > MOST_TEXT:
            pieces.throw(TooMuch(f"its text is longer than {MOST_TEXT:,} characters"))
        yield piece


def rounds(values: Iterable[Any], text: int = 0) -> Iterator[Any]:
    """Yield the values, and count a round for each, in which so many characters are written."""
    for value in values:
        spend(STEP + text)
        yield value


def drawn(value: Any) -> Any:
    """Return what a generator yields as a list, and any other value as it is."""
    return list(rounds(value)) if isinstance(value, Iterator) else value


def bounded_range(*given: int) -> range:
    """Return the range. Raises TooMuch for one of more than MOST_RANGE numbers."""
    numbers = range(*given)
    if numbers[MOST_RANGE:]:
        raise TooMuch(f"a range has at most {MOST_RANGE:,} numbers")
    return numbers


def check_growth(value: Any, *given: Any) -> None:
    """Raise TooMuch when a filter or method with these values could make too large a text: padded, replaced, joined."""
    numbers = [abs(one) for one in given if isinstance(one, int | float)]
    if any(number > MOST_RANGE for number in numbers):
        raise TooMuch(f"a width or a number of parts is at most {MOST_RANGE:,}")
    _check_product([*_sizes(value, *given), *(max(1, int(number)) for number in numbers)])


def check_new_format(form: str, *given: Any) -> None:
    """Raise TooMuch when a form for `format` has a wide place, as in {:>1000000000}, or could make too large a text."""
    for _, _, spec, _ in Formatter().parse(form):
        _check_width(spec or "", "{")
    _check_product(_sizes(form, *given))


def check_old_format(form: Any, given: Any) -> None:
    """Raise TooMuch when a form for `%` has a wide place, as in %1000000000d, or could make too large a text."""
    if isinstance(form, str):
        for spec in OLD_FORMAT.findall(form):
            _check_width(spec, "*")
        _check_product(_sizes(form, given))


def check_sum(left: Any, right: Any) -> None:
    """Raise TooMuch when the two together are too large."""
    size([left, right])


def check_times(left: Any, right: Any) -> None:
    """Raise TooMuch for a large number, and for a text or list that is repeated too often."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        if abs(left * right) > MOST_NUMBER:
            raise TooMuch(f"a number is at most {MOST_NUMBER:,}")
        return
    times, repeated = (left, right) if isinstance(left, int) else (right, left)
    if isinstance(times, int) and times * max(1, size(repeated)) > MOST_TEXT:
        raise TooMuch(f"{times} times this is longer than {MOST_TEXT:,} characters")


def check_power(left: Any, right: Any) -> None:
    """Raise TooMuch for any but a small power."""
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if not numbers or abs(right) > MOST_POWER or abs(left) > MOST_WIDTH:
        raise TooMuch(f"a power is of a number up to {MOST_WIDTH:,}, and at most the {MOST_POWER}th")


def _sizes(*values: Any) -> list[int]:
    return [max(1, size(value)) for value in values]


def _check_product(sizes: Iterable[int]) -> None:
    product = 1
    for one in sizes:
        product *= one
        if product > MOST_GROWTH:
            raise TooMuch(f"it could make a text of more than {MOST_GROWTH:,} characters")


def _check_width(spec: str, from_value: str) -> None:
    widths = NUMBER.findall(spec)
    if from_value in spec or any(len(width) > WIDTH_DIGITS or int(width) > MOST_WIDTH for width in widths):
        raise TooMuch(f"a width is a number up to {MOST_WIDTH:,}, and stands in the form itself")
