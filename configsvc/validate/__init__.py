"""The rules that a config document must keep, all checked at once. Pure.

- `names`     the forms of names, hosts, paths
- `findings`  faults and warnings, with paths into the document
- `document`  the whole document: the entry
- `services` `routes` `policies`  its parts
"""
