"""API keys of a tenant's consumers."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from penstock.auth.v1 import api_key_pb2, invalidation_pb2
from penstock.auth.v1 import api_key_service_pb2 as pb2
from pydantic import Field

from edge.admin.models.shapes import Answer, Body, Label, Name, Paging
from edge.admin.models.times import GivenTime, stamp_of, time_of

Scope = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
State = Literal["active", "disabled", "revoked", "expired"]
_STATE: dict[int, State] = {
    api_key_pb2.API_KEY_STATE_ACTIVE: "active",
    api_key_pb2.API_KEY_STATE_DISABLED: "disabled",
    api_key_pb2.API_KEY_STATE_REVOKED: "revoked",
    api_key_pb2.API_KEY_STATE_EXPIRED: "expired",
}
LabelText = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,63}$")]
Labels = Annotated[dict[LabelText, LabelText], Field(max_length=16)]
LabelFilter = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,63}=[A-Za-z0-9._-]{1,63}$")]
_MAX_GRACE_SECONDS = int(timedelta(days=7).total_seconds())


class KeyGiven(Body):
    """A key to create."""

    name: Name
    consumer: Name | None = Field(default=None, description="Who owns the key. Default: the key's name.")
    scopes: Annotated[list[Scope], Field(max_length=64)] = Field(default=[])
    tier: Label = Field(default="", description="The limit tier; empty: the tenant's own.")
    labels: Labels = Field(default={}, description="For sorting keys; they decide nothing.")
    expires_at: GivenTime | None = None
    test: bool = Field(default=False, description="True for a `psk_test_…` key.")

    def message(self, tenant_id: str) -> pb2.CreateApiKeyRequest:
        """The same in the contract's form."""
        return pb2.CreateApiKeyRequest(
            tenant_id=tenant_id,
            name=self.name,
            consumer=self.consumer or self.name,
            scopes=self.scopes,
            tier=self.tier,
            expire_time=stamp_of(self.expires_at),
            test=self.test,
            labels=self.labels,
        )


class ImportedKeyGiven(Body):
    """A key of another gateway."""

    sha256: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")] = Field(description="SHA-256 of the exact key, in hex.")
    name: Name
    consumer: Name | None = Field(default=None, description="Who owns the key. Default: the key's name.")
    scopes: Annotated[list[Scope], Field(max_length=64)] = Field(default=[])
    tier: Label = Field(default="", description="The limit tier; empty: the tenant's own.")
    labels: Labels = Field(default={}, description="For sorting keys; they decide nothing.")
    expires_at: GivenTime | None = None

    def message(self) -> pb2.ImportedKey:
        """The same in the contract's form."""
        return pb2.ImportedKey(
            sha256=bytes.fromhex(self.sha256),
            name=self.name,
            consumer=self.consumer or self.name,
            scopes=self.scopes,
            tier=self.tier,
            expire_time=stamp_of(self.expires_at),
            labels=self.labels,
        )


class Import(Body):
    """Keys of another gateway to import, all or none of them."""

    keys: Annotated[list[ImportedKeyGiven], Field(min_length=1, max_length=100)]

    def message(self, tenant_id: str) -> pb2.ImportApiKeysRequest:
        """The same in the contract's form."""
        return pb2.ImportApiKeysRequest(tenant_id=tenant_id, keys=[each.message() for each in self.keys])


class Rotation(Body):
    """How to replace a key."""

    grace_seconds: int = Field(default=0, ge=0, le=_MAX_GRACE_SECONDS, description="How long the old key goes on.")


class KeyFilters(Paging):
    """Which keys to list."""

    consumer: Label = ""
    label: Annotated[list[LabelFilter], Field(max_length=16)] = Field(
        default=[], description="A label that the keys have, `name=value`; may be given several times."
    )

    @property
    def labels(self) -> dict[str, str]:
        """The labels by name."""
        return dict(each.split("=", 1) for each in self.label)


class Key(Answer):
    """An API key without its secret."""

    id: str
    tenant_id: str
    name: str
    consumer: str
    consumer_id: str
    scopes: list[str]
    tier: str | None
    labels: dict[str, str]
    state: State
    display: str = Field(description="For recognising the key: its public part.")
    imported: bool = Field(description="True for a key of another gateway.")
    created_at: datetime | None
    expires_at: datetime | None
    disabled_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: api_key_pb2.ApiKey) -> Self:
        """The key in the API's form."""
        return cls(
            id=key.id,
            tenant_id=key.tenant_id,
            name=key.name,
            consumer=key.consumer,
            consumer_id=key.consumer_id,
            scopes=list(key.scopes),
            tier=key.tier or None,
            labels=dict(key.labels),
            state=_STATE[key.state],
            display=key.display,
            imported=key.imported,
            created_at=time_of(key, "create_time"),
            expires_at=time_of(key, "expire_time"),
            disabled_at=time_of(key, "disable_time"),
            revoked_at=time_of(key, "revoke_time"),
            last_used_at=time_of(key, "last_use_time"),
        )


class KeyMade(Answer):
    """A new key and its secret."""

    key: Key
    api_key: str = Field(description="The whole credential, shown this once.")


class Imported(Answer):
    """Imported keys, in the order in which they were given."""

    items: list[Key]
    created: int = Field(description="How many of them were not there before.")


class Instance(Answer):
    """One edge worker."""

    gateway_id: str
    slot: int
    boot_id: str


class Withdrawn(Answer):
    """How far it has come that a key was revoked or disabled."""

    key: Key
    in_force: bool = Field(description="True when every edge that holds a lease has acknowledged.")
    effective_at: datetime | None = Field(description="Since when, or at the latest when, it is in force everywhere.")
    revision: int
    acknowledged: list[Instance]
    pending: list[Instance]

    @classmethod
    def of(cls, answer: pb2.RevokeApiKeyResponse | pb2.DisableApiKeyResponse) -> Self:
        """The answer in the API's form."""
        return cls(
            key=Key.of(answer.key),
            in_force=answer.in_force,
            effective_at=time_of(answer, "effective_time"),
            revision=answer.revision,
            acknowledged=_instances(answer.acknowledged),
            pending=_instances(answer.pending),
        )


def _instances(instances: Iterable[invalidation_pb2.Instance]) -> list[Instance]:
    return [Instance(gateway_id=each.gateway_id, slot=each.slot, boot_id=each.boot_id) for each in instances]
