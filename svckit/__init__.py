"""What every process of ours shares. It knows no tenant, route, key or limit.

The life of a process
    settings       what the process is told, all faults at once
    logs           one JSON object a line, with the ids of the request
    log_output     where lines go: a thread that waits for the reader, so that nobody else does
    rim            what is around the work of any process: logs, loop, signals, exit codes
    server         NOT_SERVING → start → SERVING → drain → stop → close
    drain          the event on which open streams end themselves
    health         standard health and reflection
    metrics        rpc metrics, and the page that shows them

A call
    switchboard    finds the handler; there before the handlers are
    interceptors/  what stands around every handler
    call_context   request id, caller and deadline of the call being served
    request_ids    which ids of requests are kept
    identity       process keys and tokens
    guests         a listener for programs that have no process key, such as an Envoy
    teams          other processes that may call, by name
    channels       calls to other services
    config_watch   what configsvc streams, for services that read along
    message_bounds how long a message may be, by the service that is called
    side_by_side   the two directions of a stream, until one ends
    errors         the catalogue: reason ↔ HTTP ↔ gRPC
    field_checks   what is wrong with a request, all of it at once

What a service stands on
    postgres       a pool that waits for its server
    migrations     numbered SQL files per schema
    encryption     secrets at rest
    secret_files   files with a secret, closed to others
    backoff, ids   waits between attempts; identifiers that sort by time

A service is a spec and a composition root; its `__main__` is this:

    METHODS = {"/penstock.auth.v1.KeyService/CreateKey": frozenset({"admin"})}

    async def start(stack: AsyncExitStack, runtime: Runtime[AuthSettings]) -> Sequence[Mount]:
        pool = await stack.enter_async_context(open_pool(url, application=runtime.name))
        runtime.tasks.create_task(sweep_expired(pool))
        return [Mount(add_KeyServiceServicer_to_server, KeyService(pool, runtime.drain))]

    if __name__ == "__main__":
        serve_or_migrate(sys.argv[1:], ServiceSpec("authsvc", METHODS, start), AuthSettings, migrate)

A service without a database has `main(ServiceSpec(…), …)` in place of the last line.

A watch handler ends with the process: `async for event in runtime.drain.until(events): yield event`.
"""
