"""What puts the app into Azure: its package, and the infrastructure around it."""
