"""Fields that say who is calling: removed in every spelling; one that chooses the tenant is refused when disguised."""

from tests.edge.wire.case import NEXT, Case, Passed, chunked, get, passes, refused

NAMES = (
    b"X-User-ID X-User-Email X-User-Role X-User-Type X-Service-Name X-Subscription-Tier X-Subscription-Status "
    b"X-Is-Demo X-Demo-Session-ID X-Demo-Account-Type X-Tenant-Access-Type X-Can-View-Children X-Parent-Tenant-ID "
    b"X-Forwarded-By"
).split()
SPELLINGS = (
    b"x-user-id X-USER-ID x_user_id X_USER_ID X-User_ID X.User.ID x-user.id X_User-Role x.forwarded.by "
    b"X_Forwarded_For X.Forwarded.Host x_forwarded_proto X_Request_ID Transfer_Encoding Content_Length "
    b"Content.Length X_API_Key Proxy_Authorization x_is_demo"
).split()
TENANT = b"0190a000-0000-7000-8000-000000000001"

CASES: tuple[Case, ...] = (
    *(passes(name.decode(), get(name + b": admin") + NEXT, "GET /x", "GET /next") for name in (*NAMES, *SPELLINGS)),
    passes("twice", get(b"X-User-ID: a", b"X-User-ID: b") + NEXT, "GET /x", "GET /next"),
    passes("X-Tenant-ID of nobody", get(b"X-Tenant-ID: " + TENANT) + NEXT, "GET /x", "GET /next"),
    refused("X-Tenant-ID twice", get(b"X-Tenant-ID: " + TENANT, b"X-Tenant-ID: " + TENANT) + NEXT),
    refused("x_tenant_id", get(b"x_tenant_id: " + TENANT) + NEXT),
    refused("X.Tenant.ID", get(b"X.Tenant.ID: " + TENANT) + NEXT),
    refused("X-Tenant-ID in two spellings", get(b"X-Tenant-ID: " + TENANT, b"X-Tenant_ID: " + TENANT) + NEXT),
    refused("two Authorization", get(b"Authorization: Bearer a", b"Authorization: Bearer b") + NEXT),
    refused("Authorization and a key", get(b"Authorization: Bearer a", b"X-API-Key: b") + NEXT),
    refused("two keys", get(b"X-API-Key: a", b"X-API-Key: b") + NEXT),
    passes("Authorization ends here", get(b"Authorization: Bearer a") + NEXT, "GET /x", "GET /next"),
    passes("a key ends here", get(b"X-API-Key: a") + NEXT, "GET /x", "GET /next"),
    refused("X-Request-ID twice", get(b"X-Request-ID: a", b"X-Request-ID: b") + NEXT),
    passes("X-Request-ID that is none", get(b"X-Request-ID: a b;c") + NEXT, "GET /x", "GET /next"),
    passes("X-Forwarded-Host", get(b"X-Forwarded-Host: b") + NEXT, "GET /x", "GET /next"),
    passes(
        "a field that only looks like one",
        get(b"X-User-IDs: a", b"XX-User-ID: b") + NEXT,
        Passed("GET /x", b"", (b"X-User-IDs: a", b"XX-User-ID: b")),
        "GET /next",
    ),
    passes(
        "in a body",
        chunked(b"14\r\n\r\nX-User-ID: admin\r\n\r\n0\r\n\r\n") + NEXT,
        Passed("POST /x", b"\r\nX-User-ID: admin\r\n"),
        "GET /next",
    ),
)
