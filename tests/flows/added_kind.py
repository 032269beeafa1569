"""A stranger adds a channel of a new kind, here an app's push messages: a row, an address, a template, an adapter.

`python -m tests.flows.added_kind FOLDER` runs it in a process of its own, in which the kind is there from the start,
and prints as JSON what came of it. No file of the product is touched.
"""

import asyncio
import csv
import json
import shutil
import sys
from pathlib import Path

import channels
from amends.domain.channel.channel import ChannelKind, KindTraits, Round, further_address

PUSH = ChannelKind.add(
    "push",
    KindTraits(
        words="app",
        task="push",
        address=further_address("device"),
        round=Round.PEOPLE,
        tracked=True,
        means=frozenset({"in_app"}),
    ),
)
ADAPTER = '''
"""A service for push messages: one device is known as gone, all others take their message."""

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from channels.base.one_by_one import OneByOne


def connect(settings):
    return Push()


class Push(OneByOne):
    kind = ChannelKind("push")
    sent = []

    async def deliver(self, message, last_call):
        if message.to == "gone":
            return Receipt(message.key, Status.REJECTED, cause=ReceiptCause.BAD_ADDRESS)
        await last_call()
        self.sent.append((message.to, message.text))
        return Receipt(message.key, Status.SENT, provider_id=f"push-{message.to}")

    async def close(self):
        pass
'''
NOTICE = "first-notice"
DEVICES = ("", "gone", "tablet", "phone", "")
"""The devices of the first five people of the example, who stand in rows 2 to 6 of the file."""


def audience(folder: Path, library: Path) -> Path:
    """Return the audience file of the example for five people, with a column for their devices."""
    with (library / "examples/stolen-terminals/audience.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))[: len(DEVICES) + 1]
    path = folder / "audience.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [[*header, "device"], *([*row, own] for row, own in zip(rows, DEVICES, strict=True))]
        )
    return path


def playbook(folder: Path, library: Path) -> Path:
    """Return a playbook whose first notice goes to the app first, with templates for it."""
    shutil.copytree(library, folder / "playbooks")
    for locale in ("en", "zh-CN"):
        own = folder / "playbooks/notices/first-notice" / f"{locale}.sms.txt"
        shutil.copy(own, own.with_name(f"{locale}.push.txt"))
    path = folder / "playbooks/customer-data-theft.yaml"
    whole = path.read_text(encoding="utf-8")
    before, after = "[website, email, sms, social]\n    cascade: [email,", "[website, push]\n    cascade: [push, email,"
    path.write_text(whole.replace(before, after, 1), encoding="utf-8")
    return path


async def tell(folder: Path) -> dict[str, object]:
    """Send the first notice with a cascade, take a bounce, send again, and return what the ledger says of it."""
    from amends.content.file.shipped import library
    from amends.content.incident.incident import read_incident
    from amends.content.people.audience import AudienceFile
    from amends.content.playbook.playbook import load_playbook
    from amends.domain.case.lawfully import told_in_all
    from amends.domain.channel.message import Status
    from amends.domain.receipt.webhook import ProviderReceipt
    from flows.assess import assess
    from flows.notify import notify
    from flows.run.context import using
    from tests.builders import story_of_few
    from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger, approve_all

    ledger = a_ledger(folder)
    people = AudienceFile(audience(folder, library())).rows()
    ledger.incidents.open(read_incident(story_of_few()), people, LEAD.name, START)
    for member in (LEAD, *APPROVERS):
        ledger.team.add(member.name, member.role, LEAD.name, START)
    ledger.playbooks.pin(INCIDENT, *load_playbook(playbook(folder, library())), LEAD.name, START)
    context, _ = a_context(ledger, folder)
    context.channels[PUSH] = {"use": "push_trial"}

    def lines() -> list[str]:
        return sorted(
            f"{line.person} {line.channel} {line.state}" for line in ledger.statistics.lines(INCIDENT, NOTICE)
        )

    with using(context):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, NOTICE, 1)
        approve_all(ledger, START)
        await notify.fn(INCIDENT, NOTICE, 1)
        sent = lines()
        ledger.receipts.take([ProviderReceipt("push-tablet", Status.REJECTED)], START)
        await notify.fn(INCIDENT, NOTICE, 1)
    case = ledger.cases.read(INCIDENT, START)
    by_app = tuple(one.model_copy(update={"told": (PUSH,)}) for one in case.reach.told_by)
    only_app = case.model_copy(update={"reach": case.reach.model_copy(update={"told_by": by_app, "waits": ()})})
    return {
        "sent": sent,
        "after the bounce": lines(),
        "pushed": sorted({to for to, text in sys.modules["channels.push_trial"].Push.sent if "{" not in text}),
        "report": [str(told_in_all(case)), str(told_in_all(only_app))],
        "told by": sorted({str(kind) for one in case.reach.told_by for kind in one.told}),
        "verified": [*ledger.audit.verify(), *ledger.audit.disagreements()],
    }


def main(folder: Path) -> None:
    """Print what came of it."""
    (folder / "adapters").mkdir()
    (folder / "adapters/push_trial.py").write_text(ADAPTER, encoding="utf-8")
    channels.__path__.append(str(folder / "adapters"))
    print(json.dumps(asyncio.run(tell(folder))))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
