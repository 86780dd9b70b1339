"""What the edge would do with a request: the question and the answer."""

from typing import Annotated, Literal, Self

from penstock.config.v1 import tenant_pb2
from pydantic import Field

from edge.admin.models.shapes import Answer, Filters
from edge.explain import CallerLimits, Explanation, Loser, Question
from edge.problems import Refusal
from edge.routing import CorsRules, Route, WebSocketLimits
from edge.snapshot import TenantView

Caller = Literal["authenticated", "anonymous", "unproven"]


class ExplainFilters(Filters):
    """The request to explain."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    path: Annotated[str, Field(min_length=1, max_length=8192, pattern=r"^[^\x00-\x1f\x7f]*$")] = Field(
        description="The path as the client sends it, percent-encoding included; a query after `?` is cut off."
    )
    host: Annotated[str, Field(max_length=261, pattern=r"^[\x21-\x7e]*$")] = Field(
        default="", description="The Host; by default the first that is bound to the tenant, else none."
    )
    header: list[Annotated[str, Field(max_length=2048, pattern=r"^[\x20-\x7e]*$")]] = Field(
        default=[], max_length=32, description="A header field, `name: value`, for header conditions; repeatable."
    )


class ExplainedTimeouts(Answer):
    """The bounds of the phases."""

    connect_seconds: float
    response_seconds: float
    idle_seconds: float


class ExplainedWebSocket(Answer):
    """The bounds of what a client sends in a WebSocket."""

    max_message_bytes: int
    messages: int | None = Field(description="In each `messages_seconds`; null: not limited.")
    messages_seconds: float | None
    idle_seconds: float

    @classmethod
    def of(cls, limits: WebSocketLimits) -> Self:
        """The limits in the API's form."""
        messages, seconds = limits.messages or (None, None)
        return cls(
            max_message_bytes=limits.max_message_bytes,
            messages=messages,
            messages_seconds=seconds,
            idle_seconds=limits.idle_seconds,
        )


class ExplainedRoute(Answer):
    """The route that takes the request."""

    name: str
    prefix: str
    hosts: list[str]
    methods: list[str] = Field(description="Empty: all.")
    headers: dict[str, str]
    service: str
    upstream_path: str = Field(description="The path that the upstream gets.")
    auth: Literal["required", "optional", "none"]
    scopes: list[str]
    tier: str | None
    critical: bool
    tenant_from: Literal["header", "path"]
    timeouts: ExplainedTimeouts
    max_body_bytes: int | None = Field(description="Null: the edge's default.")
    websocket: ExplainedWebSocket | None = Field(description="Null: the route takes no WebSockets.")

    @classmethod
    def of(cls, route: Route, upstream_path: str) -> Self:
        """The route in the API's form."""
        return cls(
            name=route.name,
            prefix=route.prefix,
            hosts=list(route.hosts),
            methods=sorted(route.methods),
            headers={name.decode(): value.decode() for name, value in route.headers},
            service=route.service.name,
            upstream_path=upstream_path,
            auth=route.auth.value,
            scopes=sorted(route.scopes),
            tier=route.tier or None,
            critical=route.critical,
            tenant_from="path" if route.tenant_from_path else "header",
            timeouts=ExplainedTimeouts(
                connect_seconds=route.timeouts.connect,
                response_seconds=route.timeouts.response,
                idle_seconds=route.timeouts.idle,
            ),
            max_body_bytes=route.max_body_bytes,
            websocket=None if route.websocket is None else ExplainedWebSocket.of(route.websocket),
        )


class ExplainedPolicy(Answer):
    """One limit."""

    name: str
    setting: str = Field(description="Where it stands in the document; a route's by the route's name.")
    requests: int
    window_ms: int
    algorithm: str


class ExplainedLimits(Answer):
    """The limits of one kind of caller."""

    caller: Caller = Field(
        description="`unproven`: a credential that has proved nobody yet, before it is looked up; failures count."
    )
    setting: str = Field(description="The most specific setting, which decides; it may say that there is no limit.")
    counted_by: Literal["principal", "address"] = Field(
        description="Whose the counter of the caller's own limit is: all credentials of a principal share one, and all "
        "addresses of an IPv6 /64. `limits.tenant` has one for all callers."
    )
    policies: list[ExplainedPolicy] = Field(
        description="The caller's own first, then the tenant's; empty: no limit. A key with a tier may have another."
    )
    on_outage: str | None

    @classmethod
    def of(cls, caller: Caller, limits: CallerLimits) -> Self:
        """The limits in the API's form."""
        plan = limits.plan
        return cls(
            caller=caller,
            setting=limits.setting,
            counted_by=limits.counted_by,
            policies=[
                ExplainedPolicy(
                    name=each.name,
                    setting=each.setting,
                    requests=each.rate.requests,
                    window_ms=each.rate.window_millis,
                    algorithm=each.algorithm.name.lower(),
                )
                for each in (() if plan is None else plan.policies)
            ],
            on_outage=None if plan is None else plan.outage.value,
        )


class ExplainedCors(Answer):
    """The rules for cross-origin requests."""

    origins: list[str]
    credentials: bool
    methods: list[str]
    headers: list[str]
    expose: list[str]
    max_age_seconds: int

    @classmethod
    def of(cls, rules: CorsRules) -> Self:
        """The rules in the API's form."""
        return cls(
            origins=sorted(rules.origins),
            credentials=rules.credentials,
            methods=list(rules.methods),
            headers=list(rules.headers),
            expose=list(rules.expose),
            max_age_seconds=rules.max_age,
        )


class ExplainedRefusal(Answer):
    """Why the tenant's state refuses the request, whoever calls."""

    status: int
    code: str
    detail: str

    @classmethod
    def of(cls, refusal: Refusal) -> Self:
        """The refusal in the API's form."""
        return cls(status=refusal.status, code=refusal.code, detail=refusal.detail)


class ExplainedLoser(Answer):
    """A route that does not take the request."""

    name: str
    prefix: str
    reason: Literal["host", "prefix", "headers", "wider_host", "shorter_prefix", "method", "fewer_conditions", "later"]
    detail: str

    @classmethod
    def of(cls, loser: Loser) -> Self:
        """The route in the API's form."""
        return cls(name=loser.route.name, prefix=loser.route.prefix, reason=loser.loss.value, detail=loser.detail)


class Explained(Answer):
    """What the edge does with a request by the newest document."""

    outcome: Literal["route", "builtin", "not_found", "method_not_allowed", "ambiguous_path"]
    detail: str
    method: str
    host: str
    host_bound: bool = Field(description="False: only API keys of the tenant bring requests for this host here.")
    path: str | None = Field(description="The canonical path; null when it is ambiguous.")
    config_version: int
    inherited: bool = Field(description="True: the document is that of the tenant `default`.")
    builtin: str | None = Field(description="The edge's own endpoint that answers.")
    allow: list[str] = Field(description="The methods that the path takes, of a 405.")
    route: ExplainedRoute | None
    refused: ExplainedRefusal | None
    limits: list[ExplainedLimits]
    cors: ExplainedCors | None = Field(description="Null: the upstream answers for itself.")
    losers: list[ExplainedLoser] = Field(description="Those that came closest first, 20 at most.")
    losers_left_out: int

    @classmethod
    def of(cls, explanation: Explanation, question: Question, record: tenant_pb2.Tenant, view: TenantView) -> Self:
        """The explanation in the API's form."""
        callers: tuple[tuple[Caller, CallerLimits | None], ...] = (
            ("authenticated", explanation.authenticated),
            ("anonymous", explanation.anonymous),
            ("unproven", explanation.unproven),
        )
        return cls(
            outcome=explanation.outcome.value,
            detail=explanation.detail,
            method=question.method,
            host=question.host,
            host_bound=question.host in record.hosts,
            path=explanation.path,
            config_version=view.rules.version,
            inherited=view.rules.tenant != record.id,
            builtin=explanation.builtin,
            allow=list(explanation.allow),
            route=None
            if explanation.route is None
            else ExplainedRoute.of(explanation.route, explanation.upstream_path or ""),
            refused=None if explanation.refusal is None else ExplainedRefusal.of(explanation.refusal),
            limits=[ExplainedLimits.of(caller, found) for caller, found in callers if found is not None],
            cors=None if explanation.cors is None else ExplainedCors.of(explanation.cors),
            losers=[ExplainedLoser.of(each) for each in explanation.losers],
            losers_left_out=explanation.losers_left_out,
        )
