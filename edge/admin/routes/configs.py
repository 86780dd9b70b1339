"""Config documents: read, publish, history, rollback."""

from typing import Annotated

from fastapi import Header, Path, Query, Request, Response
from penstock.config.v1 import config_service_pb2 as pb2

from edge.admin.admission import Asking, Called, Entered, Noted
from edge.admin.conditional import entity_tag, expected_version
from edge.admin.documents import document_text, given_format, wanted_format
from edge.admin.models.configs import ConfigVersion, Published, Rollback, RolledBack, StoredConfig
from edge.admin.models.faults import as_members
from edge.admin.models.shapes import Page, Paging, Remark, Version
from edge.admin.problems import InvalidDocument


async def get_config(
    tenant: Entered, services: Called, accept: Annotated[str, Header(max_length=1024, include_in_schema=False)] = ""
) -> Response:
    """Get the newest document, as JSON or, when Accept prefers it, as YAML. The ETag is its version."""
    form, media_type = wanted_format(accept)
    answer = await services.configs.GetConfig(pb2.GetConfigRequest(tenant_id=tenant.id, format=form))
    headers = {"ETag": entity_tag(answer.version.version), "Vary": "Accept"}
    return Response(answer.document, headers=headers, media_type=media_type)


async def put_config(
    request: Request,
    tenant: Entered,
    services: Called,
    bearer: Asking,
    act: Noted,
    response: Response,
    dry_run: Annotated[bool, Query(description="Validate only.")] = False,
    comment: Annotated[Remark, Query(description="Why, for the history.")] = "",
    content_type: Annotated[str, Header(max_length=1024, include_in_schema=False)] = "",
    if_match: Annotated[str | None, Header(description="The version that the change is based on.")] = None,
) -> Published:
    """Publish a document (YAML or JSON by Content-Type) as a new version.

    409 when If-Match is no longer the newest version; 422 with all faults of a document that is not valid.
    """
    publish = pb2.PublishConfigRequest(
        tenant_id=tenant.id,
        format=given_format(content_type),
        document=document_text(await request.body()),
        expected_version=expected_version(if_match),
        dry_run=dry_run,
        author=bearer.author,
        comment=comment,
    )
    answer = await services.configs.PublishConfig(publish)
    if answer.faults:
        raise InvalidDocument(as_members(answer.faults), as_members(answer.warnings))
    act.facts |= {"version": answer.version, "dry_run": dry_run}
    response.headers["ETag"] = entity_tag(answer.version)
    return Published.of(answer, dry_run)


async def list_versions(tenant: Entered, services: Called, paging: Annotated[Paging, Query()]) -> Page[ConfigVersion]:
    """List the versions of the document, newest first."""
    answer = await services.configs.ListConfigVersions(
        pb2.ListConfigVersionsRequest(tenant_id=tenant.id, page_size=paging.limit, page_token=paging.cursor)
    )
    items = [ConfigVersion.of(each) for each in answer.versions]
    return Page(items=items, next_cursor=answer.next_page_token or None)


async def get_version(
    tenant: Entered, services: Called, response: Response, version: Annotated[Version, Path()]
) -> StoredConfig:
    """Get one version with its document."""
    wanted = pb2.GetConfigRequest(tenant_id=tenant.id, version=version, format=pb2.DOCUMENT_FORMAT_JSON)
    answer = await services.configs.GetConfig(wanted)
    response.headers["ETag"] = entity_tag(answer.version.version)
    return StoredConfig.with_document(answer)


async def roll_back(
    rollback: Rollback, tenant: Entered, services: Called, bearer: Asking, act: Noted, response: Response
) -> RolledBack:
    """Publish the content of an old version as a new one."""
    answer = await services.configs.RollbackConfig(
        pb2.RollbackConfigRequest(
            tenant_id=tenant.id, version=rollback.version, author=bearer.author, comment=rollback.comment
        )
    )
    act.facts |= {"from_version": rollback.version, "version": answer.version.version}
    response.headers["ETag"] = entity_tag(answer.version.version)
    return RolledBack(version=ConfigVersion.of(answer.version))
