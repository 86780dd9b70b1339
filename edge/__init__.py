"""The HTTP edge.

The way of a request
    client        a client's connection: parser, strict gate, requests in their order
    inbound       one request on its way in
    journey       the way from the head to the answer, step by step
    pace          how slow its body may be
    visit         what is found out about it; records what remains of it
    tenancy       whose config governs, in whose name it acts
    routing       which route takes it
    permission    may this principal do this here, now
    cors          cross-origin requests
    standing      what the requests of one connection have in common
    repeat        the short way of one that repeats the one before it
    forwarding    to the upstream and back; exchange pumps one request and its answer
    door          how answers of the edge's own leave; problems gives refusals their form

What it stands on
    http/         heads, fields, paths, framing: pure
    auth/         who is calling: cache, look-ups, invalidations, leases
    limits/       how much they may call: policies, the stream to ratelimitsvc, local windows
    config/       the config in force: compiled from the stream, kept warm
    listener/     connections before their first request: TLS, balancers, the port that leads to https
    telemetry/    records on their way to telemetrysvc: spool, exporter
    upstream/     connections to targets
    websocket/    tunnels
    snapshot, principal   the values of config and identity
    deadlines     many deadlines at the price of an attribute
    story         coroutines without tasks
    resilience    how a service bears the failures of its targets: values
    request_id, instance  ids; sampling chooses by them

What it says of itself
    access_log, records   a line, a record and a count for each request; redaction hides secrets
    target_records  what was learned of targets: health snapshots, log lines, counts
    tally, tally_files, metrics   counts: kept, left in a file, shown
    readiness     ready or not, and what is away
    service_health  how the services behind it are doing, asked when somebody wants to know
    builtin/      its own endpoints, behind the bridge
    admin/        the management API, a process of its own
    explain       which route takes a request, and why no other does

    worker        the composition root; server, collector and settings beside it, environment for settings of other
                  names
"""
