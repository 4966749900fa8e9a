"""How devices speak: topics, payloads and the decoder that turns both into observations."""
