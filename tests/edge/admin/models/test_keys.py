"""API keys: what may be asked for, and what is shown of them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import api_key_pb2, invalidation_pb2
from penstock.auth.v1 import api_key_service_pb2 as pb
from pydantic import BaseModel, ValidationError

from edge.admin.models.keys import Import, Instance, Key, KeyFilters, KeyGiven, Rotation, Withdrawn
from tests.edge.admin.fakes import ACME

WEEK = 7 * 24 * 3600


def at(second: int) -> datetime:
    return datetime(1970, 1, 1, 0, 0, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            {"name": "till"}, pb.CreateApiKeyRequest(tenant_id=ACME, name="till", consumer="till"), id="a name alone"
        ),
        pytest.param(
            {"name": "till", "consumer": None, "expires_at": None},
            pb.CreateApiKeyRequest(tenant_id=ACME, name="till", consumer="till"),
            id="null is as if absent",
        ),
        pytest.param(
            {
                "name": "till",
                "consumer": "shop",
                "scopes": ["b:1", "a._-"],
                "tier": "pro",
                "expires_at": "1970-01-01T01:00:01+01:00",
                "test": True,
                "labels": {"team": "till"},
            },
            pb.CreateApiKeyRequest(
                tenant_id=ACME,
                name="till",
                consumer="shop",
                scopes=["b:1", "a._-"],
                tier="pro",
                expire_time=Timestamp(seconds=1),
                test=True,
                labels={"team": "till"},
            ),
            id="all of it",
        ),
    ],
)
def test_a_key_is_asked_for_as_it_was_given(given: dict[str, Any], message: pb.CreateApiKeyRequest) -> None:
    assert KeyGiven.model_validate(given).message(ACME) == message


def test_a_key_of_another_gateway_is_asked_for_as_it_was_given() -> None:
    whole = {
        "sha256": "aB" * 32,
        "name": "till",
        "consumer": "shop",
        "scopes": ["b:1"],
        "tier": "pro",
        "labels": {"team": "till"},
        "expires_at": "1970-01-01T00:00:01Z",
    }
    given = Import.model_validate({"keys": [whole, {"sha256": "cd" * 32, "name": "till"}]})
    assert given.message(ACME) == pb.ImportApiKeysRequest(
        tenant_id=ACME,
        keys=[
            pb.ImportedKey(
                sha256=b"\xab" * 32,
                name="till",
                consumer="shop",
                scopes=["b:1"],
                tier="pro",
                labels={"team": "till"},
                expire_time=Timestamp(seconds=1),
            ),
            pb.ImportedKey(sha256=b"\xcd" * 32, name="till", consumer="till"),
        ],
    )


@pytest.mark.parametrize(
    ("model", "given"),
    [
        pytest.param(KeyGiven, {"name": "é" * 128, "scopes": ["s" * 128] * 64, "tier": "t" * 64}, id="a key"),
        pytest.param(KeyGiven, {"name": "a", "labels": {f"{n:063}": "v" * 63 for n in range(16)}}, id="labels"),
        pytest.param(Rotation, {"grace_seconds": WEEK}, id="a week of grace"),
        pytest.param(Rotation, {}, id="no grace"),
        # Of a query everything is text.
        pytest.param(KeyFilters, {"consumer": "shop", "cursor": "x", "limit": "500"}, id="filters"),
    ],
)
def test_the_most_that_may_be_asked(model: type[BaseModel], given: dict[str, Any]) -> None:
    model.model_validate(given)


@pytest.mark.parametrize(
    ("model", "given", "at"),
    [
        pytest.param(KeyGiven, {}, ("name",), id="no name"),
        pytest.param(KeyGiven, {"name": "a" * 129}, ("name",), id="a long name"),
        pytest.param(KeyGiven, {"name": "a\n"}, ("name",), id="a name of two lines"),
        pytest.param(KeyGiven, {"name": "a", "consumer": ""}, ("consumer",), id="an empty consumer"),
        pytest.param(KeyGiven, {"name": "a", "scopes": ["a", ""]}, ("scopes", 1), id="an empty scope"),
        pytest.param(KeyGiven, {"name": "a", "scopes": ["a\n"]}, ("scopes", 0), id="a scope and a line's end"),
        pytest.param(KeyGiven, {"name": "a", "scopes": "a"}, ("scopes",), id="one scope without a list"),
        pytest.param(KeyGiven, {"name": "a", "test": "true"}, ("test",), id="a truth as text"),
        pytest.param(
            KeyGiven, {"name": "a", "labels": {str(n): "v" for n in range(17)}}, ("labels",), id="too many labels"
        ),
        pytest.param(KeyGiven, {"name": "a", "labels": {"team": "a b"}}, ("labels", "team"), id="a label of two words"),
        pytest.param(KeyFilters, {"label": ["team"]}, ("label", 0), id="a label without a value"),
        pytest.param(KeyGiven, {"name": "a", "id": "x"}, ("id",), id="a member that is none"),
        pytest.param(Rotation, {"grace_seconds": WEEK + 1}, ("grace_seconds",), id="more than a week of grace"),
        pytest.param(Rotation, {"grace_seconds": -1}, ("grace_seconds",), id="grace below zero"),
        pytest.param(Rotation, {"grace_seconds": 1.5}, ("grace_seconds",), id="a part of a second"),
        pytest.param(KeyFilters, {"limit": "501"}, ("limit",), id="a page too long"),
        pytest.param(KeyFilters, {"consumr": "shop"}, ("consumr",), id="a misspelt filter"),
    ],
)
def test_what_breaks_a_rule_is_told_by_its_place(
    model: type[BaseModel], given: dict[str, Any], at: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(given)
    assert [each["loc"] for each in refused.value.errors()] == [at]


def test_a_whole_key() -> None:
    key = api_key_pb2.ApiKey(
        id="KeyKey01",
        tenant_id=ACME,
        name="till",
        consumer="shop",
        consumer_id="c-1",
        scopes=["b", "a"],
        tier="pro",
        state=api_key_pb2.API_KEY_STATE_REVOKED,
        display="psk_live_Tenant01KeyKey01_…",
        create_time=Timestamp(seconds=1),
        expire_time=Timestamp(seconds=2),
        revoke_time=Timestamp(seconds=3),
        last_use_time=Timestamp(seconds=4),
        labels={"team": "till"},
        disable_time=Timestamp(seconds=5),
        imported=True,
    )
    assert Key.of(key) == Key(
        id="KeyKey01",
        tenant_id=ACME,
        name="till",
        consumer="shop",
        consumer_id="c-1",
        scopes=["b", "a"],
        tier="pro",
        labels={"team": "till"},
        state="revoked",
        display="psk_live_Tenant01KeyKey01_…",
        imported=True,
        created_at=at(1),
        expires_at=at(2),
        disabled_at=at(5),
        revoked_at=at(3),
        last_used_at=at(4),
    )


def test_a_key_without_tier_or_end_has_none() -> None:
    shown = Key.of(api_key_pb2.ApiKey(state=api_key_pb2.API_KEY_STATE_ACTIVE)).model_dump()
    absent = [name for name, value in shown.items() if value is None]
    assert absent == ["tier", "created_at", "expires_at", "disabled_at", "revoked_at", "last_used_at"]


def test_every_state_of_a_key_has_its_word() -> None:
    states = [state for state in api_key_pb2.ApiKeyState.values() if state]
    words = [Key.of(api_key_pb2.ApiKey(state=state)).state for state in states]
    assert words == ["active", "disabled", "revoked", "expired"]


def test_a_revocation_tells_who_has_heard_of_it_and_who_has_not() -> None:
    def instance(slot: int) -> invalidation_pb2.Instance:
        return invalidation_pb2.Instance(gateway_id="gw-1", slot=slot, boot_id="b")

    key = api_key_pb2.ApiKey(id="KeyKey01", state=api_key_pb2.API_KEY_STATE_REVOKED)
    answer = pb.RevokeApiKeyResponse(
        key=key,
        in_force=True,
        effective_time=Timestamp(seconds=5),
        revision=7,
        acknowledged=[instance(0)],
        pending=[instance(1), instance(2)],
    )
    assert Withdrawn.of(answer) == Withdrawn(
        key=Key.of(key),
        in_force=True,
        effective_at=at(5),
        revision=7,
        acknowledged=[Instance(gateway_id="gw-1", slot=0, boot_id="b")],
        pending=[Instance(gateway_id="gw-1", slot=slot, boot_id="b") for slot in (1, 2)],
    )
