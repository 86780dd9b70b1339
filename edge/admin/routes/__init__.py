"""The handlers of the management API, one file per noun. Thin: a shape in, one call, a shape out.

tenants, configs, gateways, keys, records, tokens: design §9's rows · forward_auth: for other gateways
pages: liveness, readiness, metrics, schema
"""
