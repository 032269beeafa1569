"""Templates are rendered in a process of their own: whatever one of them does, its author reads which one it is."""

import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from typing import Any

import pytest

from amends.content.notice import shipped_wording
from amends.delivery.rendering import MEMORY, rendered
from amends.domain.base.errors import ContentError, Finding, NotAllowed
from amends.domain.draft.trial import faults
from amends.domain.notice.notice import Draft
from amends.domain.notice.sandbox import BoundedSandbox
from tests.builders import NOW, a_case
from tests.domain.draft.test_draft import drafted, text_of, words
from tests.domain.notice.test_sandbox import BOMBS, DEEP, SELF

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these limits")

MOST_SECONDS = 5
MOST_MEGABYTES = 300
"""Megabytes beyond those of the process that has the templates rendered."""
EQUAL_LISTS = (
    "{% set kept = namespace(x=['a'], y=['a']) %}"
    "{% for i in range(60) %}{% set kept.x = [kept.x, kept.x] %}{% set kept.y = [kept.y, kept.y] %}{% endfor %}"
)
SLOW = (
    EQUAL_LISTS.replace("60", "17") + "{% for i in range(10000) %}\n\n{% if kept.x == kept.y %}{% endif %}{% endfor %}"
)
"""A template that takes a minute in small steps, and one step that takes years, which nothing within Python can stop."""
HUNG = EQUAL_LISTS + "{{ kept.x == kept.y }}"


def of_children(kind: str) -> float:
    return float(getattr(resource.getrusage(resource.RUSAGE_CHILDREN), kind))


def seconds_of(work: Callable[[], Any]) -> float:
    """The seconds of CPU that the children took which did this work."""
    before = of_children("ru_utime") + of_children("ru_stime")
    work()
    return of_children("ru_utime") + of_children("ru_stime") - before


def taken_by(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of CPU and the megabytes of memory that the children took which did this work.

    A process between counts them: the kernel knows only the largest of all children that a process ever had, and a
    child begins with the memory of its parent, which is left out.
    """
    ours, theirs = Pipe(duplex=False)
    between = get_context("fork").Process(target=_measure, args=(work, theirs))
    between.start()
    theirs.close()
    try:
        taken: tuple[float, float] | AssertionError = ours.recv()
    finally:
        between.join()
        ours.close()
    if isinstance(taken, AssertionError):
        raise taken
    return taken


def _measure(work: Callable[[], Any], pipe: Connection) -> None:
    before = int(MEMORY.read_text().split()[1]) * resource.getpagesize() / 2**20
    try:
        seconds = seconds_of(work)
        pipe.send((seconds, of_children("ru_maxrss") / 2**10 - before))
    except Exception as error:  # noqa: BLE001 - the test raises it
        pipe.send(AssertionError(f"{type(error).__name__}: {error}"))


def findings(work: Callable[[], Any]) -> tuple[Finding, ...]:
    with pytest.raises(ContentError) as caught:
        rendered(work)
    return caught.value.findings


def render(template: str) -> Draft:
    return drafted(words(en_email=f"One\n\n{template}"))


@pytest.mark.journey
def test_a_draft_comes_back_from_the_process_as_it_was_made() -> None:
    assert rendered(drafted) == drafted()


def test_findings_come_back_with_all_that_they_say() -> None:
    (found,) = findings(partial(render, "{{ stroy }}"))
    assert (found.where, found.code) == ("notices/first-notice/en.email.md:3:1", "E121")


@pytest.mark.parametrize("name", [*BOMBS, *SELF, *DEEP])
def test_no_template_takes_more_than_the_machine_can_give(name: str) -> None:
    """A template that asks for too much is named with its line, after less than five seconds and 300 MB."""
    bomb = (
        (BOMBS | SELF | DEEP)[name]
        .replace("'page'", "'first-notice/page'")
        .replace("'text'", "'first-notice/en.email.md'")
    )
    files = words(en_email=f"One\n\n{bomb.strip()}").templates | {
        "first-notice/page": "x" * 200_000,
        "exactly": "x" * 10**6,
    }

    def work() -> None:
        (found,) = findings(lambda: drafted(words().model_copy(update={"templates": files})))
        assert (found.where, found.blocks) == ("notices/first-notice/en.email.md:3:1", True)
        assert found.code == ("E121" if name in DEEP else "E129")

    seconds, megabytes = taken_by(work)
    assert seconds < MOST_SECONDS
    assert megabytes < MOST_MEGABYTES


@pytest.mark.journey
def test_a_slow_template_is_stopped_and_named_with_its_line() -> None:
    found: list[Finding] = []
    assert seconds_of(lambda: found.extend(findings(partial(render, SLOW)))) < MOST_SECONDS
    (slow,) = found
    assert slow.where in ("notices/first-notice/en.email.md:3:1", "notices/first-notice/en.email.md:5:1")  # of the loop
    assert (slow.code, slow.what) == ("E129", "it takes more than 2 s")


def test_a_slow_template_is_tried_once_by_the_validation() -> None:
    """A template is rendered for many readers in many states; one that takes too long in the first takes no longer."""
    tried = shipped_wording().model_copy(update={"templates": words("fine", en_sms=SLOW).templates})
    found: list[Finding] = []
    work = partial(faults, a_case(), tried, NOW)
    assert seconds_of(lambda: found.extend(rendered(work))) < MOST_SECONDS
    assert [(one.where.split(":")[0], one.code) for one in found] == [("notices/first-notice/en.sms.txt", "E129")]


def test_what_nothing_can_interrupt_is_ended_and_its_file_named() -> None:
    found: list[Finding] = []
    assert seconds_of(lambda: found.extend(findings(partial(render, HUNG)))) < MOST_SECONDS
    assert [(one.where, one.code) for one in found] == [("notices/first-notice/en.email.md:1:1", "E129")]


def test_memory_that_no_sandbox_foresees_has_an_end() -> None:
    def leak() -> None:
        kept = []
        while True:
            kept.append("x" * 1_000_000 + str(len(kept)))

    def work() -> None:
        assert [finding.code for finding in findings(leak)] == ["E129"]

    assert taken_by(work)[1] < MOST_MEGABYTES


def test_a_large_process_counts_only_what_templates_take() -> None:
    """The memory is measured right where other tests have left a worker, or one of its children, with much of it."""
    ballast = b"x" * 400_000_000
    assert rendered(lambda: len(ballast)) == len(ballast)
    assert taken_by(lambda: rendered(drafted))[1] < MOST_MEGABYTES


def test_a_process_that_dies_gives_a_finding() -> None:
    assert [finding.code for finding in findings(lambda: os._exit(3))] == ["E129"]


def test_an_error_of_ours_comes_back_with_its_place() -> None:
    def refuse() -> None:
        raise NotAllowed("no")

    def fail() -> None:
        raise LookupError("a playbook")

    with pytest.raises(NotAllowed, match="no"):
        rendered(refuse)
    with pytest.raises(LookupError, match="a playbook") as caught:
        rendered(fail)
    assert "in fail" in caught.value.__notes__[0]


def test_what_cannot_be_handed_over_is_an_error_of_ours() -> None:
    with pytest.raises(Exception, match="pickle"):
        rendered(lambda: lambda: None)


def test_the_process_has_no_connection_of_ours(tmp_path: Any) -> None:
    """The child holds no file, no connection and no lock that this process has open."""
    with (tmp_path / "file").open("w") as file:

        def is_closed() -> bool:
            try:
                os.fstat(file.fileno())
            except OSError:
                return True
            return False

        assert rendered(is_closed)
        assert not is_closed()


def test_texts_are_rendered_beside_busy_threads() -> None:
    """A draft of one run is made while other threads render, log and import."""
    stop, sandbox = threading.Event(), BoundedSandbox({"text": "{% for i in range(50) %}{{ i }}{% endfor %}"})

    def render_on() -> None:
        while not stop.is_set():
            sandbox.text_and_subject("text", {})

    threads = [threading.Thread(target=render_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            assert rendered(lambda: sandbox.text_and_subject("text", {})[0])[:3] == "012"
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_process_of_its_own_costs_little() -> None:
    began = time.process_time()
    for _ in range(10):
        assert text_of(rendered(drafted))
    assert (time.process_time() - began) / 10 < 0.1
