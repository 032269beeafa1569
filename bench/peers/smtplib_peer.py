"""What a good Python developer would write: smtplib with one connection, EmailMessage, Jinja2, sqlite3.

python bench/peers/smtplib_peer.py PORT FOLDER DATABASE

FOLDER holds what make_people.py made. Every message gets a row in the database, a hundred rows a commit. The clock
runs from the first message to the last: starting up, reading the list and compiling the templates do not count.
"""

import csv
import json
import smtplib
import sqlite3
import sys
import time
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, Template

ROWS_PER_COMMIT = 100
TABLE = """CREATE TABLE delivery(
  recipient_id INTEGER NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL, status TEXT NOT NULL, code TEXT,
  message_id TEXT, sent_at REAL, PRIMARY KEY(recipient_id, channel)) WITHOUT ROWID"""


def main(port: int, folder: Path, file: str) -> None:
    common = json.loads((folder / "common.json").read_text(encoding="utf-8"))
    loader = FileSystemLoader(folder)
    text = Environment(loader=loader, autoescape=False, keep_trailing_newline=True).get_template("letter.txt.j2")
    html = Environment(loader=loader, autoescape=True).get_template("letter.html.j2")
    with (folder / "people.csv").open(encoding="utf-8", newline="") as people:
        persons = list(csv.DictReader(people))
    database = _records(file)
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.ehlo()
        began, cpu = time.perf_counter(), time.process_time()
        for count, person in enumerate(persons, 1):
            message = _message(common, person, text, html)
            server.send_message(message)
            row = (person["id"], "email", person["email"], "sent", "250", message["Message-ID"], time.time())
            database.execute("INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            if count % ROWS_PER_COMMIT == 0:
                database.commit()
        database.commit()
        print(f"SEND_S={time.perf_counter() - began:.3f}\nCPU_S={time.process_time() - cpu:.3f}")
    database.close()


def _records(file: str) -> sqlite3.Connection:
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(TABLE)
    database.commit()
    return database


def _message(common: dict[str, str], person: dict[str, str], text: Template, html: Template) -> EmailMessage:
    values = {**common, **person, "items": person["items"].split("|")}
    message = EmailMessage(policy=SMTP)
    message["Subject"], message["From"], message["To"] = common["subject"], common["from"], person["email"]
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="breach.example")
    message.set_content(text.render(values))
    message.add_alternative(html.render(values), subtype="html")
    return message


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
