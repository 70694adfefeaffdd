"""The operators' web pages.

Owns pages and what an operator may see. Must not know partners' transports, SQL or the downstream API.
"""
