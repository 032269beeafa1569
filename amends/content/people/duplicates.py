"""Where a value first stood in a list of a million rows, without keeping the values."""

from array import array

FEWEST = 1 << 10


class FirstRows:
    """Rows by the hash of a value, which is salted and 64 bits wide.

    Open addressing in two arrays, at least half empty: 24 to 48 bytes a value, where a dictionary takes a hundred.
    """

    def __init__(self) -> None:
        self._make_room(FEWEST)

    def expect(self, values: int) -> None:
        """Make room for so many at once; to be said before the first is noted."""
        self._make_room(max(FEWEST, 1 << (2 * values).bit_length()))

    def row_of(self, key: int) -> int:
        """Where the value with this hash was first noted; 0 if it was not."""
        return self._rows[self._place(key or 1)]

    def note(self, key: int, row: int) -> int:
        """Note that it stands in this row, counted from 1; where it first stood, which may be this one."""
        place = self._place(key := key or 1)
        if first := self._rows[place]:
            return first
        self._keys[place], self._rows[place] = key, row
        self._count += 1
        if self._count * 2 > len(self._keys):
            self._grow()
        return row

    def _place(self, key: int) -> int:
        """Where this key stands, or may stand."""
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
                self.note(key, row)
