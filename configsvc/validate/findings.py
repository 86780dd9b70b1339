"""What is to be said about a document: faults and warnings, each with its path."""

from dataclasses import dataclass, field

# Keys and indices from the root of the document.
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to be said; line and column count from 1, 0 when unknown."""

    path: Path
    message: str
    line: int = 0
    column: int = 0

    @property
    def dotted(self) -> str:
        """The path for people: `routes[3].prefix`."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return "".join(parts).removeprefix(".")


@dataclass(frozen=True, slots=True)
class Findings:
    """Collects faults and warnings; children made by `at` write into the same lists under their own path."""

    path: Path = ()
    faults: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def at(self, *parts: str | int) -> "Findings":
        """The collector for a part of what this one is for."""
        return Findings((*self.path, *parts), self.faults, self.warnings)

    def fault(self, message: str) -> None:
        """Notes that the document cannot be published."""
        self.faults.append(Finding(self.path, message))

    def expect(self, holds: bool, message: str) -> None:
        """Notes a fault unless `holds`."""
        if not holds:
            self.fault(message)

    def warn(self, message: str) -> None:
        """Notes what is allowed and probably not meant."""
        self.warnings.append(Finding(self.path, message))
