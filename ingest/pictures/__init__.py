"""Collectors of cameras' pictures: asked for over HTTP, or sent to us over MQTT. Pixels are looked at elsewhere."""
