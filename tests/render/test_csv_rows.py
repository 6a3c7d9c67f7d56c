"""Rows as comma-separated values."""

from __future__ import annotations

import csv
import io
from typing import Any, NamedTuple

from commands.command import Data
from netsh.render.csv_rows import CsvRows
from stack.addr import Ip4


class Inner(NamedTuple):
    packets: int
    flags: tuple[str, ...]


class Outer(NamedTuple):
    name: str
    address: Ip4 | None
    up: bool
    inner: Inner
    addresses: tuple[Any, ...] = ()


def test_names_come_once_and_rows_in_rows_are_columns() -> None:
    rows = CsvRows()
    first = rows.text_of(Outer('a "b", c', Ip4(1), True, Inner(3, ("UP", "X")), (Inner(1, ()), Inner(2, ("Y",)))))
    assert first == 'name,address,up,inner.packets,inner.flags,addresses\n"a ""b"", c",0.0.0.1,true,3,UP X,"1 2,Y"\n'
    assert rows.text_of(Outer("x\ny", None, False, Inner(0, ()))) == '"x\ny",,false,0,,\n'


def test_rows_of_another_kind_have_names_of_their_own() -> None:
    rows = CsvRows()
    text = rows.text_of(Inner(1, ())) + rows.text_of(Data(b"a,b\n")) + rows.text_of(Inner(2, ()))
    assert text == 'packets,flags\n1,\n\ndata\n"a,b\n"\n\npackets,flags\n2,\n'
    assert list(csv.reader(io.StringIO(text)))[4] == ["a,b\n"]
