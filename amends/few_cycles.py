"""For processes that do one thing with very many people."""

import gc


def expect_few_cycles() -> None:
    """Have Python look for cycles of objects only now and then: few are made, and looking takes a tenth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
