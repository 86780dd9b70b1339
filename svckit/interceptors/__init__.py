"""What stands around every handler, one concern a file, composed once per method when it is mounted.

    shape        the one callable shape that all four kinds of rpc are brought to
    request_id   the id that log lines, answers and further calls share
    observe      a log line and metrics per call
    faults       failures become catalogue statuses; no exception's text leaves
    capacity     so many calls at a time; the rest is refused at once
    deadline     expired work is refused; the time left is known to further calls
    identity     who calls, and whether the method is open to them
    tenant_id    log lines name the tenant that a request names

Nothing here touches single messages of a stream.
"""
