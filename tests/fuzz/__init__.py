"""Everything that reads what others write, given whatever they might."""
