"""HIPAA X12: reading, findings, acknowledgements (TA1, 999, 997), mapping and generation.

Owns what X12 and its guides say. Must not know how messages travel or are kept, nor HL7 v2 and CDA.
"""
