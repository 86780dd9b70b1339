"""What the strict gate lets through, over real connections: whatever the pieces, one reading."""

from dataclasses import replace

import pytest

from tests.edge.plane import OK, answering, plane, request, route, upstream


@pytest.mark.parametrize("pieces", [1, 2], ids=["in one piece", "in two"])
async def test_a_head_is_too_long_however_it_comes(pieces: int) -> None:
    octets = request("/api/x", *(f"X-{number}: {'a' * 1000}" for number in range(42)))
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        cut = len(octets) if pieces == 1 else len(octets) - 4
        await client.send(octets[:cut])
        await client.send(octets[cut:])
        answer = await client.answer()
    assert (answer.status, answer.code) == (431, "HEADERS_TOO_LARGE")
    assert behind.heads == []


async def test_spaces_after_a_value_are_none_of_it() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(b"POST /api/x HTTP/1.1\r\nHost: localhost \r\nContent-Length: 0\t\r\nX-A: b \t\r\n\r\n")
        assert (await client.answer()).status == 200
    assert b"X-A: b\r\n" in behind.heads[0]


async def test_a_method_that_is_never_served_is_told_with_those_that_are() -> None:
    async with plane([]) as edge:
        answer = await edge.get(method="TRACE")
    assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")


@pytest.mark.parametrize("token", ["Bearer psa_abc", "Bearer psg_abc", "bearer  psk_live_abc"])
async def test_our_own_secrets_are_no_upstreams_business(token: str) -> None:
    async with upstream(answering(OK)) as behind:
        passing = route(behind.port)
        passing = replace(passing, service=replace(passing.service, forward_authorization=True))
        async with plane([passing]) as edge:
            assert (await edge.get("/api/x", f"Authorization: {token}")).status == 200
            assert (await edge.get("/api/x", "Authorization: Bearer theirs")).status == 200
    assert b"abc" not in behind.heads[0]
    assert b"Authorization: Bearer theirs\r\n" in behind.heads[1]
