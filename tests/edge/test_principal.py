"""A credential is remembered by a digest, and shows itself nowhere."""

import pytest

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.principal import Credential, CredentialKind

OTHER = TenantId("01a20000-0000-7000-8000-00000000000a")


@pytest.mark.parametrize(
    ("kind", "same"),
    [
        pytest.param(CredentialKind.API_KEY, True, id="a key means the same everywhere"),
        pytest.param(CredentialKind.TOKEN, False, id="a token means something in its config tenant only"),
        pytest.param(CredentialKind.IMPORTED_KEY, False, id="so does an imported key"),
    ],
)
def test_what_a_credential_is_remembered_by(kind: CredentialKind, same: bool) -> None:
    here, there = (Credential(kind, b"value", tenant).digest for tenant in (DEFAULT_TENANT, OTHER))
    assert (here == there) is same
    assert here != Credential(kind, b"other", DEFAULT_TENANT).digest
    assert len(here) == 32


def test_the_same_value_is_another_credential_in_another_form() -> None:
    digests = {Credential(kind, b"value", DEFAULT_TENANT).digest for kind in CredentialKind}
    assert len(digests) == len(CredentialKind)


def test_a_credential_does_not_show_its_value() -> None:
    shown = repr(Credential(CredentialKind.API_KEY, b"canary", DEFAULT_TENANT))
    assert "canary" not in shown
    assert "digest" not in shown
