"""The Functions host on one machine: serves an app through Microsoft's own runtime library."""
