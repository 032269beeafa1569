"""Processes of our own, beside the one that was asked."""

import gc
import threading
from multiprocessing import get_context
from multiprocessing.process import BaseProcess


def process_kind() -> type[BaseProcess]:
    """How another process begins: a fork shares what is loaded, but only one without other threads may be forked."""
    return (get_context("fork") if threading.active_count() == 1 else get_context("spawn")).Process


def expect_few_cycles() -> None:
    """Have Python look for cycles of objects only now and then: few are made, and looking takes a tenth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
