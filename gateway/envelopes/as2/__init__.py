"""AS2 messages and their receipts (MDN), without I/O.

Owns signing, encryption, compression and receipts as bytes. Must not know HTTP, partners, MLLP or the payload.
"""
