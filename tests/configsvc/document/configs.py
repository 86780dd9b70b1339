"""Generated GatewayConfig messages that the friendly form can express."""

from google.protobuf.duration_pb2 import Duration
from hypothesis import strategies as st
from penstock.config.v1 import gateway_config_pb2 as pb

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=8)
spans = st.integers(0, 10**12).map(lambda ms: Duration(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000))
rates = st.builds(
    pb.Rate, requests=st.integers(1, 1_000_000), window=spans.filter(lambda span: span != Duration())
) | st.just(pb.Rate(unlimited=True))
counts = st.integers(0, 2**32 - 1)
timeouts = st.builds(pb.Timeouts, connect=st.none() | spans, response=st.none() | spans, idle=st.none() | spans)
algorithms, outages = st.sampled_from([0, 1, 2]), st.sampled_from([0, 1, 2, 3])
services = st.builds(
    pb.Service,
    name=texts,
    targets=st.lists(st.builds(pb.Target, url=texts, weight=counts), max_size=2),
    timeouts=st.none() | timeouts,
    health=st.none()
    | st.builds(pb.HealthCheck, path=texts, interval=st.none() | spans, unhealthy_after=counts, healthy_after=counts),
    retries=st.none() | st.builds(pb.Retries, attempts=counts, budget_percent=st.integers(0, 100)),
    breaker=st.none() | st.builds(pb.Breaker, failures=counts, open=st.none() | spans),
    balance=st.none()
    | st.builds(
        pb.Balance,
        policy=st.sampled_from([0, 1, 2, 3]),
        hash_header=texts,
        slow_start=st.none() | spans,
        panic_percent=st.none() | st.integers(0, 100),
    ),
    connections=st.none() | st.builds(pb.ConnectionLimits, max=counts, idle=st.none() | spans),
    tls=st.none() | st.builds(pb.UpstreamTls, ca_pem=texts, server_name=texts),
    forward_authorization=st.booleans(),
)
route_limits = st.builds(
    pb.RouteLimit,
    authenticated=st.none() | rates,
    anonymous=st.none() | rates,
    algorithm=algorithms,
    on_outage=outages,
)
cross_origin = (
    st.none()
    | st.just(pb.Cors(off=True))
    | st.builds(
        pb.Cors,
        origins=st.lists(texts, max_size=2),
        credentials=st.booleans(),
        methods=st.lists(texts, max_size=1),
        headers=st.lists(texts, max_size=1),
        expose=st.lists(texts, max_size=1),
        max_age=st.none() | spans,
    )
)
websocket_limits = st.builds(
    pb.WebSocketLimits,
    max_message_bytes=st.none() | st.integers(0, 2**53 - 1),
    messages=st.none() | rates,
    idle=st.none() | spans,
)
routes = st.builds(
    pb.Route,
    name=texts,
    prefix=texts,
    methods=st.lists(texts, max_size=2),
    hosts=st.lists(texts, max_size=2),
    headers=st.dictionaries(texts, texts, max_size=2),
    service=texts,
    auth=st.sampled_from([0, 1, 2, 3]),
    scopes=st.lists(texts, max_size=2),
    tier=texts,
    tenant_from=st.sampled_from([0, 1, 2]),
    limit=st.none() | route_limits,
    strip_prefix=st.booleans(),
    rewrite=texts,
    timeouts=st.none() | timeouts,
    max_body_bytes=st.none() | st.integers(0, 2**53 - 1),
    websocket=st.booleans(),
    websocket_limits=st.none() | websocket_limits,
    critical=st.booleans(),
    allow_encoded_slashes=st.booleans(),
    cors=cross_origin,
)
descriptors = st.builds(
    pb.DescriptorLimit,
    name=texts,
    match=st.lists(
        st.builds(pb.DescriptorEntry, key=texts.filter(lambda key: "=" not in key), value=st.none() | texts), max_size=2
    ),
    limit=st.none() | rates,
    algorithm=algorithms,
)
limits = st.builds(
    pb.Limits,
    authenticated=st.none() | rates,
    anonymous=st.none() | rates,
    tenant=st.none() | rates,
    failed_authentication=st.none() | rates,
    legacy_headers=st.booleans(),
    algorithm=algorithms,
    tiers=st.dictionaries(texts, rates, max_size=2),
    on_outage=outages,
    descriptors=st.lists(descriptors, max_size=2),
)
configs = st.builds(
    pb.GatewayConfig,
    inherit_default=st.booleans(),
    services=st.lists(services, max_size=2),
    routes=st.lists(routes, max_size=2),
    limits=st.none() | limits,
    cors=cross_origin,
    issuers=st.lists(
        st.builds(
            pb.Issuer,
            issuer=texts,
            jwks_url=texts,
            public_key_pem=texts,
            audience=texts,
            algorithms=st.lists(texts, max_size=1),
        ),
        max_size=2,
    ),
    subscription=st.none()
    | st.builds(pb.SubscriptionPolicy, grace=st.none() | spans, tiers=st.lists(texts, max_size=2)),
    registration=st.sampled_from([0, 1, 2]),
    imported_keys=st.booleans(),
)
