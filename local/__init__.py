"""The whole world of the app on one machine: its servers on loopback and the Functions host."""
