"""Which policy limits a descriptor."""

import pytest
from google.protobuf.duration_pb2 import Duration
from penstock.config.v1 import gateway_config_pb2 as config_pb
from penstock.ratelimit.v1 import limit_pb2

from ratelimitsvc.envoy.policies import DescriptorPolicies, Policy, default_name

from .documents import entries, limited

DOCUMENT = DescriptorPolicies(
    [
        limited("remote_address", name="any"),
        limited("remote_address=10.0.0.1", name="office"),
        limited("path", "user", name="any-any"),
        limited("path=/login", "user", name="login-any"),
        limited("path", "user=root", name="any-root"),
        limited("path=/login", "user=root", name="login-root"),
        limited("path=/logout", "user=root", name="logout-root"),
    ]
)


@pytest.mark.parametrize(
    ("descriptor", "name"),
    [
        pytest.param(["remote_address=10.0.0.9"], "any", id="any value"),
        pytest.param(["remote_address=10.0.0.1"], "office", id="the given value"),
        pytest.param(["remote_address="], "any", id="an empty value is a value"),
        pytest.param(["path=/a", "user=b"], "any-any", id="both open"),
        pytest.param(["path=/login", "user=b"], "login-any", id="the first given"),
        pytest.param(["path=/a", "user=root"], "any-root", id="the second given"),
        pytest.param(["path=/login", "user=root"], "login-root", id="both given"),
        pytest.param(["path=/logout", "user=b"], "any-any", id="both given, one of them other"),
        pytest.param(["user=root", "path=/login"], None, id="another order"),
        pytest.param(["path=/login"], None, id="fewer entries"),
        pytest.param(["remote_address=10.0.0.1", "user=root"], None, id="more entries"),
        pytest.param(["generic_key=x"], None, id="an unknown key"),
        pytest.param([], None, id="no entries"),
    ],
)
def test_the_most_specific_match_limits(descriptor: list[str], name: str | None) -> None:
    found = DOCUMENT.find(entries(*descriptor))
    assert (found.name if found else None) == name


def test_the_first_entry_weighs_most() -> None:
    policies = DescriptorPolicies([limited("a", "b=1", name="second"), limited("a=1", "b", name="first")])
    found = policies.find(entries("a=1", "b=1"))
    assert found is not None
    assert found.name == "first"


def test_a_policy_has_what_the_document_says() -> None:
    policies = DescriptorPolicies(
        [
            config_pb.DescriptorLimit(
                match=[config_pb.DescriptorEntry(key="a"), config_pb.DescriptorEntry(key="b", value="1")],
                limit=config_pb.Rate(requests=7, window=Duration(seconds=1, nanos=500_000_000)),
                algorithm=config_pb.LIMIT_ALGORITHM_TOKEN_BUCKET,
            )
        ]
    )
    assert policies.find(entries("a=x", "b=1")) == Policy("a.b", 7, 1_500, limit_pb2.ALGORITHM_TOKEN_BUCKET)


def test_unlimited_takes_a_value_out() -> None:
    exempt = config_pb.DescriptorLimit(
        match=[config_pb.DescriptorEntry(key="a", value="1")], limit=config_pb.Rate(unlimited=True)
    )
    policies = DescriptorPolicies([limited("a"), exempt])
    assert policies.find(entries("a=2")) is not None
    assert policies.find(entries("a=1")) is None


@pytest.mark.parametrize(
    ("keys", "name"), [([b"a", b"b"], "a.b"), ([b"\xff"], "�"), ([b"k" * 100], "k" * 64), ([], "")]
)
def test_a_policy_without_a_name_is_called_by_its_keys(keys: list[bytes], name: str) -> None:
    assert default_name(keys) == name
