"""The plain port of a gateway that serves over TLS: it leads every request to the same URL over https, and serves none.

So it does for what authorities of certificates ask below /.well-known/acme-challenge/: they follow redirects to port
443 and take any certificate there (RFC 8555 §8.3).
"""

from collections.abc import Callable

from edge.client import ClientConnection, Host
from edge.door import redirect, refuse
from edge.http.head import Head
from edge.inbound import InboundRequest
from edge.problems import Refusal, bad_request
from edge.request_id import RequestIds
from edge.visit import Visit

HTTPS_PORT = 443
TEMPLATE = "(redirect)"
NOWHERE = bad_request("Host is missing")


class Redirector:
    """Answers the requests of the plain port. Shares all else with the worker that serves."""

    tls_lines: tuple[bytes, ...] = ()

    def __init__(self, worker: Host, port: int, record: Callable[[Visit], None]) -> None:
        """`port` is where clients find the gateway over TLS."""
        self._worker = worker
        self._port = port
        self._record = record
        self._ids = RequestIds()
        self.limits = worker.limits
        self.proxies = worker.proxies
        self.deadlines = worker.deadlines
        self.now = worker.now

    @property
    def draining(self) -> bool:
        """Whether the worker ends."""
        return self._worker.draining

    async def answer(self, request: InboundRequest, client: ClientConnection) -> bool:
        """Answers one request; tells whether the connection may carry another."""
        head = request.head if isinstance(request.head, Head) else None
        visit = Visit(
            request, self._ids.identity(head.read.get(b"x-request-id") if head else None), client.origin(head)
        )
        visit.template = TEMPLATE
        if self.draining and not client.pipelined:
            request.keep_alive = False
        try:
            if isinstance(request.head, Refusal):
                return refuse(visit, request.head, client)
            if not request.head.host:
                return refuse(visit, NOWHERE, client)
            return redirect(visit, secure_url(request.head, self._port), client)
        finally:
            self._record(visit)


def secure_url(head: Head, port: int) -> bytes:
    """The URL of a request over https, its path and query as they were sent."""
    authority = head.host if port == HTTPS_PORT else f"{head.host}:{port}"
    return b"https://%b%b%b" % (authority.encode("ascii"), head.raw_path, head.query)
