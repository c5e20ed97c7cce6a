"""The figures, and the goals that they are compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Row:
    """One contender: its name, and its figures in the order of the section's columns."""

    name: str
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Goal:
    """A goal with the measured figure."""

    name: str
    value: float
    sense: Literal["<=", ">=", "<"]
    limit: float
    unit: str = "×"

    @property
    def met(self) -> bool:
        if self.sense == "<":
            return self.value < self.limit
        return self.value <= self.limit if self.sense == "<=" else self.value >= self.limit

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "sense": self.sense,
            "limit": self.limit,
            "unit": self.unit,
            "met": self.met,
        }


@dataclass
class Section:
    """One table with its goals and notes."""

    title: str
    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "rows": [{"name": row.name, **dict(zip(self.columns, row.figures, strict=True))} for row in self.rows],
            "goals": [goal.to_dict() for goal in self.goals],
            "notes": self.notes,
        }
