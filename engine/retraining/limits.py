"""What a day's data may differ by before nobody should train on it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from engine.errors import SettingsError


@dataclass(frozen=True)
class Limits:
    """Each drift check needs both: an effect beyond its limit, and more than chance would give (`alpha`).

    psi:        population stability index of a distribution; from 0.25 on it "has shifted" (Siddiqi, Credit Risk
                Scorecards, 2006, ch. 10, and long before it the practice of credit scoring)
    js:         Jensen-Shannon distance (base 2) of hours; 0.21 is what a PSI of 0.25 comes to for small differences,
                because PSI = 8 JSD there, both being chi-square distances in their second order
    ks:         Kolmogorov-Smirnov distance of prices; 0.197 is what half a standard deviation, a medium effect by Cohen
                (Statistical Power Analysis, 1988, ch. 2), makes of two normal distributions: 2 Phi(0.25) - 1
    alpha:      the chance of one check to refuse a day that has not drifted
    least:      users below which a distribution is not judged
    fewer, more: the newest day's rows must not be less, or more, than this many times those of good days
    lost:       the share of rows of a table that may be gone since the last good run
    unknown:    how far the share of events whose item the catalogue doesn't hold may rise
    doubles:    how far the share of repeated events may rise
    nulls:      how far the share of missing values of an optional column may rise
    rejected:   the share of new events that may be unusable
    age:        hours since the newest event; judged only where events used to be younger
    shown:      rows of a check that the report shows
    """

    psi: float = 0.25
    js: float = 0.21
    ks: float = 0.197
    alpha: float = 0.001
    least: int = 30
    fewer: float = 0.4
    more: float = 3.0
    lost: float = 0.2
    unknown: float = 0.05
    doubles: float = 0.05
    nulls: float = 0.2
    rejected: float = 0.05
    age: float = 72.0
    shown: int = 5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 < value < float("inf"):
                raise SettingsError(f"The limit {field.name} is {value}; it must be above 0 and finite.")
