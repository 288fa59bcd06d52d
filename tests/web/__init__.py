"""The web app in a real Chromium, through a real Envoy, in front of real workers."""
