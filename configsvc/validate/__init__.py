"""The rules that a config document must keep, all checked at once. Pure.

- `names`     the forms of names, hosts, paths
- `lists`     names one after the other, with those that stood before
- `findings`  faults and warnings, with paths into the document
- `document`  the whole document: the entry
- `services` `routes` `policies`  its parts
- `reach`     warnings of what can never match or is never used
- `pending`   warnings of what is kept but not in force yet
"""
