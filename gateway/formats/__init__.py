"""One package per standard: read, judge, acknowledge, map and generate its messages.

Owns what a standard says, and alone imports the native module. Must not know agreements' storage, transports,
files or databases; no standard's package knows another's.
"""
