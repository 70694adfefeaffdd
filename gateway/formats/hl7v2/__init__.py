"""HL7 v2: reading, findings, acknowledgements, mapping and generation.

Owns what HL7 v2 says. Must not know how messages travel or are kept, nor X12 and CDA.
"""
