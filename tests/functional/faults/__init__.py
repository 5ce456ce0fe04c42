"""Every remote call with every fault, by every trigger."""
