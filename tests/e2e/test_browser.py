"""Pages in a real Chromium call through the suite: what the browser lets them send and read is what counts."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from tests.e2e.browser import Seen, launched_browser, page_origin, permissive_upstream
from tests.e2e.suite import Suite, Tenant
from tests.e2e.upstream import dead_port, echo_upstream

HOST = "pages.localhost"
_FETCH = """
async ([url, options]) => {
    try {
        const answer = await fetch(url, options);
        return {status: answer.status, body: await answer.text(), fields: Object.fromEntries(answer.headers)};
    } catch (error) {
        return {refused: error.name};
    }
}
"""
_SOCKET = """
([url, protocols, messages]) => new Promise(resolve => {
    const socket = new WebSocket(url, protocols), heard = [];
    socket.onopen = () => socket.send(messages[0]);
    socket.onmessage = event => { heard.push(event.data); socket.send(messages[heard.length]); };
    socket.onclose = event => resolve({
        heard, protocol: socket.protocol, extensions: socket.extensions, code: event.code, reason: event.reason,
        clean: event.wasClean,
    });
})
"""
REFUSED = {"refused": "TypeError"}


@dataclass(frozen=True)
class Stage:
    """A tenant whose document lets pages of `app` in, and pages of `shop` on one route only."""

    page: Page
    edge: str
    app: str
    shop: str
    tenant: Tenant
    upstream: Seen

    def fetch(self, path: str, **options: object) -> dict[str, Any]:
        """What the page gets: status, body and readable fields; or that the browser refuses."""
        answer: dict[str, Any] = self.page.evaluate(_FETCH, [self.edge + path, options])
        return answer

    def talk(self, path: str, *messages: str) -> dict[str, Any]:
        """How a WebSocket of the page goes that sends each message after the echo of the one before."""
        url = self.edge.replace("http", "ws") + path
        found: dict[str, Any] = self.page.evaluate(_SOCKET, [url, ["v1", "v2"], messages])
        return found


def document(upstream: str, sockets: str, app: str, shop: str) -> dict[str, Any]:
    """The config of the tenant."""
    opened = {"service": "up", "auth": "none"}
    return {
        "services": [
            {"name": "up", "targets": [{"url": upstream}]},
            {"name": "sockets", "targets": [{"url": sockets}]},
            {"name": "dead", "targets": [{"url": f"http://127.0.0.1:{dead_port()}"}]},
        ],
        "routes": [
            {"name": "open", "prefix": "/open", **opened},
            {"name": "keyed", "prefix": "/keyed", "service": "up"},
            {"name": "tight", "prefix": "/tight", **opened, "limit": {"anonymous": "1/h"}},
            {"name": "dead", "prefix": "/dead", "service": "dead", "auth": "none"},
            {"name": "shop", "prefix": "/shop", **opened, "cors": {"origins": [shop], "methods": ["PUT"]}},
            {"name": "public", "prefix": "/public", **opened, "cors": {"origins": ["*"]}},
            {"name": "off", "prefix": "/off", **opened, "cors": "off"},
            {
                **{"name": "ws", "prefix": "/ws", "service": "sockets", "auth": "none"},
                **{"websocket": True, "websocket_limits": {"max_message": "1KiB"}},
            },
        ],
        "cors": {
            "origins": [app],
            "credentials": True,
            "methods": ["GET", "PUT"],
            "headers": ["X-Custom", "X-API-Key"],
            "expose": ["X-Total"],
        },
    }


@pytest.fixture(scope="module")
def opened(suite: Suite) -> Iterator[Stage]:
    """The browser and everything around it, once for all tests of this file."""
    with ExitStack() as stack:
        browser = stack.enter_context(launched_browser())
        upstream = stack.enter_context(permissive_upstream())
        sockets = stack.enter_context(echo_upstream())
        app, shop = stack.enter_context(page_origin()), stack.enter_context(page_origin())
        tenant = suite.register(HOST)
        suite.publish(tenant, document(upstream.url, sockets, app, shop))
        edge = f"http://{HOST}:{urlsplit(suite.edge_url).port}"
        yield Stage(browser.new_page(), edge, app, shop, tenant, upstream)


@pytest.fixture
def stage(opened: Stage) -> Stage:
    """The browser with a fresh page of the allowed origin."""
    opened.page.goto(opened.app)
    opened.upstream.requests.clear()
    opened.upstream.released.clear()
    return opened


@pytest.mark.parametrize("credentials", ["omit", "include"])
def test_a_page_of_an_allowed_origin_reads_the_answer_and_what_is_exposed(stage: Stage, credentials: str) -> None:
    answer = stage.fetch("/open/x", credentials=credentials)
    assert (answer["status"], answer["body"], answer["fields"]["x-total"]) == (200, "ok", "7")
    assert "x-request-id" in answer["fields"]
    assert "ratelimit" in answer["fields"]
    assert "x-secret" not in answer["fields"]


def test_a_put_with_a_field_of_its_own_is_sent_after_a_preflight_that_the_upstream_never_sees(stage: Stage) -> None:
    answer = stage.fetch("/open/x", method="PUT", headers={"X-Custom": "1"}, body="b", credentials="include")
    assert answer["status"] == 200
    assert stage.upstream.requests == ["PUT /open/x"]


def test_a_page_calls_with_an_api_key(stage: Stage) -> None:
    assert stage.fetch("/keyed/x", headers={"X-API-Key": stage.tenant.key})["status"] == 200


@pytest.mark.parametrize(
    "options",
    [
        {"method": "DELETE"},
        {"headers": {"X-Other": "1"}},
        {"method": "PUT", "headers": {"X-Custom": "", "X-Other": ""}},
    ],
    ids=["method", "field", "one field of two"],
)
def test_what_is_not_allowed_is_not_sent(stage: Stage, options: dict[str, Any]) -> None:
    assert stage.fetch("/open/x", **options) == REFUSED
    assert stage.upstream.requests == []


def test_a_page_of_another_origin_reads_nothing_and_sends_nothing_that_needs_asking(stage: Stage) -> None:
    stage.page.goto(stage.shop)
    assert stage.fetch("/open/x") == REFUSED
    assert stage.upstream.requests == ["GET /open/x"]
    assert stage.fetch("/open/x", method="PUT") == REFUSED
    assert stage.upstream.requests == ["GET /open/x"]


def test_a_route_lets_in_other_origins_than_the_document(stage: Stage) -> None:
    assert stage.fetch("/shop/x", method="PUT") == REFUSED
    stage.page.goto(stage.shop)
    assert stage.fetch("/shop/x", method="PUT")["status"] == 200
    assert stage.upstream.requests == ["PUT /shop/x"]


def test_a_route_lets_in_everybody_but_nobodys_credentials(stage: Stage) -> None:
    for page in (stage.app, stage.shop, f"{stage.app}/sandboxed"):
        stage.page.goto(page)
        assert stage.fetch("/public/x")["body"] == "ok"
        assert stage.fetch("/public/x", credentials="include") == REFUSED


def test_a_page_without_an_origin_is_refused_elsewhere(stage: Stage) -> None:
    stage.page.goto(f"{stage.app}/sandboxed")
    assert stage.fetch("/open/x") == REFUSED
    assert stage.upstream.requests == ["GET /open/x"]


def test_the_upstream_answers_for_itself_where_the_edge_is_off(stage: Stage) -> None:
    stage.page.goto(stage.shop)
    answer = stage.fetch("/off/x", method="DELETE", headers={"X-Custom": "1"})
    assert (answer["status"], answer["body"]) == (200, "ok")
    assert stage.upstream.requests == ["OPTIONS /off/x", "DELETE /off/x"]


def test_a_page_reads_why_it_was_refused_and_when_to_come_back(stage: Stage) -> None:
    stage.fetch("/tight/x")
    for path, status, code in (
        ("/keyed/x", 401, "TOKEN_MISSING"),
        ("/nowhere", 404, "ROUTE_NOT_FOUND"),
        ("/tight/x", 429, "RATE_LIMITED"),
        ("/dead/x", 502, "DOWNSTREAM_UNREACHABLE"),
    ):
        answer = stage.fetch(path, method="PUT", credentials="include")
        assert answer["status"] == status
        assert f'"code":"{code}"' in answer["body"]
        assert answer["fields"]["x-request-id"] in answer["body"]
        if status == 429:
            assert 0 < int(answer["fields"]["retry-after"]) <= 3600
            assert answer["fields"]["ratelimit"].startswith('"tight";r=0')
            assert answer["fields"]["ratelimit-policy"] == '"tight";q=1;w=3600'


def test_events_arrive_one_by_one(stage: Stage) -> None:
    stage.page.evaluate(
        """url => {
            window.events = [];
            window.source = new EventSource(url, {withCredentials: true});
            source.onmessage = event => { events.push(event.data); if (events.length === 2) source.close(); };
        }""",
        stage.edge + "/open/events",
    )
    stage.page.wait_for_function("events.length === 1")
    stage.upstream.released.set()
    stage.page.wait_for_function("events.length === 2")
    assert stage.page.evaluate("events") == ["first", "second"]


def test_a_page_of_an_allowed_origin_talks_over_a_websocket(stage: Stage) -> None:
    found = stage.talk("/ws/x", "hello", "ünicode", "leave")
    assert found["heard"] == ["hello", "ünicode"]
    assert (found["code"], found["reason"], found["clean"]) == (4001, "as you like", True)
    assert (found["protocol"], found["extensions"].partition(";")[0]) == ("v2", "permessage-deflate")


def test_a_page_that_says_too_much_is_told_so(stage: Stage) -> None:
    noise = "".join(chr(33 + number * 7919 % 5000) for number in range(2000))  # which compresses to no less than 1 KiB
    found = stage.talk("/ws/x", noise)
    assert (found["heard"], found["code"], found["reason"]) == ([], 1009, "a message that is too big")


def test_a_page_of_another_origin_opens_no_websocket(stage: Stage) -> None:
    stage.page.goto(stage.shop)
    found = stage.talk("/ws/x", "hello", "leave")
    assert (found["heard"], found["code"], found["clean"]) == ([], 1006, False)
