"""Tests of the kind functional."""
