"""The sending engine, as bench/deliver.py runs it, each time with a ledger of its own."""

import shlex
import sys
import uuid
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from bench.peers.measure import Run, measured

DELIVER = Path(__file__).parents[1] / "deliver.py"


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--ledger", default="", help="a PostgreSQL server to make ledgers on, instead of SQLite")
    parser.add_argument("--engine-args", default="", help='more for bench/deliver.py: --engine-args="--a 1 --b"')
    parser.add_argument("--delay", type=int, default=0, help="milliseconds by which the mail server's replies are late")


def options_told(options: Namespace) -> str:
    """The same as on the command line, without the server's address, which may hold a password."""
    told = ["--ledger ADDRESS"] if options.ledger else []
    told += [f"--engine-args={shlex.quote(options.engine_args)}"] if options.engine_args else []
    return " ".join(told + ([f"--delay {options.delay}"] if options.delay else []))


def engine(people: int, options: Namespace) -> Run:
    with fresh_ledger(options.ledger) as ledger:
        given = (["--ledger", ledger] if ledger else []) + shlex.split(options.engine_args)
        command = [sys.executable, str(DELIVER), "--people", str(people)]
        return measured("the engine", people, lambda port, _: [*command, "--port", str(port), *given], options.delay)


@contextmanager
def fresh_ledger(server: str) -> Iterator[str]:
    """The address of an empty database on this server, dropped afterwards; nothing where there is no server."""
    if not server:
        yield ""
        return
    address, name = make_url(server).set(drivername="postgresql"), f"amends_bench_{uuid.uuid4().hex}"
    with psycopg.connect(address.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            fresh = address.set(drivername="postgresql+psycopg", database=name)
            yield fresh.render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
