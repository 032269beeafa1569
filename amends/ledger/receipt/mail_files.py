"""Files that came with mails."""

from amends.domain.base.home_file import HomeFile
from amends.ledger.home_files import HomeFiles
from amends.ledger.tables.feedback import MailFileRow


class MailFile(HomeFile):
    """A file that came with a mail and lies sealed in the home."""

    question: int


class MailFiles(HomeFiles[MailFile]):
    """The files that came with mails."""

    row, value, of = MailFileRow, MailFile, "question"
    noun, opened_as = "file", "mail file saved"
    listed_by = "amends inbox files {}"
