"""Octets in, octets out: what an upstream reads is what the edge logged, or the edge refused and it saw nothing.

reference     a strict reader of requests by RFC 9112, which shares nothing with the edge; pure
answers       a strict reader of answers; pure
trace         what came of one client's connection
oracle        judges a trace: where what was sent, logged, passed on and answered differ; pure
transport     a transport of memory
upstream      upstreams of memory that record
memory        the real edge between the two
sockets       the real edge over real sockets, and an upstream that records
case          one case: octets and what must come of them; pure
cases/        the cases, a table for each family; catalogue has them all
mutations     cases with something wrong in them, made from a seed; pure
fuzz          the command: as many mutations as wanted
corpus        cases of others, from a file that may be there
"""
