"""The table at the end: what was counted, and what was wanted."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        scenario, database: What was done, and to which database.
        counted: What was counted, in words.
        wanted: What had to be counted.
        ok: Whether it was; None if it was not run.
    """

    scenario: str
    database: str
    counted: str
    wanted: str
    ok: bool | None


@dataclass
class Tally:
    """Figures of one scenario, each with what it has to be. A figure without a wish is only printed."""

    figures: list[tuple[str, object, object]] = field(default_factory=list)

    def want(self, name: str, counted: object, wanted: object) -> None:
        """Note a figure that has to be equal to ``wanted``."""
        self.figures.append((name, counted, wanted))

    def at_most(self, name: str, counted: float, wanted: float, unit: str = "") -> None:
        """Note a figure that has to be at most ``wanted``."""
        good = counted <= wanted
        shown = f"{counted:g}{unit}" if isinstance(counted, int) else f"{counted:.2f}{unit}"
        self.figures.append((name, shown, shown if good else f"at most {wanted:g}{unit}"))

    def say(self, name: str, counted: object) -> None:
        """Note a figure for people."""
        self.figures.append((name, counted, None))

    def row(self, scenario: str, database: str) -> Row:
        """Return the line."""
        wishes = [(name, wanted) for name, _, wanted in self.figures if wanted is not None]
        return Row(
            scenario,
            database,
            ", ".join(f"{name} {counted}" for name, counted, _ in self.figures),
            ", ".join(f"{name} {wanted}" for name, wanted in wishes),
            all(counted == wanted for _, counted, wanted in self.figures if wanted is not None),
        )
