"""Nobody gets in without a token of a process that the method table names."""

from collections.abc import Sequence

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.wrappers_pb2 import StringValue as Text
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.call_context import caller
from svckit.errors import from_rpc_error
from svckit.identity import ProcessIdentity
from svckit.interceptors.identity import PUBLIC, guarding
from svckit.interceptors.shape import Context, Rpc
from tests.support.services import Hosted, ServiceHost, make_identities
from tests.svckit.echo import METHODS, SAY, WATCH, EchoStub, echo_mount


async def whoami(_request: Text, _context: Context) -> Text:
    return Text(value=caller())


async def serve(host: ServiceHost, allowed: frozenset[str] = frozenset({"edge"})) -> Hosted:
    return await host.serve("authsvc", {**METHODS, SAY: allowed}, [echo_mount({SAY: whoami})])


async def refusal(hosted: Hosted, *metadata: tuple[str, str]) -> int:
    stub = EchoStub(await hosted.channel(None))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.say(Text(), metadata=metadata)
    return from_rpc_error(caught.value).reason


def bearer(identity: ProcessIdentity, audience: str = "authsvc") -> tuple[str, str]:
    return "authorization", f"Bearer {identity.token(audience)}"


async def test_a_handler_knows_its_caller(service_host: ServiceHost) -> None:
    hosted = await serve(service_host)
    stub = EchoStub(await hosted.channel("edge"))

    assert [(await stub.say(Text())).value for _ in range(2)] == ["edge", "edge"]


async def test_a_known_caller_that_the_table_does_not_name_is_refused(service_host: ServiceHost) -> None:
    hosted = await serve(service_host)

    reason = await refusal(hosted, bearer(service_host.identities["admin"]))

    assert reason == reasons.ERROR_REASON_CALLER_FORBIDDEN


def tampered(token: str) -> str:
    middle = len(token) // 2
    return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]


async def test_a_caller_without_a_good_token_is_refused(service_host: ServiceHost) -> None:
    hosted = await serve(service_host)
    edge = service_host.identities["edge"]
    good = edge.token("authsvc")
    stranger = ProcessIdentity("edge", Ed25519PrivateKey.generate())
    long_ago = ProcessIdentity("edge", edge._key, clock=lambda: 1_700_000_000.0)
    cases: dict[str, Sequence[tuple[str, str]]] = {
        "none": (),
        "no scheme": (("authorization", good),),
        "another scheme": (("authorization", f"Basic {good}"),),
        "two": (bearer(edge), bearer(edge)),
        "tampered": (("authorization", f"Bearer {tampered(good)}"),),
        "foreign audience": (bearer(edge, "configsvc"),),
        "strange key": (bearer(stranger),),
        "expired": (bearer(long_ago),),
    }

    got = {name: await refusal(hosted, *metadata) for name, metadata in cases.items()}

    assert got == dict.fromkeys(cases, reasons.ERROR_REASON_CALLER_UNAUTHENTICATED)


async def test_a_stream_is_guarded_before_its_handler_runs(service_host: ServiceHost) -> None:
    async def watch(_request: Text, _context: Context) -> object:
        raise AssertionError("a stranger reached the handler")
        yield

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({WATCH: watch})])
    call = EchoStub(await hosted.channel("admin")).watch(Text())

    with pytest.raises(grpc.aio.AioRpcError):
        await call.read()
    assert await call.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_a_public_method_needs_no_token_and_has_no_caller(service_host: ServiceHost) -> None:
    hosted = await serve(service_host, PUBLIC)

    assert (await EchoStub(await hosted.channel(None)).say(Text())).value == ""


async def test_a_method_that_the_table_lacks_is_open_to_nobody(service_host: ServiceHost) -> None:
    reached = []

    async def handler(_request: object, _context: Context) -> None:
        reached.append(True)

    guarded = guarding({}, service_host.trusted, "authsvc")(Rpc("/unlisted.v1.Service/Method"), handler)
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: guarded})])

    reason = await refusal(hosted, bearer(service_host.identities["edge"]))

    assert (reason, reached) == (reasons.ERROR_REASON_CALLER_FORBIDDEN, [])


async def test_a_remembered_token_expires_all_the_same() -> None:
    now = 1_800_000_000.0
    identities, trusted = make_identities(["edge"])
    edge = ProcessIdentity("edge", identities["edge"]._key, clock=lambda: 1_800_000_000.0)
    seen: list[str] = []

    class Call:
        def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
            return (bearer(edge),)

    async def handler(_request: object, _context: object) -> None:
        seen.append(caller())

    guarded = guarding({SAY: frozenset({"edge"})}, trusted, "authsvc", clock=lambda: now)(Rpc(SAY), handler)
    context: Context = Call()  # type: ignore[assignment]
    await guarded(None, context)
    now += 64
    await guarded(None, context)
    now += 1
    with pytest.raises(Exception, match="CALLER_UNAUTHENTICATED"):
        await guarded(None, context)
    assert seen == ["edge", "edge"]
