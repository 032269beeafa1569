"""The words of an error at a terminal, and the exit code of the error."""

from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.domain.base.errors import AmendsError, ApprovalMissing, ContentError


def explain(error: Exception, desk: Desk) -> Exit:
    """Print what went wrong, without any personal data; return the exit code of the error."""
    match error:
        case ContentError():
            desk.findings(error.findings)
            return Exit.FINDINGS
        case AmendsError():
            desk.complain(str(error))
            return Exit.WAITING if isinstance(error, ApprovalMissing) else Exit.ERROR
        case OSError():
            desk.complain(f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror}")
        case UnicodeEncodeError():
            desk.complain(_unwritable(error))
        case _:
            desk.complain(f"unexpected {type(error).__name__}; --debug shows more")
    return Exit.ERROR


def _unwritable(error: UnicodeEncodeError) -> str:
    """Return what to do about text that the terminal's encoding cannot write.

    UTF-8 can write all text but the surrogates that Python makes of arguments whose bytes are no UTF-8.
    """
    if error.encoding == "utf-8":
        return "something in the arguments is not UTF-8; write it in UTF-8"
    return (
        f"what is to be said cannot be written in {error.encoding}; set PYTHONUTF8=1, and have the terminal use UTF-8"
    )
