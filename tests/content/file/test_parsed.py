"""The files that come with Amends, which are parsed once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from amends.content.file import document, parsed
from amends.content.file.document import read_document
from amends.content.file.reading import read_text
from amends.content.file.shipped import EXAMPLE_FILE, library
from amends.domain.base.errors import ContentError
from amends.system import cache_folder

SHIPPED = sorted(file for file in library().rglob("*.yaml") if parsed.is_shipped(file))
ONE = library() / "addenda.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of a user who has started no command yet, in a process that has read nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(parsed, "_known", {})
    return tmp_path / "amends"


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are parsed."""
    files: list[Path] = []
    parse = document._parse

    def noted(path: Path, text: str) -> parsed.Parsed:
        files.append(path)
        return parse(path, text)

    monkeypatch.setattr(document, "_parse", noted)
    return files


def next_command() -> None:
    """Forget what this process knows."""
    parsed._known.clear()


def test_a_kept_form_says_what_the_file_says(folder: Path) -> None:
    """The content, and the place of each key and value in the order of the file, are those of the parser."""
    for file in SHIPPED:
        first = document._parse(file, read_text(file))
        for _ in range(2):
            kept = read_document(file)
            assert (kept.content, list(kept.keys.items())) == (first.content, list(first.keys.items()))
            assert list(kept.values.items()) == list(first.values.items())
            next_command()
    assert len(list(folder.iterdir())) == len({read_text(file) for file in SHIPPED})


def test_commands_parse_a_shipped_file_once(folder: Path, parses: list[Path]) -> None:
    for _ in range(3):
        read_document(ONE)
        next_command()
    assert parses == [ONE]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_reader_that_changes_its_values_changes_no_other(folder: Path) -> None:
    read_document(ONE).content.clear()
    assert read_document(ONE).content


@pytest.mark.usefixtures("folder")
def test_files_of_an_organisation_are_never_kept(tmp_path: Path, folder: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(ONE.read_text())
    read_document(own)
    read_document(library() / EXAMPLE_FILE)
    assert not folder.exists()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def changed(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"the", b"teh"))


def emptied(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, changed, emptied])
def test_a_damaged_form_is_made_anew(folder: Path, parses: list[Path], damage: Callable[[Path], None]) -> None:
    whole = read_document(ONE)
    damage(next(folder.iterdir()))
    for _ in range(2):
        next_command()
        assert read_document(ONE) == whole
    assert parses == [ONE, ONE]


def test_a_form_of_another_parser_is_not_taken(
    folder: Path, parses: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_document(ONE)
    next_command()
    monkeypatch.setattr(parsed, "_parser", lambda: "of another version")
    read_document(ONE)
    assert parses == [ONE, ONE]
    assert len(list(folder.iterdir())) == 2


def others_may_write(folder: Path) -> None:
    folder.chmod(0o777)


def of_another_user(folder: Path) -> None:
    try:
        os.chown(folder, 4321, -1)
    except PermissionError:
        pytest.skip("only root can give a folder away")


def a_file(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("")


def a_link(folder: Path) -> None:
    folder.symlink_to(folder.rename(folder.with_name("elsewhere")))


@pytest.mark.parametrize("change", [others_may_write, of_another_user, a_file, a_link])
def test_a_folder_of_others_is_not_used(folder: Path, parses: list[Path], change: Callable[[Path], None]) -> None:
    """Nothing is read from a folder to which others write, and nothing is written there: the file is parsed."""
    read_document(ONE)
    next_command()
    change(folder)
    read_document(ONE)
    assert parses == [ONE, ONE]
    assert read_document(ONE).content, "the process itself remembers"
    assert parses == [ONE, ONE]


def test_no_folder_can_be_made(tmp_path: Path, parses: list[Path], folder: Path) -> None:
    """A user without a home, or with a read-only one, has the same documents."""
    tmp_path.rmdir()
    tmp_path.write_text("no folder can stand below a file")
    assert read_document(ONE).content
    assert parses == [ONE]
    tmp_path.unlink()


def test_the_folder_does_not_grow_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_folder, "MOST_FILES", 5)
    for file in SHIPPED:
        read_document(file)
    assert 1 <= len(list(folder.iterdir())) <= 5


def test_errors_of_a_shipped_file_are_said_each_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: 1\na: 2\n"
    monkeypatch.setattr(document, "read_text", lambda _: text)
    for _ in range(2):
        with pytest.raises(ContentError, match=r"addenda\.yaml:2:1"):
            read_document(ONE)
        next_command()
    assert not folder.exists()
