"""The answer names every outcome and every reason that the decision knows."""

from typing import get_args

import pytest
from penstock.config.v1 import tenant_pb2
from pydantic import ValidationError

from domain.tenants import DEFAULT_TENANT
from edge.admin.models.explanations import Explained, ExplainedLoser, ExplainedWebSocket, ExplainFilters
from edge.config.tenant_view import NO_RULES
from edge.explain import Explanation, Loser, Loss, Outcome, Question
from edge.routing import Auth, WebSocketLimits
from edge.snapshot import TenantStatus, TenantView
from tests.edge.routes import route

QUESTION = Question("GET", "acme.test", b"/a", {})
VIEW = TenantView(DEFAULT_TENANT, "default0", "default", TenantStatus.ACTIVE, NO_RULES)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_place(outcome: Outcome) -> None:
    record = tenant_pb2.Tenant(id=DEFAULT_TENANT, hosts=["acme.test"])
    answer = Explained.of(Explanation(outcome, "why", None), QUESTION, record, VIEW)
    assert answer.outcome == outcome.value
    assert (answer.host_bound, answer.inherited, answer.limits) == (True, False, [])


@pytest.mark.parametrize("loss", Loss)
def test_every_loss_has_a_place(loss: Loss) -> None:
    assert ExplainedLoser.of(Loser(route("a", "/a"), loss, "why")).reason == loss.value


def test_every_kind_of_authentication_has_a_place() -> None:
    named = get_args(Explained.model_fields["route"].annotation)[0].model_fields["auth"].annotation
    assert {*get_args(named)} == {each.value for each in Auth}


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        (WebSocketLimits(), (1024 * 1024, 100, 1.0, 300.0)),
        (WebSocketLimits(max_message_bytes=5, messages=None, idle_seconds=1.0), (5, None, None, 1.0)),
    ],
)
def test_the_bounds_of_websockets_have_a_place(limits: WebSocketLimits, shown: tuple[float | None, ...]) -> None:
    assert tuple(ExplainedWebSocket.of(limits).model_dump().values()) == shown


def test_a_question_names_a_path() -> None:
    with pytest.raises(ValidationError):
        ExplainFilters.model_validate({"method": "GET"})
