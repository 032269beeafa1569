"""The words that a person wrote in a mail, without what mail programs and companies add: quotations, signatures, notes.

tests/domain/receipt/test_quotation.py has a table of examples, one for each program and language.
"""

import re
from html import unescape

QUOTED_LINE = re.compile(r"^[ \t]{0,4}>.*$", re.MULTILINE)
QUOTE_IN_HTML = re.compile(
    r"<blockquote\b|<includetail\b|<[a-z]{1,10}\b[^<>]{0,200}(?:gmail_quote|yahoo_quoted|divRplyFwdMsg|appendonsend"
    r"|protonmail_quote|moz-cite-prefix|isReplyContent|ntes-mailmaster-quote|messageReplySection|mail-editor-reference"
    r"|stopSpelling|OutlookMessageHeader|border-top:\s?solid #E1E1E1)",
    re.IGNORECASE,
)
"""The beginning of a quotation as Gmail, Yahoo, Outlook, Proton, Thunderbird, NetEase, Spark and QQ mark it."""
WHO_WROTE = re.compile(
    r"^[ \t]{0,4}(?:(?:on|am|le|el|il|op|em|den|w dniu)\b[^\n]{4,300}(?:\n[^\n]{0,200})?"
    r"(?:wrote|schrieb[^\n]{0,100}|a écrit|escribió|ha scritto|schreef[^\n]{0,100}|escreveu|skrev[^\n]{0,100})"
    r"|(?:在|于|於|\d{4}年)[^\n]{4,300}\n[^\n]{0,200}(?:写道|寫道)|[^\n]{4,300}(?:写道|寫道))"
    r"[ \t]{0,4}[:：][ \t]{0,4}$",
    re.IGNORECASE | re.MULTILINE,
)
"""The line above a quotation: On 3 Nov 2026 at 10:00, Example Ltd <info@example.org> wrote:"""
BEGINNING_OF_QUOTE = re.compile(
    r"^[ \t]{0,4}(?:-{2,}\s{0,4}"
    r"(?:original message|ursprüngliche nachricht|message d['’]origine|mensaje original"
    r"|forwarded message|weitergeleitete nachricht|message transféré"
    r"|原始邮件|原始郵件|原邮件|回复的原邮件|转发的?邮件)\b"
    r"|(?:begin forwarded message|anfang der weitergeleiteten nachricht|début du message (?:transféré|réexpédié)"
    r"|下面是被转发的邮件)[ \t]{0,4}[:：]"
    r"|_{20,}[ \t]{0,4}$|-- $|--[ \t]{0,4}$(?=(?s:.{0,400})\Z)"
    r"|\*?(?:from|von|de|da|发件人|寄件者|寄件人)[ \t]{0,4}[:：]\*?[^\n]{0,300}\n"
    r"[ \t]{0,4}\*?(?:sent|date|gesendet|datum|envoyé|enviado|inviato|data|发送时间|发送日期|日期|時間)"
    r"[^\n:：]{0,20}[:：])",
    re.IGNORECASE | re.MULTILINE,
)
"""The beginning of what a mail program adds below the words, and of a signature: nothing below it was just written."""
SENT_FROM = re.compile(
    r"^[ \t]{0,4}(?:(?:sent|get|gesendet|von meinem|von outlook|outlook|diese nachricht wurde von|envoyé|télécharge[rz]"
    r"|obtenez|enviado|inviato|verzonden)\b[^\n]{0,80}"
    r"(?:iphone|ipad|android|ios|samsung|galaxy|huawei|xiaomi|phone|handy|móvil|mobile|outlook|mail|gmx|web\.de)"
    r"[^\n]{0,60}|发自[^\n]{1,40}|(?:從|从)我的[^\n]{1,30}|(?:获取|下载)[ \t]{0,2}outlook[^\n]{0,40})$",
    re.IGNORECASE | re.MULTILINE,
)
"""The line that a telephone adds: Sent from my iPhone."""
EMPTY_LINES = re.compile(r"\n[ \t]{0,20}(?:\n[ \t]{0,20})+")
NO_BREAK = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2007": " ", "\ufeff": None})
DISCLAIMERS = (
    r"confidential|intended|recipient|addressee|privileged|delete|disclos|unauthori[sz]ed|in error|liab",
    r"vertraulich|empfänger|adressat|löschen|vernichten|irrtümlich|unbefugt|weitergabe|haftung",
    r"confidentiel|destinataire|par erreur|détruire|supprimer|divulg|responsabilité",
    r"保密|机密|機密|收件人|误收|错误|誤收|删除|刪除|销毁|披露|责任",
)
"""The words of a legal disclaimer, by language: a paragraph with three of them is one."""
MARKS_OF_A_DISCLAIMER = 3
DISCLAIMER_WORDS = tuple(re.compile(words, re.IGNORECASE) for words in DISCLAIMERS)

PIECE = re.compile(r"<(/?)([a-z][a-z0-9:]{0,20})\b[^<>]*>|<!--|-->|<![^<>]*>|<>", re.IGNORECASE)
"""A tag or an end of a comment. No piece reaches beyond the next angle bracket, so that time is linear."""
HIDDEN = ("style", "script", "title", "svg", "object")
"""The elements whose content nobody sees."""
INLINE = frozenset("a abbr b big code em font i img ins label mark o:p s small span strong sub sup tt u wbr".split())
"""The elements that break no line."""


def without_quotation(whole: str) -> str:
    """Return what a person wrote in a mail, without quoted lines, the line above them, signature and disclaimer."""
    plain = whole.translate(NO_BREAK)
    has_marks = QUOTED_LINE.search(plain) is not None
    bare = cut(QUOTED_LINE.sub("", plain), BEGINNING_OF_QUOTE)
    # Where quoted lines have no mark, everything below the line that names their writer is quoted.
    bare = WHO_WROTE.sub("", bare) if has_marks else cut(bare, WHO_WROTE)
    return _without_disclaimers(SENT_FROM.sub("", bare).strip())


def cut(whole: str, beginning: re.Pattern[str]) -> str:
    """Return the text up to the first match."""
    found = beginning.search(whole)
    return whole[: found.start()] if found else whole


def inert(html: str) -> str:
    """Return the text that a reader of the HTML sees: no tag, no script, no address of a picture is left."""
    seen, hidden, end = [], "", 0
    for piece in PIECE.finditer(html):
        if not hidden:
            seen.append(html[end : piece.start()])
            seen.append(_space_of(piece[2]))
        hidden = _hidden_after(piece, hidden)
        end = piece.end()
    return _unescaped("".join(seen) + ("" if hidden else html[end:]))


def _space_of(name: str | None) -> str:
    if name is None or name.lower() in INLINE:
        return ""
    return " " if name.lower() in ("td", "th") else "\n"


def _hidden_after(piece: re.Match[str], hidden: str) -> str:
    """Return the element that hides what follows this piece, or an empty text."""
    name = (piece[2] or piece[0]).lower()
    if not hidden:
        opens = name == "<!--" or (name in HIDDEN and not piece[1] and not piece[0].endswith("/>"))
        return name if opens else ""
    ends = (hidden == "<!--" and name == "-->") or (hidden == name and bool(piece[1])) or name == "body"
    return "" if ends else hidden


def _unescaped(text: str) -> str:
    try:
        plain = unescape(text)
    except ValueError:  # A character reference of thousands of digits.
        plain = text
    return EMPTY_LINES.sub("\n\n", plain.translate(NO_BREAK)).strip()


def _without_disclaimers(words: str) -> str:
    """Return the words without the paragraphs that are legal disclaimers; a text that is nothing else stays."""
    paragraphs = EMPTY_LINES.split(words)
    kept = [paragraph for paragraph in paragraphs[1:] if not _is_disclaimer(paragraph)]
    return words if len(kept) == len(paragraphs) - 1 else "\n\n".join((paragraphs[0], *kept)).strip()


def _is_disclaimer(paragraph: str) -> bool:
    return any(
        len({found.lower() for found in words.findall(paragraph)}) >= MARKS_OF_A_DISCLAIMER
        for words in DISCLAIMER_WORDS
    )
