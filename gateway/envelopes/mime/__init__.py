"""MIME parts: headers, boundaries, transfer encodings, without I/O.

Owns their syntax. Must not know AS2, MLLP or what a part holds.
"""
