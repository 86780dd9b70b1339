"""The cases, a module for each family.

codings      Transfer-Encoding beside Content-Length, and in every disguise
lengths      Content-Length in every form
bodies       bodies where none is usual, and bodies that do not come
chunks       sizes, ends and extensions of chunks
trailers     fields after a chunked body
fields       the syntax of field lines
sizes        what is too long and too many
hosts        Host
targets      forms of the request target
paths        paths that two parties could read in two ways
lines        the request line
hops         fields that concern one connection
upgrades     Upgrade
expectations Expect
identities   fields that say who is calling
pipelines    several requests on a connection
"""
