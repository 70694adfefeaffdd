"""The gateway: takes health-care messages from trading partners, answers and hands them on as canonical XML.

Owns nothing itself: every noun and act stands in a package below. Imports point down: cli, bootstrap,
(console, api, transports, stores, definitions), pipeline, formats, envelopes, model.
"""
