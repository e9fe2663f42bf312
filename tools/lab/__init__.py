"""A laboratory of network namespaces: a client, a router, a balancer and three servers.

The demo and the end-to-end tests run the real binaries in it; see README.md.
"""
