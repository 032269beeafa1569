"""The public of a rehearsal: people who ask and complain, and the answers that they receive."""

from collections import deque
from datetime import datetime, timedelta

from amends.domain.base.value import nearest_locale
from amends.domain.case.intake import new_question
from amends.domain.case.outline import Outline
from amends.domain.feedback.question import QuestionKind
from amends.domain.playbook.playbook import Event
from amends.domain.rehearse.injects import Asking, full_hour
from flows.rehearsal.scene import LEAD, Scene

ASKING = {
    "en": (
        "Is my address among the stolen data?",
        "Which data of mine is concerned? Please tell me exactly.",
        "What should I do now?",
        "Do I need to change my password?",
        "Somebody called me in your name. Is that a scam?",
        "Please delete my data.",
    ),
    "zh-CN": (
        "我的地址在泄露的信息里吗？",
        "涉及我的哪些信息？请说清楚。",
        "我现在该怎么办？",
        "我需要改密码吗？",
        "有人以你们的名义打电话给我，是诈骗吗？",
        "请删除我的资料。",
    ),
}
COMPLAINING = {
    "en": (
        "I read of this in the newspaper before I heard it from you. That is not how one treats customers.",
        "I want compensation for this.",
        "Stop writing and tell me who is responsible.",
    ),
    "zh-CN": (
        "我是先从新闻上看到的，你们才通知我。这样对待客户太不应该。",
        "我要求赔偿。",
        "别再发通知了，请告诉我谁负责。",
    ),
}
ANSWER = {
    "en": "Thank you for asking. (This answer is part of a rehearsal.)",
    "zh-CN": "感谢您的来信。（本回复属于演练。）",
}


class Public:
    """The people who ask and complain, and the team members who answer them."""

    def __init__(self, scene: Scene, locales: dict[int, str]) -> None:
        self._scene, self._locales = scene, locales
        self._to_come = deque(scene.script.asking(locales))
        self._unanswered: deque[tuple[int, str, datetime]] = deque()
        self._free_at = scene.script.start
        self._curious_expected = False
        self._asked = 0
        self.complaints = 0

    def next_at(self) -> datetime | None:
        """Return when the next person asks or the next answer is ready, or None when nothing is left."""
        asks = [self._to_come[0].at] if self._to_come else []
        answers = [self._unanswered[0][2]] if self._unanswered else []
        return min((*asks, *answers), default=None)

    def expect_curious(self, case: Outline) -> None:
        """Schedule, once, the questions of people who ask because they were told."""
        told_at = case.events.get(Event.NOTIFIED)
        if told_at and not self._curious_expected:
            self._curious_expected = True
            curious = self._scene.script.curious(self._locales, told_at)
            self._to_come = deque(sorted((*self._to_come, *curious), key=lambda asking: asking.at))

    def act(self, case: Outline, now: datetime) -> None:
        """Ask all questions and give all answers that are due."""
        while self._to_come and self._to_come[0].at <= now:
            self._ask(case, self._to_come.popleft(), now)
        while self._unanswered and self._unanswered[0][2] <= now:
            question, locale, _ = self._unanswered.popleft()
            self._scene.ledger.questions.answer(self._scene.incident, question, ANSWER[locale], LEAD.name, now)

    def _ask(self, case: Outline, asking: Asking, now: datetime) -> None:
        if case.playbook is None:
            return
        self._asked += 1
        angry = asking.kind is QuestionKind.COMPLAINT
        self.complaints += angry
        words = COMPLAINING if angry else ASKING
        locale = nearest_locale(self._locales[asking.person], list(words), "en")
        asked = new_question(
            case.playbook,
            words[locale][asking.saying % len(words[locale])],
            person=asking.person,
            kind=asking.kind,
            source=asking.source,
            locale=locale,
            once=f"rehearsal {self._asked}",
            at=now,
        )
        question = self._scene.ledger.questions.ask(self._scene.incident, asked, now)
        self._unanswered.append((question, locale, self._answer_ready(now)))

    def _answer_ready(self, now: datetime) -> datetime:
        """Return when the answer to a new question is ready: the team writes answers one by one, so many a day."""
        times = self._scene.times
        self._free_at = max(self._free_at, now) + timedelta(days=1) / times.answers_a_day
        return full_hour(max(self._free_at, now + times.answer_after))
