"""Lets the app run under load and trouble, and sees what is left of it: `make soak`."""
