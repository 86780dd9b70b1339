"""What happened? Records of edges in, by tenant; read back by tenant. Never in the way of a request.

__main__      `python -m telemetrysvc` and `… migrate`
settings      what the process is told
composition   what is built of what, and who may call it
tenants       the registry of tenants and their schemas: provision, purge, migrate
partitions    the months of `requests`
batches       a message of an edge as rows, validated and bounded
wire          a message that cannot be parsed as a whole, taken apart
commits       batches of many streams, a few transactions
store         rows into tables, each once; a bad one alone
ingest        IngestService
provisioning  ProvisioningService
query         QueryService
selects       the statements of QueryService
pages         page tokens
checks        names and bounds of request fields, on top of svckit.field_checks
migrations/   shared: the registry; tenant: the tables of one tenant
"""
