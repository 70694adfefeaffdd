"""Adapters of the pipeline's ports that keep things: ledger, archive, brokers.

Owns SQL, files and durability. Must not know HTTP, partners' protocols or what a message says.
"""
