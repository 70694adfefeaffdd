"""Everything that varies and is data: guides, rules, dictionary, mappings, partners, settings.

Alone reads schemas/, mappings/, partners and settings; checks them (lint) and compiles them to programs.
Must not know messages on their way, stores, transports or pages.
"""
