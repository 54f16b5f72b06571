"""CDS Hooks: services and prefetch from plans, requests from JSON, cards from applied trees. No HTTP here."""
