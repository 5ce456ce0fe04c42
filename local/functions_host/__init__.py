"""The Functions host on one machine: it serves an app through Microsoft's own runtime library."""
