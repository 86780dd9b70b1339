"""Why a tenant's state could not be applied: reasons with paths into the document, collected on the way through it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that could not be compiled; `path` as in `routes[3].service`, empty for the whole."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The verdict that nothing was compiled, with every reason."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Collects reasons; children made by `at` write into the same list under their own path."""

    path: str = ""
    found: list[Reason] = field(default_factory=list)

    def at(self, path: str) -> "Reasons":
        """The collector for a part of what this one is for."""
        joined = f"{self.path}.{path}" if self.path else path
        return Reasons(joined, self.found)

    def add(self, message: str) -> None:
        """Notes that the part at this path is wrong."""
        self.found.append(Reason(self.path, message))
