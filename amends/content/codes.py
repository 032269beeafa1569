"""The codes of findings in files that people write, and what each of them means."""

from enum import StrEnum


class Code(StrEnum):
    """Stable names for what can be wrong in a file; EXPLAIN says each in a sentence."""

    UNKNOWN_KEY = "E101"
    UNKNOWN_WORD = "E102"
    MISSING = "E103"
    WRONG_FORM = "E104"
    UNREADABLE = "E105"
    DUPLICATE_KEY = "E106"
    DOES_NOT_FIT = "E107"
    NOT_ALLOWED = "E108"
    CHARACTER = "E109"
    NO_TRANSLATION = "E110"
    CONTRADICTION = "E111"
    TEMPLATE_MISSING = "E120"
    TEMPLATE_WRONG = "E121"
    CIRCLE = "E122"
    NO_TABLE = "E201"
    HEADER = "E202"
    TOO_MANY_BAD_ROWS = "E203"


EXPLAIN: dict[Code, str] = {
    Code.UNKNOWN_KEY: "This key is not known at this place. It is often a typing mistake; nothing unknown is ignored.",
    Code.UNKNOWN_WORD: "Only the words listed are understood at this place.",
    Code.MISSING: "Something is needed here that the file does not say.",
    Code.WRONG_FORM: "What stands here is not written as it must be: a number, a text, a time with its zone and so on.",
    Code.UNREADABLE: "The file cannot be read: it is absent, not UTF-8, or not proper YAML or JSON.",
    Code.DUPLICATE_KEY: "The same key stands twice, and only one of the two could count. Keep one.",
    Code.DOES_NOT_FIT: "Each part is well written, but they do not fit together.",
    Code.NOT_ALLOWED: "Anchors, aliases, tags, a second document, more than 256 kB or 20 levels are refused.",
    Code.CHARACTER: "A character that cannot be seen, or that has a meaning of its own for machines, stands in a text.",
    Code.NO_TRANSLATION: "A locale that people will be written to in has no words for this.",
    Code.CONTRADICTION: "Two facts that are both confirmed cannot both be true. Correct one, or call it suspected.",
    Code.TEMPLATE_MISSING: "A step sends a notice that has no template in some language or on some channel.",
    Code.TEMPLATE_WRONG: "The template cannot be read, or asks for a value that a notice does not have.",
    Code.CIRCLE: "Steps wait for each other in a circle, so none of them would ever be due.",
    Code.NO_TABLE: "The audience file cannot be read as a table from its first row to its last.",
    Code.HEADER: "The first row of an audience file names the columns; one is missing or stands twice.",
    Code.TOO_MANY_BAD_ROWS: "So many rows are bad that the export itself is probably wrong; nothing is taken from it.",
}
