"""The first row of each value in a list of a million rows, found without keeping the values."""

from array import array

FEWEST = 1 << 10


class FirstRows:
    """A hash table from values to the rows in which they first stood; a hash is salted and 64 bits wide.

    Open addressing in two arrays that are at least half empty takes 24 to 48 bytes a value, a dictionary a hundred.
    """

    def __init__(self) -> None:
        self._make_room(FEWEST)

    def expect(self, values: int) -> None:
        """Make room for this many values at once; call before the first value is recorded, because rows are dropped."""
        self._make_room(max(FEWEST, 1 << (2 * values).bit_length()))

    def row_of(self, key: int) -> int:
        """Return the first row of the value with this hash, or 0 when the value was not recorded."""
        return self._rows[self._place(key or 1)]

    def record(self, key: int, row: int) -> int:
        """Record that the value with this hash stands in this row, counted from 1, and return its first row."""
        place = self._place(key := key or 1)
        if first := self._rows[place]:
            return first
        self._keys[place], self._rows[place] = key, row
        self._count += 1
        if self._count * 2 > len(self._keys):
            self._grow()
        return row

    def _place(self, key: int) -> int:
        """Return the index of this key, or the free index at which to store the key."""
        keys, mask = self._keys, self._mask
        place = key & mask
        while (found := keys[place]) and found != key:
            place = place + 1 & mask
        return place

    def _make_room(self, places: int) -> None:
        self._mask, self._count = places - 1, 0
        self._keys, self._rows = array("q", bytes(8 * places)), array("I", bytes(4 * places))

    def _grow(self) -> None:
        known = zip(self._keys, self._rows, strict=True)
        self._make_room(2 * len(self._keys))
        for key, row in known:
            if key:
                self.record(key, row)
