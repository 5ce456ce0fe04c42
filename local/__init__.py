"""Everything the app needs, on one machine: its servers on loopback and the Functions host."""
