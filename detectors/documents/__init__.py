"""Rules as documents: their form, how they are read, what is wrong with them, and those that ship."""
