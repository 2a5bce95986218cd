"""Units of measurement: what each one measures, and how much of the base unit it is."""

from dataclasses import dataclass

DAYS_PER_MONTH = 30.437  # the mean of the Gregorian calendar
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Unit:
    """`value * factor + offset` is the amount in the base unit of `dimension`. A currency is a dimension of its own."""

    dimension: str
    factor: float = 1.0
    offset: float = 0.0


_TIME = {
    "ms msec millisecond milliseconds": 0.001, "s sec secs second seconds": 1, "min mins minute minutes": 60,
    "h hr hrs hour hours": 3600, "d day days": 86_400, "week weeks wk wks": 7 * 86_400,
    "month months": DAYS_PER_MONTH * 86_400, "year years yr yrs": DAYS_PER_YEAR * 86_400,
    "fortnight fortnights": 14 * 86_400, "decade decades": 10 * DAYS_PER_YEAR * 86_400,
}  # fmt: skip
_LENGTH = {
    "nm nanometre nanometres nanometer nanometers": 1e-9, "µm um micrometre micrometres micrometer micrometers": 1e-6,
    "mm millimetre millimetres millimeter millimeters": 1e-3, "cm centimetre centimetres centimeter centimeters": 0.01,
    "m metre metres meter meters": 1, "km kilometre kilometres kilometer kilometers": 1000,
    "inch inches": 0.0254, "ft foot feet": 0.3048, "yd yard yards": 0.9144, "mile miles mi": 1609.344,
}  # fmt: skip
_MASS = {
    "ng nanogram nanograms": 1e-9, "µg ug mcg microgram micrograms": 1e-6, "mg milligram milligrams": 1e-3,
    "g gram grams": 1, "kg kilo kilos kilogram kilograms": 1000, "t tonne tonnes": 1e6, "lb lbs": 453.592,
    "oz ounce ounces": 28.3495,
}  # fmt: skip
_VOLUME = {
    "µl ul microlitre microlitres microliter microliters": 1e-6, "ml millilitre millilitres milliliter milliliters": 1e-3,
    "cl centilitre centilitres": 0.01, "dl decilitre decilitres": 0.1, "l litre litres liter liters": 1, "gallon gallons": 3.785,
}  # fmt: skip
_SCALED: dict[str, dict[str, float]] = {
    "time": _TIME, "length": _LENGTH, "mass": _MASS, "volume": _VOLUME,
    "": {"% percent pct": 0.01, "‰": 0.001},
    "times": {"times fold x ×": 1},
    "area": {"mm² mm2": 1e-6, "cm² cm2": 1e-4, "m² m2": 1, "km² km2": 1e6, "ha hectare hectares": 1e4, "acre acres": 4046.86},
    "cubic": {"mm³ mm3": 1e-9, "cm³ cm3": 1e-6, "m³ m3": 1},
    "frequency": {"hz hertz": 1, "khz": 1e3, "mhz": 1e6, "ghz": 1e9},
    "voltage": {"µv uv microvolts": 1e-6, "mv millivolts": 1e-3, "v volt volts": 1, "kv": 1e3},
    "current": {"µa ua": 1e-6, "ma milliampere milliamperes": 1e-3, "a amp amps ampere amperes": 1},
    "power": {"mw": 1e-3, "w watt watts": 1, "kw kilowatt kilowatts": 1e3},
    "energy": {"j joule joules": 1, "kj": 1e3, "cal calories": 4.184, "kcal kilocalories": 4184, "kwh": 3.6e6},
    "pressure": {"pa": 1, "kpa": 1e3, "mmhg": 133.322, "bar": 1e5, "mbar": 100, "psi": 6894.76},
    "data": {"kb": 1e3, "mb megabytes megabyte": 1e6, "gb gigabytes gigabyte": 1e9, "tb terabytes terabyte": 1e12},
    "amount": {"nmol": 1e-9, "µmol umol": 1e-6, "mmol": 1e-3, "mol": 1},
    "speed": {"mph": 0.44704, "kph": 1 / 3.6},
    "angle": {"° degree degrees": 1},
    "EUR": {"€ eur euro euros": 1}, "USD": {"$ usd dollar dollars": 1}, "GBP": {"£ gbp": 1}, "CHF": {"chf": 1},
    "cent": {"cent cents": 1},
}  # fmt: skip
_TEMPERATURES = {
    "°c celsius": Unit("temperature", 1, 273.15), "°f fahrenheit": Unit("temperature", 5 / 9, 459.67 * 5 / 9),
}  # fmt: skip
_ALL = [(names, Unit(dimension, factor)) for dimension, scale in _SCALED.items() for names, factor in scale.items()]
UNITS: dict[str, Unit] = {name: unit for names, unit in (*_ALL, *_TEMPERATURES.items()) for name in names.split()}
"""By name in small letters. Where capitals matter (mW, MW), the common one."""

CURRENCIES = frozenset(("€", "$", "£"))
"""Units that are also written before the number."""

ONE_LETTER = frozenset("sdhmgtlvawjx")
"""Units that are words or names elsewhere: only taken for units directly after a number."""

DAILY = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "yearly": "year", "annually": "year"}
"""Adverbs of rate and the unit of time that each is per."""
