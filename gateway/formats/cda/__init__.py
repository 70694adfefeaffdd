"""CDA documents: reading, findings and mapping.

Owns what CDA and its templates say. Must not know how documents travel or are kept, nor X12 and HL7 v2.
"""
