"""The one way from what somebody wrote or said to a question: its topic, its urgency, its owner and its time."""

from datetime import datetime

from amends.domain.case.states import OWNER, REPLY_WITHIN
from amends.domain.feedback.question import NewQuestion, QuestionKind, QuestionSource, Sender
from amends.domain.feedback.queue.topics import Topic, service_level, sort_question
from amends.domain.playbook.playbook import Playbook


def new_question(
    playbook: Playbook | None,
    text: str,
    *,
    person: int | None,
    source: QuestionSource,
    locale: str,
    once: str,
    at: datetime,
    kind: QuestionKind = QuestionKind.QUESTION,
    whole: str = "",
    own: tuple[str, ...] = (),
    sender: Sender | None = None,
) -> NewQuestion:
    """Return the question with all that the playbook's rules and the shipped ones say of its words.

    Before a playbook runs there are defaults for the owner and the time.
    """
    topics, urgent = (playbook.topics, playbook.urgent) if playbook else ({}, {})
    found = sort_question(text, topics)
    topic = topics.get(found.topic)
    return NewQuestion(
        text=text,
        person=person,
        kind=kind,
        source=source,
        locale=locale,
        once=once,
        at=at,
        whole=whole,
        own=own,
        sender=sender,
        topic=found.topic,
        urgency=found.urgency,
        reply_within=service_level(found, topics, urgent, playbook.reply_within if playbook else REPLY_WITHIN),
        owner=_owner(playbook, topic, kind),
    )


def _owner(playbook: Playbook | None, topic: Topic | None, kind: QuestionKind) -> str:
    """Return who is to answer: of a complaint the owner of complaints, where there is one, before the topic's."""
    if playbook is None:
        return OWNER
    complaint = kind is QuestionKind.COMPLAINT and playbook.complaints_owner
    return topic.owner if topic and topic.owner and not complaint else playbook.owner_of(kind)
