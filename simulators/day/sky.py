"""The sky over the district: how high the sun stands and how warm the air is, by the time of year and of day."""

from __future__ import annotations

from math import acos, cos, pi, radians, sin

_LATITUDE = radians(31.7)
_LONGITUDE_DEG = 119.95
_DAY_S = 86_400.0
_YEAR_S = 365.2425 * _DAY_S


def outdoor_c(at_s: float) -> float:
    """The air in the shade, °C, at ``at_s`` (seconds since 1970, UTC): about 3 in January, 29 in July."""
    year = (at_s % _YEAR_S) / _YEAR_S
    season = 15.0 - 12.5 * cos(2 * pi * (year - 0.055))  # coldest about 20 January
    return season + 9.0 * (sun_height(at_s - 2 * 3600.0) - 0.3)  # warmest two hours after noon


def sun_height(at_s: float) -> float:
    """Sine of the sun's height over the district, 0 at night."""
    declination = _declination(at_s)
    hour_angle = 2 * pi * ((at_s % _DAY_S) / _DAY_S + _LONGITUDE_DEG / 360.0) - pi
    height = sin(_LATITUDE) * sin(declination) + cos(_LATITUDE) * cos(declination) * cos(hour_angle)
    return max(0.0, height)


def sun_reaches(noon_s: float, height: float) -> tuple[float, float]:
    """When the sun rises above ``height`` (its sine) and sinks below it: seconds before and after solar noon of the day
    on which ``noon_s`` lies, as (rise, set) since 1970. It does both on every day of the year at this latitude.
    """
    declination = _declination(noon_s)
    day_s = noon_s - (noon_s % _DAY_S)
    solar_noon_s = day_s + _DAY_S * (0.5 - _LONGITUDE_DEG / 360.0)
    cosine = (height - sin(_LATITUDE) * sin(declination)) / (cos(_LATITUDE) * cos(declination))
    half_s = acos(max(-1.0, min(1.0, cosine))) / (2 * pi) * _DAY_S
    return solar_noon_s - half_s, solar_noon_s + half_s


def _declination(at_s: float) -> float:
    return radians(-23.44) * cos(2 * pi * ((at_s % _YEAR_S) / _YEAR_S + 10 / 365))
