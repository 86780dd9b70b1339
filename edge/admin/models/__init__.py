"""The shapes of the management API, one file per noun, each with its translation from and to the contract.

shapes: what all bodies share · times: RFC 3339 · faults: problems and document faults ·
tenants, configs, gateways, keys, records, tokens: the nouns
"""
