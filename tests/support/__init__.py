"""Real parts for tests, shared by all of them.

stores      fixtures `postgres` (server), `database_url` (fresh database), `valkey` (flushed, redis URL)
services    fixture `service_host`: gRPC services on a Unix socket with the svckit chain, channels by caller
configsvc   configsvc's stream, played over real gRPC
envoys      a real Envoy with a filter that asks a service
recorders   an HTTP server that keeps the heads of requests
background  an async context manager kept open on a thread of its own, for session fixtures
"""
