"""Wires the ports to their adapters: the one place that knows all of them.

Owns what is opened in which order and what a reload swaps. Must not decide what happens to a message. Nothing connects
at import, and the server's modules are imported only by what runs one.
"""
