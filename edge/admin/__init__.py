"""The management API: a process of its own (`python -m edge.admin`) in front of the services' gRPC.

__main__: composition · server, connection: the process's life, one connection · app, routing: what is served
access: who may do what (pure table) · admission: the door that asks it · rim: ids, limits, headers, log lines
problems: every refusal · conditional, documents: versions and forms · readiness · services: the stubs
forward_auth: requests judged for nginx, Traefik and the like (pure) · description: OpenAPI · models: shapes
routes: handlers
"""
