"""What a gateway takes where a config document says nothing. Values only; they come from its settings."""

from dataclasses import dataclass

from edge.limits.rules import LimitRules
from edge.routing import CorsRules


@dataclass(frozen=True, slots=True)
class DocumentDefaults:
    """`limits` hold in every document without limits. `cors` holds in that of `default` alone: elsewhere a tenant that
    leaves cross-origin requests to its upstream would have them answered for origins that it never named."""

    limits: LimitRules = LimitRules()
    cors: CorsRules | None = None


NO_DEFAULTS = DocumentDefaults()
"""Those of a gateway whose settings name none."""
