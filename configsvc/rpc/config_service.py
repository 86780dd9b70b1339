"""ConfigService: documents in, versions out, and the stream of both to the gateways."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple
from uuid import uuid4

import structlog
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import config_service_pb2_grpc, gateway_config_pb2

from configsvc.board import Board
from configsvc.document.reading import examine, write
from configsvc.fields import MAX_NUMBER, MAX_REJECTS, FieldChecks
from configsvc.gateway_store import GatewayStore
from configsvc.records import version_message
from configsvc.revisions import LOST
from configsvc.validate.findings import Finding
from configsvc.version_store import VersionStore, check_expected, config_hash
from configsvc.watch import changes
from domain.tenants import DEFAULT_TENANT, TenantId, parse_tenant_id
from svckit.call_context import caller
from svckit.drain import Drain
from svckit.interceptors.shape import Context

_GATEWAY_PROCESS = "edge"
_NOTE_SECONDS = 2.0
log = structlog.get_logger()
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class ConfigServicer(config_service_pb2_grpc.ConfigServiceServicer):
    """Serves documents from the store and watches from the board.

    `documents` is a single thread for reading and writing documents, which takes seconds for the largest: more of
    them at a time would only take the loop that serves the watches its turns.
    """

    def __init__(
        self, versions: VersionStore, gateways: GatewayStore, board: Board, drain: Drain, documents: Executor
    ) -> None:
        self._documents = documents
        self._versions = versions
        self._gateways = gateways
        self._board = board
        self._drain = drain

    async def _aside(self, work: Callable[[*Ts], T], *arguments: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._documents, work, *arguments)

    async def PublishConfig(self, request: pb.PublishConfigRequest, _context: Context) -> pb.PublishConfigResponse:
        """Faults of the document are data in the answer."""
        checks = FieldChecks()
        tenant = checks.tenant("tenant_id", request.tenant_id)
        author = checks.remark("author", request.author, 128)
        comment = checks.remark("comment", request.comment, 1024)
        expected = request.expected_version if request.HasField("expected_version") else None
        checks.done()
        read = await self._aside(examine, request.document, request.format, tenant == DEFAULT_TENANT)
        if read.faults or request.dry_run:
            version, newest_hash = await self._versions.newest(tenant)
            check_expected(expected, version)
            changed = not read.faults and newest_hash != config_hash(_serialised(read.config))
            return pb.PublishConfigResponse(
                version=version,
                changed=changed and request.dry_run,
                faults=_messages(read.faults),
                warnings=_messages(read.warnings),
            )
        published = await self._versions.publish(tenant, _serialised(read.config), expected, author, comment)
        return pb.PublishConfigResponse(
            version=published.version,
            changed=published.revision > 0,
            warnings=_messages(read.warnings),
            revision=published.revision,
        )

    async def GetConfig(self, request: pb.GetConfigRequest, _context: Context) -> pb.GetConfigResponse:
        """The document as text in the wanted form, and as message."""
        checks = FieldChecks()
        tenant = checks.tenant("tenant_id", request.tenant_id)
        version = checks.number("version", request.version)
        checks.done()
        row = await self._versions.get(tenant, version)
        config = gateway_config_pb2.GatewayConfig.FromString(row["config"])
        text = await self._aside(write, config, request.format)
        return pb.GetConfigResponse(version=version_message(row), document=text, config=config)

    async def ListConfigVersions(
        self, request: pb.ListConfigVersionsRequest, _context: Context
    ) -> pb.ListConfigVersionsResponse:
        """A page token is the number of the last version that was listed."""
        checks = FieldChecks()
        tenant = checks.tenant("tenant_id", request.tenant_id)
        size = checks.page_size("page_size", request.page_size)
        token = request.page_token
        known = not token or (token.isascii() and token.isdigit() and int(token[:20]) <= MAX_NUMBER)
        checks.expect("page_token", known, "must come from an answer")
        checks.done()
        rows = await self._versions.list(tenant, int(token or MAX_NUMBER), size)
        more = len(rows) == size and rows[-1]["version"] > 1
        return pb.ListConfigVersionsResponse(
            versions=[version_message(row) for row in rows],
            next_page_token=str(rows[-1]["version"]) if more else "",
        )

    async def RollbackConfig(self, request: pb.RollbackConfigRequest, _context: Context) -> pb.RollbackConfigResponse:
        """The old content as a new version; the newest one when it has that content already."""
        checks = FieldChecks()
        tenant = checks.tenant("tenant_id", request.tenant_id)
        version = checks.number("version", request.version)
        checks.expect("version", version > 0, "must be at least 1")
        author = checks.remark("author", request.author, 128)
        comment = checks.remark("comment", request.comment, 1024)
        checks.done()
        old = await self._versions.get(tenant, version)
        published = await self._versions.publish(tenant, old["config"], None, author, comment)
        return pb.RollbackConfigResponse(version=version_message(await self._versions.get(tenant, published.version)))

    async def WatchConfig(
        self, request: pb.WatchConfigRequest, _context: Context
    ) -> AsyncIterator[pb.WatchConfigResponse]:
        """A watch of an edge is noted in the gateway list; those of other services are not.

        Without the database a watch is served what the board has, and the gateway is listed with its next sync.
        """
        checks = FieldChecks()
        instance = checks.instance("instance", request.instance)
        scope = checks.scope("scope", request.scope)
        resume_from = checks.number("resume_from", request.resume_from)
        checks.done()
        watch, noted = uuid4(), caller() == _GATEWAY_PROCESS

        async def idle() -> None:
            if noted:
                await self._note(self._gateways.seen(watch))

        await self._note(self._board.load())
        if noted:
            held = min(resume_from, self._board.head)
            await self._note(self._gateways.connect(instance, request.scope, watch, held))
        try:
            async for event in changes(self._board, scope, resume_from, self._drain, idle):
                yield event
        finally:
            if noted:
                await self._note(self._gateways.disconnect(watch))

    async def _note(self, work: Awaitable[None]) -> None:
        """Awaits what a watch can do without: an outage of the database does not end it."""
        try:
            async with asyncio.timeout(_NOTE_SECONDS):
                await work
        except LOST as error:
            log.warning("a watch goes on without the database", error=repr(error))

    async def AckConfig(self, request: pb.AckConfigRequest, _context: Context) -> pb.AckConfigResponse:
        """Rejects of tenants that are gone are passed over."""
        checks = FieldChecks()
        instance = checks.instance("instance", request.instance)
        checks.scope("scope", request.scope)
        revision = checks.number("revision", request.revision)
        checks.expect("rejects", len(request.rejects) <= MAX_REJECTS, f"must be at most {MAX_REJECTS}")
        for index, reject in enumerate(request.rejects[:MAX_REJECTS]):
            checks.tenant(f"rejects[{index}].tenant_id", reject.tenant_id)
            checks.number(f"rejects[{index}].revision", reject.revision)
        checks.done()
        head = await self._gateways.acknowledge(instance, request.scope, revision, _by_tenant(request.rejects))
        return pb.AckConfigResponse(head_revision=head)


def _by_tenant(rejects: Iterable[pb.ConfigReject]) -> Mapping[TenantId, pb.ConfigReject]:
    return {tenant: each for each in rejects if (tenant := parse_tenant_id(each.tenant_id)) is not None}


def _serialised(config: gateway_config_pb2.GatewayConfig) -> bytes:
    return config.SerializeToString(deterministic=True)


def _messages(findings: Iterable[Finding]) -> list[pb.DocumentFault]:
    return [
        pb.DocumentFault(path=each.dotted, message=each.message, line=each.line, column=each.column)
        for each in findings
    ]
