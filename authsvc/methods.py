"""Who may call what. A method that is not named here is open to nobody."""

from collections.abc import Iterator, Sequence
from typing import Final

from google.protobuf.descriptor import FileDescriptor
from penstock.auth.v1 import (
    admin_token_service_pb2,
    api_key_service_pb2,
    auth_service_pb2,
    provisioning_service_pb2,
    token_service_pb2,
    user_service_pb2,
)

from authsvc.authorization.servicer import METHOD
from svckit.interceptors.identity import MethodTable

_EDGE: Final = frozenset({"edge"})
_OPERATION: Final = frozenset({"admin", "ctl"})


def _of(file: FileDescriptor, callers: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Every rpc of the services in a proto file, open to `callers`."""
    for service in file.services_by_name.values():
        for method in service.methods:
            yield f"/{service.full_name}/{method.name}", callers


def method_table(team_callers: Sequence[str] = ()) -> MethodTable:
    """The table of a service that processes of internal teams may ask who is calling, too."""
    return {
        **dict(_of(auth_service_pb2.DESCRIPTOR, _EDGE)),
        "/penstock.auth.v1.AuthService/Authenticate": _EDGE | {"ctl"} | set(team_callers),
        METHOD: frozenset({"admin"}),
        **dict(_of(api_key_service_pb2.DESCRIPTOR, _OPERATION)),
        **dict(_of(admin_token_service_pb2.DESCRIPTOR, _OPERATION)),
        **dict(_of(provisioning_service_pb2.DESCRIPTOR, frozenset({"configsvc"}))),
        # Not served yet: these answer UNIMPLEMENTED to whom they will be open.
        **dict(_of(user_service_pb2.DESCRIPTOR, _EDGE | _OPERATION)),
        **dict(_of(token_service_pb2.DESCRIPTOR, _EDGE | _OPERATION)),
    }


METHODS: Final = method_table()
