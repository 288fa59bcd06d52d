"""CSV with a header line; comma, semicolon or tab, told by the header."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from .rows import BadRow, Row


@dataclass(frozen=True, slots=True)
class CsvForm:
    """What the header says: the columns' names and what stands between them."""

    columns: tuple[str, ...]
    delimiter: str

    @classmethod
    def of_header(cls, text: str) -> CsvForm:
        """Raises BadRow when the header names a column twice or none."""
        delimiter = max(",;\t", key=text.count)
        columns = tuple(cell.strip() for cell in _cells(text, delimiter))
        if not any(columns):
            raise BadRow("", "is no header of CSV")
        named = [column for column in columns if column]
        if len(set(named)) < len(named):
            raise BadRow("", "is a header that names a column twice")
        return cls(columns, delimiter)

    def decode(self, text: str) -> Row:
        """The cells of a record by column, empty ones left out. Raises BadRow."""
        cells = _cells(text, self.delimiter)
        if len(cells) > len(self.columns) and not any(cells[len(self.columns) :]):
            cells = cells[: len(self.columns)]
        if len(cells) != len(self.columns):
            raise BadRow("", f"has {len(cells)} cells where the header has {len(self.columns)}")
        pairs = zip(self.columns, cells, strict=True)
        return {column: cell for column, cell in pairs if column and cell.strip()}

    def unfinished(self, data: bytes) -> bool:
        """Whether a record ends inside quotes and so goes on with the next line."""
        if data.count(b'"') % 2 == 0:
            return False
        # An odd number may also come from a quote inside of an unquoted cell (6" pipe).
        inside, at_start, quote, delimiter = False, True, ord('"'), ord(self.delimiter)
        for byte in data:
            if byte == quote:
                inside = not inside if inside or at_start else inside
                # A doubled quote closes and opens again: the cell is still a quoted one.
                at_start = not inside
            elif not inside:
                at_start = byte in (delimiter, 10, 13)
        return inside


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=False))
    except csv.Error as error:
        raise BadRow("", f"is not CSV: {error}") from error
    return rows[0] if rows else []
