"""A new version of a notice goes on with its waves where the one before was."""

from datetime import timedelta

import pytest

from amends.domain.deliver.waves import ReleasedVersion, go_on
from amends.domain.playbook.playbook import Waves
from tests.builders import NOW

HOUR = timedelta(hours=1)
WAVES = Waves.model_validate({"size": 4, "pause": "2h"})


def test_the_first_version_begins_with_the_first_person_at_release() -> None:
    """The waves of the first version of a notice begin with the first person at the time of its release."""
    assert go_on([ReleasedVersion(NOW, 10, WAVES)]) == (NOW, 0)


def test_who_is_found_in_the_middle_of_a_pause_waits_for_its_end() -> None:
    later = ReleasedVersion(NOW + HOUR / 2, 12, WAVES)
    assert go_on([ReleasedVersion(NOW, 10, WAVES), later]) == (NOW + 2 * HOUR, 4)


def test_who_is_found_when_all_have_had_their_turn_comes_at_once() -> None:
    later = ReleasedVersion(NOW + 90 * HOUR, 12, WAVES)
    assert go_on([ReleasedVersion(NOW, 8, WAVES), later]) == (later.at, 8)


@pytest.mark.parametrize("people", [9, 10, 11])
def test_the_last_wave_that_was_not_full_is_filled_up_at_once(people: int) -> None:
    later = ReleasedVersion(NOW + 4.5 * HOUR, 12, WAVES)
    assert go_on([ReleasedVersion(NOW, people, WAVES), later]) == (later.at, people)


def test_people_after_a_version_without_waves_begin_behind_its_people() -> None:
    """After a version that was released without waves, the waves of the next version begin behind the people of the
    earlier version, at the time of the release.
    """
    later = ReleasedVersion(NOW + HOUR, 12, WAVES)
    assert go_on([ReleasedVersion(NOW, 10, None), later]) == (later.at, 10)


def test_each_version_goes_on_behind_the_one_before() -> None:
    versions = [ReleasedVersion(NOW + hours * HOUR, 40, WAVES) for hours in (0, 3, 5)]
    assert go_on(versions) == (NOW + 6 * HOUR, 12)
