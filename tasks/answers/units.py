"""Units: what a phrase behind a number measures, as an exact multiple of a few base units."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache


@dataclass(frozen=True)
class Unit:
    """powers: base unit -> power, sorted; factor: how many of those it is; name: as a form writes it.

    Currencies, angles, percentages and calendar times are bases of their own. A noun (`books`, `square units`) has no
    powers: it is a word that only says what was counted.
    """

    name: str
    factor: Fraction = Fraction(1)
    powers: tuple[tuple[str, int], ...] = ()

    @property
    def is_noun(self) -> bool:
        return not self.powers


# base units with powers, factor, names; a symbol with ~ takes SI prefixes, and so do the full names beside it;
# a name with ! is a unit only if a space or \text{} marks it: glued to a number it is a variable
_TABLE = """
m 1 ~m! meter metre
m 127/5000 inch! inches in!
m 381/1250 foot feet ft
m 1143/1250 yard yd
m 201168/125 mile mi
m 1852 nauticalmile nmi
m2 10000 hectare ha!
m2 316160658/78125 acre
s 1 ~s! second sec
s 60 minute min
s 3600 hour hr h!
s 86400 day
s 604800 week wk
month 1 month mo!
month 12 year yr
month 120 decade
month 1200 century centuries
g 1 ~g! gram gramme
g 1000000 tonne t!
g 45359237/100000 pound lb
g 45359237/1600000 ounce oz
g 90718474/100 ton
m3 1/1000 ~l! ~L! liter litre
m3 473176473/125000000000 gallon gal
m3 473176473/500000000000 quart qt
m3 473176473/1000000000000 pint
m3 473176473/2000000000000 cup
g1m1s-2 1000 ~N! newton
g1m2s-2 1000 ~J! joule
g1m2s-2 4184 ~cal! calorie
g1m2s-2 801088317/5000000000000000000000000 ~eV! electronvolt
g1m2s-3 1000 ~W! watt
g1m-1s-2 1000 ~Pa! pascal
g1m-1s-2 100000 bar
s-1 1 ~Hz! hertz
A 1 ~A! ampere amp
As 1 ~C! coulomb
V 1 ~V! volt
ohm 1 ~Ω ohm
F 1 ~F! farad
T 1 ~T! tesla
mol 1 ~mol mole
mol1m-3 1000 M! molar
K 1 K! kelvin
celsius 1 celsius degc
fahrenheit 1 fahrenheit degf
byte 1 ~B! byte
byte 1/8 bit
degree 1 degree deg
degree 1/60 arcminute
radian 1 radian rad
usd 1 dollar usd buck
usd 1/100 cent penny pennies
usd 1/20 nickel!
usd 1/10 dime!
eur 1 euro eur
gbp 1 poundsterling gbp
gbp 1/100 pence
jpy 1 yen jpy
cny 1 yuan rmb cny
inr 1 rupee rs inr
krw 1 won krw
rub 1 ruble rub
percent 1 percent percentagepoint pp
"""
# a unit and its names in other languages and scripts
_OTHER_SCRIPTS = """
m metro metros mètre mètres metri
km kilómetro kilómetros kilomètre kilomètres Kilometer chilometri
cm centímetro centímetros centimètre centimètres Zentimeter centimetri
kg kilogramo kilogramos kilogramme kilogrammes Kilogramm
h hora horas heure heures Stunde Stunden ora ore
min minuto minutos Minuten minuti
s segundo segundos seconde secondes Sekunden secondi
day día días jour jours Tag Tage giorni
degree grado grados degré degrés Grad gradi
euro euros
mm 毫米 мм
cm 厘米 公分 센티미터 センチ см сантиметров
dm 分米
m 米 미터 メートル м метров
km 公里 千米 킬로미터 キロ км километров
g 克 그램 グラム г
kg 千克 公斤 킬로그램 кг
tonne 吨
L 升 л
mL 毫升
s 秒 초 с секунд
min 分钟 分鐘 분 мин минут
h 小时 小時 시간 時間 ч часов часа
day 天
week 周
year 年
month 个月
yuan 元
dollar 美元
yen 円 日元
degree 度 градусов
m^2 平方米
cm^2 平方厘米
km^2 平方公里
m^3 立方米
cm^3 立方厘米
won 원
ruble руб рублей
"""
_PREFIXES = {
    "n": -9, "μ": -6, "µ": -6, "u": -6, "m": -3, "c": -2, "d": -1, "k": 3, "M": 6, "G": 9, "T": 12,
    "nano": -9, "micro": -6, "milli": -3, "centi": -2, "deci": -1, "kilo": 3, "mega": 6, "giga": 9, "tera": 12,
}  # fmt: skip
_POWER_WORDS = {"sq": 2, "square": 2, "squared": 2, "cubic": 3, "cubed": 3, "cu": 3}
UNNAMED = ("unit", "units", "u")
"""Generic words: they name no unit."""


@cache
def _units() -> dict[str, tuple[Unit, bool]]:
    """Every name -> its unit, and whether it must be marked."""
    named: dict[str, tuple[Unit, bool]] = {}
    for line in _TABLE.split("\n")[1:-1]:
        base, factor, *names = line.split()
        powers = tuple(sorted((b, int(p or 1)) for b, p in re.findall(r"([a-z]{3,}|[A-Za-z])(-?\d*)", base)))
        bare = [name.strip("~!") for name in names]
        first = max(bare, key=lambda n: (len(n) > 2, -bare.index(n)))
        unit = Unit(first, Fraction(factor), powers)
        prefixed = any(name.startswith("~") for name in names)
        for name in names:
            plain, marked = name.strip("~!"), name.endswith("!")
            spellings = {plain} if plain.endswith("s") or len(plain) == 1 else {plain, f"{plain}s"}
            named |= dict.fromkeys(spellings, (unit, marked))
            symbol = name.startswith("~")
            for prefix, power in _PREFIXES.items() if prefixed and (symbol or len(plain) > 2) else ():
                if symbol == (len(prefix) < 3):  # km, kilometer
                    scaled = Unit(_full_prefix(power) + first, unit.factor * Fraction(10) ** power, powers)
                    named |= {prefix + spelling: (scaled, False) for spelling in ({plain} if symbol else spellings)
                              if prefix + spelling not in named}  # fmt: skip
    for line in _OTHER_SCRIPTS.split("\n")[1:-1]:
        same, *names = line.split()
        if (found := _factor_of(same, named, marked=True)) is not None:
            named |= dict.fromkeys(names, (found, False))
    return named


def _full_prefix(power: int) -> str:
    return next(name for name, size in _PREFIXES.items() if size == power and len(name) > 2)


def unit_of(phrase: str, marked: bool) -> Unit | None:
    """The unit that a phrase names: `cm`, `square feet`, `m/s^2`, `m s^{-2}`, `miles per hour`; None for other words.

    `marked`: a space or \\text{} stands before it, so that one letter is a unit, too.
    """
    if len(phrase) > 80:
        return None
    return _read(phrase, marked)


@lru_cache(maxsize=1 << 12)
def _read(phrase: str, marked: bool) -> Unit | None:
    plain = re.sub(r"[{}\\]", "", phrase).replace("·", " ").replace("⋅", " ").replace("*", " ").strip(" .")
    plain = re.sub(r"\b(nautical) (mile)", r"\1\2", plain)
    plain = re.sub(r"\b(percentage) (point)", r"\1\2", plain)
    plain = re.sub(r"\b(light) (year)", r"\1\2", plain)
    plain = re.sub(r"\bpounds? sterling\b", "poundsterling", plain)
    plain = re.sub(r"(?:\^\s?)?\s?\bcirc ?([CF])\b|\bdegrees? ?(?:([CF])\b|(?=celsius|fahrenheit))", lambda f: {
        "C": "celsius", "F": "fahrenheit"}.get(f[1] or f[2] or "", ""), plain, flags=re.IGNORECASE)  # fmt: skip
    plain = {
        "mph": "mile/hour",
        "kph": "km/h",
        "kmh": "km/h",
        "US dollars": "dollars",
        "U.S. dollars": "dollars",
    }.get(plain, plain)
    above, *below = re.split(r"/|\bper\b", plain)
    units = _units()
    result = _factor_of(above, units, marked or bool(below)) if above.strip() else Unit("", Fraction(1), (("1", 0),))
    for part in below:
        divisor = _factor_of(part, units, marked=True)
        if result is None or divisor is None:
            return None
        result = _times(result, divisor, -1)
    if result is None or not (powers := tuple((b, p) for b, p in result.powers if p)):
        return None
    return Unit(result.name.strip("/*"), result.factor, powers)


def _factor_of(text: str, units: dict[str, tuple[Unit, bool]], marked: bool) -> Unit | None:
    """A product of units with powers: `kg m^2`, `square feet`, `cubic cm`."""
    words = re.sub(r"\s*\^\s*\(?\s*(-?\d)\s*\)?", r"^\1 ", text).split()
    result: Unit | None = None
    waiting = 1
    for word in words:
        if word.lower().rstrip(".") in _POWER_WORDS:
            power = _POWER_WORDS[word.lower().rstrip(".")]
            if word.lower().endswith("ed"):
                if result is None:
                    return None
                result = Unit(
                    f"{result.name}^{power}", result.factor**power, tuple((b, p * power) for b, p in result.powers)
                )
            else:
                waiting = power
            continue
        name, _, raised = word.partition("^")
        unit = _found(name.rstrip("."), units, marked or len(words) > 1)
        if unit is None or not re.fullmatch(r"-?[1-9]|", raised):
            return None
        power = int(raised or 1) * waiting
        waiting = 1
        result = _times(result, unit, power) if result else _times(Unit("", Fraction(1), ()), unit, power)
    return result if waiting == 1 else None


def _found(name: str, units: dict[str, tuple[Unit, bool]], marked: bool) -> Unit | None:
    unit, needs_mark = units.get(name) or units.get(name.lower()) or (None, False)
    if unit is not None and name not in units and len(name) < 3:
        return None  # KM is no kilometre for sure, and Mm no millimetre
    return None if unit is None or (needs_mark and not marked) else unit


def _times(first: Unit, second: Unit, power: int) -> Unit:
    powers = dict(first.powers)
    for base, of in second.powers:
        powers[base] = powers.get(base, 0) + of * power
    raised = f"{second.name}^{abs(power)}" if abs(power) > 1 else second.name
    name = f"{first.name}/{raised}" if power < 0 else f"{first.name} {raised}".strip()
    return Unit(name, first.factor * second.factor**power, tuple(sorted(powers.items())))
