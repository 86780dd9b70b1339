"""What another gateway's config asks of requests."""

import pytest

from authsvc.authorization.policy import Auth, Policy, read_policy
from svckit.errors import Fault

from .places import ACME


@pytest.mark.parametrize(
    ("extensions", "policy"),
    [
        ({}, Policy()),
        ({"tenant": "acme"}, Policy("acme")),
        ({"tenant": ACME}, Policy(ACME)),
        ({"auth": "optional"}, Policy(auth=Auth.OPTIONAL)),
        ({"auth": "none"}, Policy(auth=Auth.NONE)),
        (
            {"scopes": "sales.read, sales.write  admin"},
            Policy(scopes=frozenset({"sales.read", "sales.write", "admin"})),
        ),
        ({"tier": "high"}, Policy(tier="high")),
    ],
)
def test_a_policy(extensions: dict[str, str], policy: Policy) -> None:
    assert read_policy(extensions) == policy


@pytest.mark.parametrize(
    ("extensions", "named"),
    [
        ({"scope": "admin"}, ["scope"]),
        ({"Auth": "optional", "zone": "1"}, ["Auth", "zone"]),
        ({"auth": "Optional"}, ["auth"]),
        ({"auth": ""}, ["auth"]),
        ({"tenant": "Acme"}, ["tenant"]),
        ({"scopes": "a b/c"}, ["scopes[1]"]),
        ({"scopes": " ".join(f"s{number}" for number in range(65))}, ["scopes"]),
        ({"tier": "a b"}, ["tier"]),
    ],
)
def test_what_is_wrong_is_named(extensions: dict[str, str], named: list[str]) -> None:
    with pytest.raises(Fault) as refused:
        read_policy(extensions)
    assert [each.path for each in refused.value.fields] == named
