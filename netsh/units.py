"""Numbers with units, as `bus` and `clock` take and print them: `10ms`, `10Mbit/s`, `1%`.

What is printed reads back to the very same number.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Quantity(NamedTuple):
    """A kind of number: its units, each a power of ten of what it is kept in, the largest first."""

    units: dict[str, int]
    example: str


DURATION = Quantity({"s": 0, "ms": -3, "us": -6, "ns": -9}, "10ms")  # kept in seconds
RATE = Quantity({"Gbit/s": 9, "Mbit/s": 6, "kbit/s": 3, "bit/s": 0}, "10Mbit/s")  # kept in bits a second
SHARE = Quantity({"%": -2}, "1%")  # kept as 0 to 1

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?(?:e-?[0-9]{1,2}(?![0-9]))?|\.[0-9]+)(.*)", re.ASCII)


def parse(quantity: Quantity, text: str) -> float:
    """Read a number with its unit; ValueError, with the cure, when the unit or the number is missing."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text}: not a number with a unit, such as {quantity.example}")
    number, unit = found[1], found[2]
    if not unit and not float(number):
        return 0.0  # nothing is nothing in any unit
    powers = {name.lower(): power for name, power in quantity.units.items()}
    if unit.lower() not in powers:
        what = f"{unit} is no unit here" if unit else "the unit is missing"
        raise ValueError(f"{text}: {what}; it is one of {', '.join(quantity.units)}, as in {quantity.example}")
    mantissa, _, exponent = number.partition("e")
    return float(f"{mantissa}e{int(exponent or 0) + powers[unit.lower()]}")  # exact, as a product would not be


def unparse(quantity: Quantity, value: float) -> str:
    """The number with the unit that makes it short."""
    for unit, power in quantity.units.items():
        text = f"{value / 10.0**power:.15g}"
        if float(text) >= 1 and "e" not in text and float(f"{text}e{power}") == value:
            return text + unit
    unit, power = list(quantity.units.items())[-1]
    mantissa, _, exponent = repr(float(value)).partition("e")
    shifted = int(exponent or 0) - power
    if not value:
        return "0" + unit
    plain = f"{value / 10.0**power:.15g}"
    if "e" not in plain and float(f"{plain}e{power}") == value:
        return plain + unit
    return f"{mantissa}e{shifted}{unit}" if shifted else mantissa + unit
