"""Our messages are Envoy's on the wire. Envoy's own come from its package, which is installed apart from ours."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from penstock.envoy.v3 import rate_limit_pb2 as pb

from ratelimitsvc.envoy.servicer import METHOD, SERVICE
from tests.support.envoys import made

PYTHON = Path(".bench/xds/bin/python")
# Prints a FileDescriptorSet of the protocol's file and all that it needs, each after those that it needs itself.
DUMP = """
import sys
from envoy.service.ratelimit.v3 import rls_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet

def collect(file):
    for needed in file.dependencies:
        collect(needed)
    if file.name not in found:
        file.CopyToProto(files.file.add())
        found.add(file.name)

files, found = FileDescriptorSet(), set()
collect(rls_pb2.DESCRIPTOR)
sys.stdout.buffer.write(files.SerializeToString())
"""
PAIRS = {
    "RateLimitRequest": pb.RateLimitRequest.DESCRIPTOR,
    "RateLimitResponse": pb.RateLimitResponse.DESCRIPTOR,
}


@cache
def envoys_own() -> DescriptorPool:
    """The descriptors of Envoy's package."""
    dump = subprocess.run([made(PYTHON), "-c", DUMP], check=True, capture_output=True, timeout=60)
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(dump.stdout).file:
        pool.Add(file)
    return pool


@pytest.mark.parametrize("name", PAIRS)
def test_every_field_of_ours_is_envoys_by_number_name_and_wire_form(name: str) -> None:
    theirs = envoys_own().FindMessageTypeByName(f"envoy.service.ratelimit.v3.{name}")
    assert list(differences(PAIRS[name], theirs)) == []


def test_the_rpc_is_envoys() -> None:
    (method,) = envoys_own().FindServiceByName(SERVICE).methods
    assert f"/{SERVICE}/{method.name}" == METHOD
    assert (method.input_type.name, method.output_type.name) == tuple(PAIRS)
    assert (method.client_streaming, method.server_streaming) == (False, False)


def test_a_field_that_is_not_envoys_is_found() -> None:
    theirs = envoys_own().FindMessageTypeByName("envoy.service.ratelimit.v3.RateLimitRequest")
    assert list(differences(pb.RateLimitDescriptor.DESCRIPTOR, theirs)) == [
        "RateLimitDescriptor: 1 is repeated message entries, not bytes domain",
        "RateLimitDescriptor: 2 is message limit, not repeated message descriptors",
        "RateLimitDescriptor: 3 is message hits_addend, not uint32 hits_addend",
    ]


def test_a_name_that_is_not_envoys_is_found() -> None:
    theirs = envoys_own().FindEnumTypeByName("envoy.type.v3.RateLimitUnit")
    assert list(strange_names(pb.RateLimitResponse.Code.DESCRIPTOR, theirs)) == [
        "Code: CODE_OK is not SECOND",
        "Code: CODE_OVER_LIMIT is not MINUTE",
        "Code: has no HOUR",
        "Code: has no DAY",
        "Code: has no MONTH",
        "Code: has no YEAR",
    ]


def differences(ours: Descriptor, theirs: Descriptor) -> Iterator[str]:
    """Where our message, or one within it, is not theirs. Fields that we do not have are none."""
    for number, field in ours.fields_by_number.items():
        other = theirs.fields_by_number.get(number)
        if other is None or form(field) != form(other):
            yield f"{ours.name}: {number} is {form(field)}, not {form(other) if other else 'there'}"
        elif field.message_type and other.message_type:
            yield from differences(field.message_type, other.message_type)
        elif field.enum_type and other.enum_type:
            yield from strange_names(field.enum_type, other.enum_type)


def form(field: FieldDescriptor) -> str:
    """A field in words. Envoy's text is octets here, which is the same on the wire."""
    kind = FieldDescriptorProto.Type.DESCRIPTOR.values_by_number[field.type].name
    kind = kind.removeprefix("TYPE_").replace("STRING", "BYTES").lower()
    return f"{'repeated ' if field.is_repeated else ''}{kind} {field.name}"


def strange_names(ours: EnumDescriptor, theirs: EnumDescriptor) -> Iterator[str]:
    """Where our numbers do not mean the same. Ours begin with the enum's name; 0 is unspecified in either."""
    for number, value in theirs.values_by_number.items():
        own = ours.values_by_number.get(number)
        if own is None:
            yield f"{ours.name}: has no {value.name}"
        elif number and not own.name.endswith(f"_{value.name}"):
            yield f"{ours.name}: {own.name} is not {value.name}"
