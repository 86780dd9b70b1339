"""How connections come in that do not begin with HTTP: what is done with them before their first request.

proxy_protocol  the header by which a balancer names its client: pure
server_names    which certificate a client gets that asks for a name: pure
certificates    certificates with their keys, read from files and judged
tls             what all of them have in common; who asked for which name
rotation        the certificates in use, exchanged when their files change
acceptor        takes connections from a socket, as many at a time as it may open
redirect        the plain port that leads to the other one
"""
