"""From findings to people: incidents, the outbox, deliveries to links and duty leaders with their receipts."""
