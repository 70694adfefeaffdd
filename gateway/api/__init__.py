"""The HTTP API for downstream applications, with health and metrics.

Owns its resources, tokens and problem documents. Must not know partners' transports, SQL or the operators' pages.
"""
