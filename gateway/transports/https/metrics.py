"""What the front door counts, for Prometheus.

Owns names and labels. Must not count anything that names a partner or a person: labels are our own words.
"""

from prometheus_client import Counter

EXCHANGES = Counter("gateway_exchanges", "Bodies received on POST /exchange, by outcome", ["outcome"])
REFUSALS = Counter("gateway_exchange_refusals", "Requests refused before a body was taken, by problem", ["problem"])
AS2_MESSAGES = Counter("gateway_as2_requests", "Requests on POST /as2, by what became of them", ["outcome"])
