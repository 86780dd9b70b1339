"""A test service with one rpc of each kind, without a proto of its own: messages are StringValue."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import grpc
from google.protobuf.wrappers_pb2 import StringValue as Text

from svckit.interceptors.identity import MethodTable
from svckit.switchboard import Mount

SERVICE: Final = "test.v1.EchoService"
SAY, WATCH, COLLECT, CHAT = (f"/{SERVICE}/{name}" for name in ("Say", "Watch", "Collect", "Chat"))
METHODS: Final[MethodTable] = {method: frozenset({"edge"}) for method in (SAY, WATCH, COLLECT, CHAT)}
_BUILDERS: Final[Mapping[str, Callable[..., Any]]] = {
    SAY: grpc.unary_unary_rpc_method_handler,
    WATCH: grpc.unary_stream_rpc_method_handler,
    COLLECT: grpc.stream_unary_rpc_method_handler,
    CHAT: grpc.stream_stream_rpc_method_handler,
}


def echo_mount(behaviours: Mapping[str, Callable[[Any, Any], Any]]) -> Mount:
    """Mounts functions by full method name, as generated code mounts a servicer."""

    def add(_servicer: object, server: Any) -> None:
        handlers = {
            method.rpartition("/")[2]: _BUILDERS[method](behaviour, Text.FromString, Text.SerializeToString)
            for method, behaviour in behaviours.items()
        }
        server.add_registered_method_handlers(SERVICE, handlers)

    return Mount(add, None)


async def say(request: Text, _context: object) -> Text:
    return Text(value=request.value)


class EchoStub:
    """The client side, as generated code makes it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        codec: tuple[Any, Any] = (Text.SerializeToString, Text.FromString)
        self.say: Callable[..., Awaitable[Text]] = channel.unary_unary(SAY, *codec)
        self.watch: Callable[..., Any] = channel.unary_stream(WATCH, *codec)
        self.collect: Callable[..., Any] = channel.stream_unary(COLLECT, *codec)
        self.chat: Callable[..., Any] = channel.stream_stream(CHAT, *codec)
