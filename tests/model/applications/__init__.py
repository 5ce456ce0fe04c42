"""The model of applications: objects that list vault secrets, and the Secrets they lead to."""
