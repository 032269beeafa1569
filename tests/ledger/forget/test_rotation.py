"""Keys are rotated while people work, and a process that is killed at any write loses nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from amends.delivery.forget import seal_files_in
from amends.delivery.inbox.quarantine import Quarantine
from amends.domain.base.errors import KeyMissing, NotAllowed
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Keys, Ledger
from amends.ledger.forget import rotation
from amends.ledger.forget.personal import PeopleFilter, personal_tables, rows_of
from amends.ledger.store.session import Store, Transaction
from amends.ledger.tables.declared import sealed_place
from amends.system.key_file import KeyFile
from tests.builders import NOW, a_person, an_asked, an_incident
from tests.delivery.sending import INCIDENT
from tests.ledger.forget.forgetting import LATER, OMAR, SAID, ZOE, in_files, opened_words, with_traces

ROSA = Member(name="rosa", role=TeamRole.RESPONDER)
CONTACT = "json://127.0.0.1/omar"


class Killed(BaseException):
    """As when the process is gone at this place."""


def url_of(ledger: Ledger) -> str:
    return ledger.store.engine.url.render_as_string(hide_password=False)


def start(ledger: Ledger, folder: Path) -> Ledger:
    """As another process starts on the same home."""
    file = KeyFile(folder / "master.key")
    return Ledger(url_of(ledger), Keys.from_text(file.path.read_text(), file), folder / "audit-head").migrate()


@pytest.fixture
def at_home(ledger: Ledger, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger whose key lies in a file, with a case and a member's contact."""
    with_traces(ledger)
    ledger.team.set_contact("omar", CONTACT, "omar", NOW)
    (tmp_path / "master.key").write_text(ledger.store.keys.text)
    with ledger.store.engine.connect() as connection:
        before = bytes(connection.exec_driver_sql("SELECT mac FROM key_check").scalar_one())
    opened = start(ledger, tmp_path)
    yield opened
    opened.dispose()
    if ledger.store.path is None:  # the database is used again, with the key that all tests have
        change = "UPDATE key_check SET mac = %s"
        with ledger.store.engine.begin() as connection:
            connection.exec_driver_sql(change, (before,))


def reads_everything(ledger: Ledger) -> bool:
    read = opened_words(ledger)
    wanted = (ZOE.name, SAID["question"], SAID["report"], SAID["words"], SAID["dossier"], SAID["answer"])
    return all(word in read for word in wanted) and ledger.team.contact("omar") == CONTACT


def wrapped_key(ledger: Ledger) -> bytes:
    with ledger.store.engine.connect() as connection:
        return bytes(connection.exec_driver_sql("SELECT wrapped_key FROM incident").scalar_one())


def sound(ledger: Ledger) -> bool:
    return (ledger.audit.verify(), ledger.audit.disagreements()) == ((), ())


# The master key.


def test_the_new_master_key_opens_everything_the_old_one_nothing(at_home: Ledger, tmp_path: Path) -> None:
    old, link = (tmp_path / "master.key").read_text(), at_home.people.link_of(INCIDENT, 1)
    assert at_home.keys.master(OMAR, LATER).incidents == 1
    again = start(at_home, tmp_path)
    assert reads_everything(again)
    assert again.people.whose_link(link) == (INCIDENT, 1)
    assert again.people.number_of(INCIDENT, ZOE.ref) == 1
    assert sound(again)
    again.dispose()
    assert (tmp_path / "master.key").read_text() != old
    with pytest.raises(KeyMissing, match="after a rotation"):
        Ledger(url_of(at_home), Keys.from_text(old), tmp_path / "audit-head").migrate()


def test_the_old_key_is_kept_for_older_backups(at_home: Ledger, tmp_path: Path) -> None:
    old = (tmp_path / "master.key").read_text()
    kept = at_home.keys.master(OMAR, LATER).old
    assert kept
    assert (kept.read_text(), kept.stat().st_mode & 0o77) == (old, 0)


def test_a_process_that_runs_meanwhile_goes_on(at_home: Ledger, tmp_path: Path) -> None:
    elsewhere = start(at_home, tmp_path)
    assert elsewhere.people.get(INCIDENT, 1).name == ZOE.name
    at_home.keys.master(OMAR, LATER)
    at_home.keys.master(OMAR, LATER)
    elsewhere.store.seals.clear()
    assert reads_everything(elsewhere)
    elsewhere.team.set_contact("wei", "json://127.0.0.1/wei", "wei", LATER)
    elsewhere.incidents.open(an_incident(id="later"), [a_person()], "lena", LATER)
    elsewhere.dispose()
    again = start(at_home, tmp_path)
    assert (again.team.contact("wei"), again.people.get("later", 1).name) == ("json://127.0.0.1/wei", a_person().name)
    again.dispose()


def test_a_machine_with_the_old_key_file_is_told(at_home: Ledger, tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    file = KeyFile(machine / "master.key")
    file.path.write_text((tmp_path / "master.key").read_text())
    other = Ledger(url_of(at_home), Keys.from_text(file.path.read_text(), file), machine / "audit-head").migrate()
    at_home.keys.master(OMAR, LATER)
    with pytest.raises(KeyMissing, match="after a rotation"):
        other.people.get(INCIDENT, 1)
    file.path.write_text((tmp_path / "master.key").read_text())
    assert reads_everything(other)
    other.dispose()


@pytest.mark.parametrize("member", [ROSA])
def test_a_responder_rotates_nothing(at_home: Ledger, member: Member) -> None:
    before = wrapped_key(at_home)
    with pytest.raises(NotAllowed):
        at_home.keys.master(member, LATER)
    with pytest.raises(NotAllowed):
        at_home.keys.case(INCIDENT, member, LATER)
    assert wrapped_key(at_home) == before


# The key of a case.


def no_files(*_: Any) -> None:
    pass


def test_a_rotated_case_is_read_as_before(at_home: Ledger, tmp_path: Path) -> None:
    before = opened_words(at_home)
    old = wrapped_key(at_home)
    assert at_home.keys.case(INCIDENT, OMAR, LATER, no_files) > 5
    assert opened_words(at_home) == before
    assert wrapped_key(at_home) != old
    assert at_home.keys.under_way() == ()
    assert sound(at_home)
    again = start(at_home, tmp_path)
    assert reads_everything(again)
    again.dispose()


def test_nothing_is_left_that_the_old_key_opens(at_home: Ledger) -> None:
    old = at_home.store.keys.seal_for(INCIDENT, wrapped_key(at_home))
    at_home.keys.case(INCIDENT, OMAR, LATER, no_files)
    with at_home.store.read() as session:
        for table in personal_tables():
            for row in session.exec(rows_of(table, PeopleFilter(INCIDENT))).all() if table.columns else ():
                sealed = [(getattr(row, column.name), sealed_place(row, column.name)) for column in table.columns]
                assert not [place for value, place in sealed if value and old.peek(value, place)]


def test_questions_that_ask_the_same_are_found_after_it(at_home: Ledger) -> None:
    text = "How do I know whether the password of my account was among the stolen data?"
    at_home.questions.ask(INCIDENT, an_asked(text, once="x"), NOW)
    with at_home.store.engine.connect() as connection:
        marks = connection.exec_driver_sql("SELECT count(*) FROM question_likeness").scalar_one()
    at_home.keys.case(INCIDENT, OMAR, LATER, no_files)
    with at_home.store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM question_likeness").scalar_one() == marks
    found = at_home.groups.find(INCIDENT, text, None)
    assert found.marks or not marks


def test_files_from_mails_are_sealed_anew(at_home: Ledger, tmp_path: Path) -> None:
    aside = Quarantine(tmp_path, at_home)
    path = aside.path_of(INCIDENT, "file-1")
    path.parent.mkdir(parents=True)
    path.write_bytes(at_home.mail_files.sealed(INCIDENT, "file-1", b"png"))
    before = path.read_bytes()
    with pytest.raises(NotAllowed, match="has sealed files"):
        at_home.keys.case(INCIDENT, OMAR, LATER)
    at_home.keys.case(INCIDENT, OMAR, LATER, seal_files_in(tmp_path))
    assert path.read_bytes() != before
    assert aside.content(INCIDENT, at_home.mail_files.get(INCIDENT, 1)) == b"png"


def test_no_file_holds_the_old_wrapped_key(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    old = wrapped_key(ledger_on_sqlite)
    assert old in in_files(ledger_on_sqlite)
    ledger_on_sqlite.keys.case(INCIDENT, OMAR, LATER, no_files)
    assert old not in in_files(ledger_on_sqlite)


# A kill at each write.


class Killer:
    """Kills the process at its nth write, before the write is stored or after."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int) -> None:
        self._left = at
        kept = Store.write
        killer = self

        @contextmanager
        def write(store: Store, *, exclusive: bool = False) -> Iterator[Transaction]:
            with kept(store, exclusive=exclusive) as writing:
                yield writing
                killer.maybe()
            killer.maybe()

        patch.setattr(Store, "write", write)
        for name in ("write_next", "promote"):
            patch.setattr(KeyFile, name, self._around(getattr(KeyFile, name)))

    def _around(self, verb: Any) -> Any:
        def done(*said: Any) -> Any:
            self.maybe()
            answer = verb(*said)
            self.maybe()
            return answer

        return done

    def maybe(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.kill()

    def kill(self) -> None:
        raise Killed


def killed_at_each_write(ledger: Ledger, folder: Path, patch: pytest.MonkeyPatch, rotate: Any, most: int = 200) -> int:
    """Rotate, killed at write 1, 2, 3 …, each time by a process of its own; return how many writes there are."""
    for at in range(1, most):
        process = start(ledger, folder)
        with patch.context() as here:
            Killer(here, at)
            try:
                rotate(process)
                return at
            except Killed:
                pass
            finally:
                process.dispose()
        looked = start(ledger, folder)
        assert reads_everything(looked), at
        assert sound(looked), at
        looked.questions.ask(INCIDENT, an_asked("Meanwhile?", once=f"meanwhile {at}"), NOW)
        looked.dispose()
    raise AssertionError("it never ends")


def test_a_master_rotation_survives_a_kill_at_each_write(
    at_home: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = killed_at_each_write(at_home, tmp_path, monkeypatch, lambda ledger: ledger.keys.master(OMAR, LATER))
    assert writes > 4
    assert not (tmp_path / "master.key.next").exists()


def test_a_case_rotation_survives_a_kill_at_each_write(
    at_home: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "PAGE", 2)
    monkeypatch.setattr(rotation, "PEOPLE", 2)
    before = wrapped_key(at_home)

    def rotate(ledger: Ledger) -> None:
        ledger.keys.case(INCIDENT, OMAR, LATER, no_files)

    assert killed_at_each_write(at_home, tmp_path, monkeypatch, rotate) > 8
    assert wrapped_key(at_home) != before
    assert at_home.keys.under_way() == ()


def test_a_master_rotation_in_the_midst_of_a_case_s_one(
    at_home: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as here:
        Killer(here, 5)
        with pytest.raises(Killed):
            at_home.keys.case(INCIDENT, OMAR, LATER, no_files)
    assert at_home.keys.under_way() == (INCIDENT,)
    at_home.keys.master(OMAR, LATER)
    again = start(at_home, tmp_path)
    assert reads_everything(again)
    again.keys.case(INCIDENT, OMAR, LATER, no_files)
    assert (reads_everything(again), again.keys.under_way(), sound(again)) == (True, (), True)
    again.dispose()
