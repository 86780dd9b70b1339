"""What the requests of one connection have in common while their fields and the config stay the same: found once.

Clients repeat their fields from request to request, so who governs, who calls, in whose name, and nearly all that the
upstream and the records are told follow from objects that are the same again. Nothing here outlives a change of them:
each answer is kept beside what it was made of, and is used for these very objects only.
"""

from typing import NamedTuple

from edge.http.block import FieldBlock
from edge.http.credentials import Presented
from edge.http.head import Head
from edge.http.origin import Origin
from edge.principal import Credential, CredentialKind, Principal
from edge.problems import Refusal, bad_request
from edge.routing import Route
from edge.snapshot import GatewaySnapshot, TenantView
from edge.tenancy import acting_tenant, config_tenant, credential_kind, names_no_tenant, requested_tenant
from edge.upstream.fleet import Fleet
from edge.upstream.pool import Lease

BAD_HOST = bad_request("the host that the proxy names is not valid")


class Way(NamedTuple):
    """How a principal's requests to a route go on in a tenant's name.

    `governing` is the tenant whose config has the route; `fields` and `identity`, which come last, are those of their
    heads, ready to be sent; `withheld` are fields of answers that the edge says in the upstream's place;
    `lease` is there where the service has one target and wants nothing else than that; otherwise `fleet`, with the
    `key` that its hash goes by.
    """

    route: Route
    tenant: TenantView
    principal: Principal | None
    governing: TenantView
    fields: bytes
    identity: bytes
    max_body_bytes: int
    withheld: frozenset[bytes]
    lease: Lease | None
    fleet: Fleet | None = None
    key: int | None = None


class Recorded(NamedTuple):
    """The part of a record that others share, and what it was made of."""

    tenant_id: str
    route: Route | None
    principal: Principal | None
    upstream: str
    method: str
    octets: bytes


class Standing:
    """`governing` is the config tenant or why there is none; `credential` what is presented, or why it cannot be read.

    `misspelled`: only a malformed API key made `default` govern. `way` is the last way that
    a request took, `recorded` what the last record said of it.
    """

    __slots__ = (
        "_acting",
        "_actor",
        "_origin",
        "_snapshot",
        "credential",
        "governing",
        "misspelled",
        "recorded",
        "way",
    )

    def __init__(self, snapshot: GatewaySnapshot, origin: Origin, block: FieldBlock) -> None:
        self._snapshot, self._origin = snapshot, origin
        presented = block.credential
        known = presented if isinstance(presented, Presented) else None
        self.governing = BAD_HOST if origin.host is None else config_tenant(snapshot, origin.host, known)
        self.credential: Credential | Refusal | None = presented if isinstance(presented, Refusal) else None
        self.misspelled = False
        if known is not None and not isinstance(self.governing, Refusal):
            kind = credential_kind(known, self.governing)
            self.credential = Credential(kind, known.value, self.governing.tenant.id)
            self.misspelled = kind is CredentialKind.API_KEY and names_no_tenant(known, self.governing)
        self._actor: Principal | None = None
        self._acting: TenantView | Refusal | None = None
        self.way: Way | None = None
        self.recorded: Recorded | None = None

    def holds(self, snapshot: GatewaySnapshot, origin: Origin) -> bool:
        """Whether this is how a request of the origin stands under the snapshot. The connection remembers an origin
        with the fields that it was found in, so it stands for these, too."""
        return self._snapshot is snapshot and self._origin is origin

    def acting(self, head: Head, route: Route, principal: Principal | None) -> TenantView | Refusal:
        """The tenant in whose name the principal's request to the route acts."""
        if self._acting is not None and self._actor is principal and not route.tenant_from_path:
            return self._acting
        if isinstance(self.governing, Refusal):
            return self.governing
        requested = requested_tenant(head, route) if principal is not None else None
        if isinstance(requested, Refusal):
            return requested
        acting = acting_tenant(self._snapshot, self.governing, principal, requested)
        if not route.tenant_from_path:
            self._actor, self._acting = principal, acting
        return acting
