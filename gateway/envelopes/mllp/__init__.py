"""MLLP frames around HL7 v2 messages, without I/O.

Owns the framing and its limits. Must not know sockets, AS2 or what the frame holds.
"""
