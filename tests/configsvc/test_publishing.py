"""Publishing: versions by compare-and-set, faults as data, history, rollback."""

import asyncio
from collections.abc import Awaitable

import grpc
import pytest
from penstock.config.v1 import config_service_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT
from svckit.errors import Fault, from_rpc_error
from tests.configsvc.replica import Cluster, Replica

SALES = """
services: [{name: sales, targets: [{url: "http://127.0.0.1:9001"}]}]
routes: [{name: sales, prefix: /sales, service: sales}]
"""
UNKNOWN = "01900000-0000-7000-8000-00000000ffff"


def publish(document: str, expected: int | None = None, **more: object) -> pb.PublishConfigRequest:
    return pb.PublishConfigRequest(
        tenant_id=DEFAULT_TENANT,
        document=document,
        expected_version=expected,
        author="ada",
        **more,  # type: ignore[arg-type]
    )


async def refusal(call: Awaitable[object]) -> Fault:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return from_rpc_error(refused.value)


async def test_each_publish_is_one_version_and_one_revision_more(replica: Replica) -> None:
    configs = await replica.configs()
    first = await configs.PublishConfig(publish(SALES, 1))
    second = await configs.PublishConfig(publish(SALES.replace("9001", "9002"), 2))
    assert (first.version, first.changed, second.version, second.changed) == (2, True, 3, True)
    assert second.revision == first.revision + 1


async def test_identical_content_makes_no_version(replica: Replica) -> None:
    configs = await replica.configs()
    await configs.PublishConfig(publish(SALES))
    again = await configs.PublishConfig(publish("# the same, otherwise spelled\n" + SALES))
    assert (again.version, again.changed, again.revision) == (2, False, 0)


async def test_a_change_based_on_an_older_version_is_refused(replica: Replica) -> None:
    configs = await replica.configs()
    await configs.PublishConfig(publish(SALES, 1))
    fault = await refusal(configs.PublishConfig(publish("", 1)))
    assert fault.reason == reasons.ERROR_REASON_VERSION_CONFLICT
    assert fault.metadata == {"version": "2"}


async def test_of_many_editors_at_once_exactly_one_wins(cluster: Cluster, replica: Replica) -> None:
    async with cluster.replica() as other:
        editors = [await each.configs() for each in (replica, other)]
        calls = [
            editors[number % 2].PublishConfig(publish(SALES.replace("9001", str(9100 + number)), 1))
            for number in range(8)
        ]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    won = [each for each in outcomes if isinstance(each, pb.PublishConfigResponse)]
    lost = [from_rpc_error(each) for each in outcomes if isinstance(each, grpc.aio.AioRpcError)]
    assert [each.version for each in won] == [2]
    assert {each.reason for each in lost} == {reasons.ERROR_REASON_VERSION_CONFLICT}
    assert len(lost) == 7


async def test_a_faulty_document_is_answered_with_all_its_faults_and_publishes_nothing(replica: Replica) -> None:
    configs = await replica.configs()
    answer = await configs.PublishConfig(publish("routes:\n  - {name: A, prefix: sales, service: gone}\n"))
    assert [(fault.path, fault.line) for fault in answer.faults] == [
        ("routes[0].name", 2),
        ("routes[0].service", 2),
        ("routes[0].prefix", 2),
    ]
    assert (answer.version, answer.changed, answer.revision) == (1, False, 0)


async def test_a_dry_run_tells_what_would_happen(replica: Replica) -> None:
    configs = await replica.configs()
    answer = await configs.PublishConfig(publish(SALES.replace("/sales", "/livez"), dry_run=True))
    assert (answer.version, answer.changed, answer.revision) == (1, True, 0)
    assert [warning.path for warning in answer.warnings] == ["routes[0].prefix"]
    assert (await configs.GetConfig(pb.GetConfigRequest(tenant_id=DEFAULT_TENANT))).version.version == 1


async def test_versions_are_read_back_in_either_form(replica: Replica) -> None:
    configs = await replica.configs()
    await configs.PublishConfig(publish(SALES, comment="begin"))
    json = await configs.GetConfig(pb.GetConfigRequest(tenant_id=DEFAULT_TENANT, format=pb.DOCUMENT_FORMAT_JSON))
    assert (json.version.version, json.version.author, json.version.comment) == (2, "ada", "begin")
    again = await configs.PublishConfig(
        pb.PublishConfigRequest(tenant_id=DEFAULT_TENANT, document=json.document, format=pb.DOCUMENT_FORMAT_JSON)
    )
    assert not again.changed
    yaml = await configs.GetConfig(pb.GetConfigRequest(tenant_id=DEFAULT_TENANT, version=2))
    assert not (await configs.PublishConfig(publish(yaml.document))).changed
    assert yaml.config == json.config
    assert (await configs.GetConfig(pb.GetConfigRequest(tenant_id=DEFAULT_TENANT, version=1))).document == "{}\n"


async def test_the_history_is_listed_newest_first_in_pages(replica: Replica) -> None:
    configs = await replica.configs()
    for port in (9001, 9002):
        await configs.PublishConfig(publish(SALES.replace("9001", str(port))))
    first = await configs.ListConfigVersions(pb.ListConfigVersionsRequest(tenant_id=DEFAULT_TENANT, page_size=2))
    assert [each.version for each in first.versions] == [3, 2]
    rest = await configs.ListConfigVersions(
        pb.ListConfigVersionsRequest(tenant_id=DEFAULT_TENANT, page_size=2, page_token=first.next_page_token)
    )
    assert [each.version for each in rest.versions] == [1]
    assert rest.next_page_token == ""


async def test_a_rollback_is_a_new_version_with_old_content(replica: Replica) -> None:
    configs = await replica.configs()
    await configs.PublishConfig(publish(SALES))
    await configs.PublishConfig(publish(""))
    answer = await configs.RollbackConfig(pb.RollbackConfigRequest(tenant_id=DEFAULT_TENANT, version=2, author="bob"))
    assert (answer.version.version, answer.version.author) == (4, "bob")
    old = await configs.GetConfig(pb.GetConfigRequest(tenant_id=DEFAULT_TENANT, version=2))
    assert answer.version.hash == old.version.hash


@pytest.mark.parametrize("version", [1, 9])
async def test_what_is_not_there_is_not_found(replica: Replica, version: int) -> None:
    configs = await replica.configs()
    tenant = UNKNOWN if version == 1 else DEFAULT_TENANT
    got = await refusal(configs.GetConfig(pb.GetConfigRequest(tenant_id=tenant, version=version)))
    rolled = await refusal(configs.RollbackConfig(pb.RollbackConfigRequest(tenant_id=tenant, version=version)))
    assert got.reason == rolled.reason == reasons.ERROR_REASON_NOT_FOUND


async def test_every_faulty_field_is_named_at_once(replica: Replica) -> None:
    configs = await replica.configs()
    fault = await refusal(
        configs.PublishConfig(pb.PublishConfigRequest(tenant_id="default", author="a" * 129, comment="\x00"))
    )
    assert [field.path for field in fault.fields] == ["tenant_id", "author", "comment"]
    fault = await refusal(
        configs.ListConfigVersions(
            pb.ListConfigVersionsRequest(tenant_id=DEFAULT_TENANT, page_size=501, page_token="x")
        )
    )
    assert [field.path for field in fault.fields] == ["page_size", "page_token"]
