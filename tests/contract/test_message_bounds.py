"""The longest messages that the contracts allow fit into the bounds of their service, and not by far."""

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import auth_service_pb2 as auth
from penstock.auth.v1.api_key_pb2 import API_KEY_STATE_REVOKED, ApiKey
from penstock.auth.v1.api_key_service_pb2 import ImportApiKeysRequest, ImportedKey, ListApiKeysResponse
from penstock.auth.v1.principal_pb2 import CREDENTIAL_KIND_TOKEN, PRINCIPAL_KIND_CONSUMER, Credential, Principal

from authsvc.fields import MAX_IMPORT, MAX_LABELS, MAX_PAGE_SIZE, MAX_SCOPES
from authsvc.rpc.auth_service import MAX_BATCH, MAX_CREDENTIAL_OCTETS
from edge.auth.lookups import MAX_BATCH as EDGE_BATCH
from svckit.message_bounds import bounds_of

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
# Four octets a character at most (UTF-8); scopes and tiers are ASCII.
NAME = "𝄞" * 128
SCOPES = ["s" * 128] * MAX_SCOPES
TIER = "t" * 64
LABELS = {f"{n:063}": "v" * 63 for n in range(MAX_LABELS)}
TIME = Timestamp(seconds=253_402_300_799, nanos=999_999_999)
REVISION = 2**63 - 1


def fits(message: Message, bound: int) -> bool:
    """Whether the message keeps within the bound and uses at least half of it."""
    return bound / 2 < message.ByteSize() <= bound


def test_a_full_batch_of_credentials_fits_into_a_request() -> None:
    credential = Credential(kind=CREDENTIAL_KIND_TOKEN, value=bytes(MAX_CREDENTIAL_OCTETS), config_tenant_id=UUID)
    batch = [auth.AuthenticateRequest(credential=credential)] * MAX_BATCH

    assert EDGE_BATCH <= MAX_BATCH
    assert fits(auth.StreamAuthenticateRequest(batch_id=2**63, requests=batch), bounds_of("authsvc").request)


def test_the_answers_to_a_full_batch_fit() -> None:
    principal = Principal(
        kind=PRINCIPAL_KIND_CONSUMER,
        id=UUID,
        tenant_id=UUID,
        name=NAME,
        scopes=SCOPES,
        tier=TIER,
        credential_id="KeyKey01",
        expire_time=TIME,
    )
    answers = [auth.AuthenticateResponse(principal=principal, revision=REVISION)] * MAX_BATCH

    assert auth.StreamAuthenticateResponse(batch_id=2**63, responses=answers).ByteSize() <= bounds_of("authsvc").answer


def test_the_largest_import_fits_into_a_request() -> None:
    key = ImportedKey(
        sha256=bytes(32), name=NAME, consumer=NAME, scopes=SCOPES, tier=TIER, expire_time=TIME, labels=LABELS
    )
    assert fits(ImportApiKeysRequest(tenant_id=UUID, keys=[key] * MAX_IMPORT), bounds_of("authsvc").request)


def test_the_longest_page_of_keys_fits_into_an_answer() -> None:
    key = ApiKey(
        id="KeyKey01",
        tenant_id=UUID,
        name=NAME,
        consumer=NAME,
        consumer_id=UUID,
        scopes=SCOPES,
        tier=TIER,
        state=API_KEY_STATE_REVOKED,
        display="psk_live_Tenant01KeyKey01_…",
        create_time=TIME,
        expire_time=TIME,
        revoke_time=TIME,
        labels=LABELS,
        disable_time=TIME,
        last_use_time=TIME,
    )

    assert fits(ListApiKeysResponse(keys=[key] * MAX_PAGE_SIZE, next_page_token="t" * 64), bounds_of("authsvc").answer)
