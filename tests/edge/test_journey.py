"""A failure of our own on a request's way: told as what it is, logged with its id, and never the end of the worker."""

from structlog.testing import capture_logs

from edge.limits.decision import Decision
from edge.limits.policy import LimitSet
from tests.edge.plane import OK, answering, plane, request, route, upstream


def failing(_limits: LimitSet) -> Decision:
    raise TypeError("inside")


async def test_a_failure_of_our_own_is_a_500_with_the_id_that_finds_its_cause() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        edge.decide, admitted = failing, edge.decide
        with capture_logs() as lines:
            answer = await edge.get()
        assert (answer.status, answer.code) == (500, "INTERNAL")
        assert b"inside" not in answer.body
        assert [(line["event"], line["request_id"]) for line in lines] == [
            ("request failed", answer.fields["x-request-id"])
        ]
        visit = await edge.visit()
        assert (visit.status, visit.code) == (500, "INTERNAL")
        edge.decide = admitted
        assert (await edge.get()).status == 200


async def test_the_connection_goes_on_after_it() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        edge.decide, admitted = failing, edge.decide
        await client.send(request())
        assert (await client.answer()).status == 500
        edge.decide = admitted
        await client.send(request())
        assert (await client.answer()).status == 200
